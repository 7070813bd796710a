"""A masked model reads the same places whether its answer is known or asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny_masked
from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.errors import UserError
from tutelage.prompt.masked_answer import MaskedAnswer
from tutelage.prompt.negatives import Negatives
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.tree import merge

KINDS = ["bert", "roberta"]
TOKENIZERS = {kind: tiny_masked.make_tokenizer(kind) for kind in KINDS}


def renderer(kind: str = "bert", negatives: Negatives = Negatives.IGNORED, **options) -> Renderer:
    chosen = PromptOptions(**{"answer_tokens": 6, **options})
    return Renderer(tiny_masked.make_tokenizer(kind), chosen, negatives, MaskedAnswer)


def example(*contents: str, **fields) -> Example:
    roles = ("user", "assistant") * len(contents)
    messages = tuple(Message(role, said) for role, said in zip(roles, contents, strict=False))
    return Example(messages, Source("made.jsonl", 0), **fields)


def only(rendering) -> Rendered:
    (sequence,) = rendering.sequences
    return sequence


@pytest.mark.parametrize("kind", KINDS)
def test_the_layout(kind: str) -> None:
    ours = renderer(kind)
    asked = example("is the film good?", "good")
    sequence, tokenizer = only(ours.render([asked])[0]), ours.tokenizer
    ids = sequence.ids.tolist()
    assert ids[0] == tokenizer.cls_token_id
    assert ids[-1] == tokenizer.sep_token_id
    assert ids[-8:-1] == [tokenizer.mask_token_id] * 7
    prompt = tokenizer.encode("is the film good?\n\nAnswer:", add_special_tokens=False)
    assert ids[1:-8] == prompt
    assert ids == ours.prompt_ids(asked.prompt)
    said = sequence.predicted[sequence.weights > 0].tolist()
    words = tokenizer.encode(" good", add_special_tokens=False)
    assert said == [*words, tokenizer.sep_token_id]
    assert sequence.stop_trained
    assert ours.answer(said) == "good"
    assert ours.answer(said[:-1]) == "good"


@given(
    kind=st.sampled_from(KINDS),
    question=st.text(max_size=20),
    words=st.text("abcdefgh ,.<[]>/MASK", max_size=8),
)
def test_nothing_but_the_labels_tells_the_answer(kind: str, question: str, words: str) -> None:
    ours = Renderer(TOKENIZERS[kind], PromptOptions(answer_tokens=30), form=MaskedAnswer)
    asked = example(question, words)
    sequence = only(ours.render([asked])[0])
    assert sequence.ids.tolist() == ours.prompt_ids(asked.prompt)
    blanks = sequence.ids == ours.form.blank
    assert blanks.sum() == 31  # control tokens of the data are no places
    assert not (sequence.weights > 0)[~blanks].any()
    assert (sequence.labels == sequence.ids)[~blanks].all()
    said = sequence.predicted[sequence.weights > 0]
    assert said[-1] in ours.stop_ids
    if kind == "roberta":  # whose bytes lose nothing
        assert ours.answer(said.tolist()) == words


def test_every_turn_is_a_sequence_of_its_own() -> None:
    ours = renderer()
    talk = example("is the film good?", "good", "the cat?", "bad")
    first, second = ours.render([talk])[0].sequences
    assert first.ids.tolist() == ours.prompt_ids(talk.messages[:1])
    assert second.ids.tolist() == ours.prompt_ids(talk.messages[:3])
    text = ours.tokenizer.decode(second.ids[1:-8].tolist())
    assert text.count("answer :") == 2
    (last,) = renderer(loss_on="last").render([talk])[0].sequences
    assert last.ids.tolist() == second.ids.tolist()


def test_an_answer_without_room_is_set_aside() -> None:
    ours = renderer(answer_tokens=2)
    rendering = ours.render([example("which?", "the cat sat on the mat")])[0]
    assert rendering.fate is Fate.DROPPED
    assert rendering.reason is Reason.ANSWER_TOO_LONG
    assert "6 tokens, and prompt.answer_tokens is 2" in rendering.detail
    assert ours.render([example("which?", "the cat")])[0].fate is Fate.KEPT


@pytest.mark.parametrize(
    ("policy", "fate"), [("drop", Fate.DROPPED), ("truncate_prompt", Fate.TRUNCATED)]
)
def test_a_long_prompt_keeps_its_places(policy: str, fate: Fate) -> None:
    ours = renderer(max_tokens=30, over_long=policy)
    rendering = ours.render([example("the cat sat. " * 20, "good")])[0]
    assert rendering.fate is fate
    if rendering.sequences:
        sequence = only(rendering)
        assert len(sequence) == 30
        assert (sequence.ids == ours.form.blank).sum() == 7
        assert sequence.ids[0] == ours.tokenizer.cls_token_id
        assert sequence.ids[-1] == ours.tokenizer.sep_token_id
        assert ours.answer(sequence.predicted[sequence.weights > 0].tolist()) == "good"


def test_an_answer_is_never_cut() -> None:
    ours = renderer(max_tokens=30, over_long="truncate_response")
    rendering = ours.render([example("the cat sat. " * 20, "good")])[0]
    assert rendering.fate is Fate.DROPPED
    assert rendering.reason is Reason.OVER_LONG


def test_equal_prompts_are_read_once_and_predict_every_answer() -> None:
    ours = renderer()
    said = ["good", "bad", "good"]
    asked = [example("is the film good?", word) for word in said]
    asked.append(example("is the film good!", "bad"))
    sequences = [only(rendering) for rendering in ours.render(asked)]
    forest = merge(sequences)
    assert len(forest.segments) == 2
    assert all(segment.parent == -1 for segment in forest.segments)
    assert len(forest) == 2 * len(sequences[0])
    assert (forest.ids[forest.predictors] == ours.form.blank).all()
    assert forest.weights.sum() == sum(sequence.weights.sum() for sequence in sequences)
    good = only(ours.render(asked[:1])[0])
    first = good.predicted[good.weights > 0][0]
    assert forest.weights[forest.targets == first].tolist() == [2.0]


def test_an_undesired_answer_counts_from_where_it_differs() -> None:
    asked = example("is the film good?", "good film", negatives=("good cat",))
    for use in (Negatives.PAIRED, Negatives.UNDESIRED):
        rendering = renderer(negatives=use).render([asked])[0]
        assert rendering.fate is Fate.KEPT
        (negative,) = rendering.negatives
        assert negative.ids.tolist() == only(rendering).ids.tolist()
        counted = 3 if use is Negatives.PAIRED else 2
        assert np.count_nonzero(negative.weights) == counted
    same = example("is the film good?", "good film", negatives=("good film",))
    for use in (Negatives.PAIRED, Negatives.UNDESIRED):
        assert renderer(negatives=use).render([same])[0].reason is Reason.NO_CONTRAST


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    tokenizer = tiny_masked.make_tokenizer()
    tokenizer.mask_token = None
    with pytest.raises(UserError, match="no mask token"):
        Renderer(tokenizer, PromptOptions(), form=MaskedAnswer)
