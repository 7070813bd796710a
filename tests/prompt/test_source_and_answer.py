"""What encoder-decoders read: the conversation so far on one side, the answer on the other."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import ByT5Tokenizer

from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.prompt.negatives import Negatives
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.source_and_answer import DecoderStart

START, END = 0, 1
TALK = (
    Message("user", "hi"),
    Message("assistant", "hello"),
    Message("user", "who?"),
    Message("assistant", "me"),
)


def renderer(negatives: Negatives = Negatives.IGNORED, **options: object) -> Renderer:
    """Over bytes: no files are needed, and every id is a character."""
    settings = PromptOptions.model_validate(options)
    return Renderer(ByT5Tokenizer(), settings, negatives, DecoderStart(START, None).form)


def example(*messages: Message, negatives: tuple[str, ...] = ()) -> Example:
    return Example(messages, Source("rows.jsonl", 0), negatives=negatives)


@pytest.mark.parametrize("text", ["the cat </s> sat <extra_id_3>", "héllo\nworld", " "])
def test_an_answer_comes_back_and_only_its_end_is_the_end(text: str) -> None:
    made = renderer()
    (sequence,) = made.render([example(TALK[0], Message("assistant", text))])[0].sequences
    assert sequence.source.tolist() == ByT5Tokenizer()("hi")["input_ids"]
    assert sequence.ids[0] == START
    assert np.flatnonzero(sequence.ids == END).tolist() == [len(sequence.ids) - 1]
    assert sequence.weights.tolist() == [0.0] + [1.0] * (len(sequence.ids) - 1)
    assert made.answer(sequence.ids[1:].tolist()) == text.strip()


def test_each_learned_turn_is_a_sequence_with_what_was_said_before() -> None:
    made = renderer()
    sequences = made.render([example(*TALK)])[0].sequences
    tokenizer = made.tokenizer
    assert [tokenizer.decode(one.source[:-1]) for one in sequences] == [
        "hi",
        "User: hi\n\nAssistant: hello\n\nUser: who?",
    ]
    assert [made.answer(one.ids[1:].tolist()) for one in sequences] == ["hello", "me"]
    last = renderer(loss_on="last").render([example(*TALK)])[0].sequences
    assert [one.ids.tolist() for one in last] == [sequences[1].ids.tolist()]
    # What is asked is what was learned from.
    assert made.prompt_ids(TALK[:3]) == sequences[1].source.tolist()


def test_a_call_of_tools_has_no_form() -> None:
    call = {"type": "function", "function": {"name": "find", "arguments": {}}}
    found = renderer().render([example(TALK[0], Message("assistant", "", (call,)))])[0]
    assert (found.fate, found.reason) == (Fate.DROPPED, Reason.TEMPLATE_REFUSED)


def test_negatives_share_the_source() -> None:
    made = renderer(Negatives.PAIRED)
    found = made.render([example(*TALK[:2], negatives=("no", "never"))])[0]
    (chosen,) = found.sequences
    assert [made.answer(one.ids[1:].tolist()) for one in found.negatives] == ["no", "never"]
    for one in found.negatives:
        np.testing.assert_array_equal(one.source, chosen.source)


@pytest.mark.parametrize("policy", ["truncate_prompt", "truncate_response", "drop"])
def test_source_and_answer_are_held_to_the_limit_together(policy: str) -> None:
    asked, said = Message("user", "a" * 20 + "z" * 20), Message("assistant", "b" * 30)
    found = renderer(max_tokens=50, over_long=policy).render([example(asked, said)])[0]
    if policy == "drop":
        assert (found.fate, found.reason) == (Fate.DROPPED, Reason.OVER_LONG)
        return
    (sequence,) = found.sequences
    assert found.fate is Fate.TRUNCATED
    assert len(sequence) == 50
    whole = policy == "truncate_prompt"
    assert (len(sequence.ids) == 32) == sequence.stop_trained == whole
    assert (len(sequence.source) == 41) == (not whole)
    assert sequence.source[-1] == END  # the middle went
