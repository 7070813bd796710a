"""What is kept of a conversation that is too long, position by position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tokenizer import CHATML, byte_tokenizer

from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.errors import UserError
from tutelage.prompt.length import fit, prompt_ends
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer, Rendering


def rendered(policy: str, limit: int, *contents: str, template: str = CHATML) -> Rendering:
    options = PromptOptions.model_validate({"over_long": policy, "max_tokens": limit})
    made = Renderer(byte_tokenizer(template), options)
    roles = ["user", "assistant"] * len(contents)
    turns = tuple(Message(role, content) for role, content in zip(roles, contents, strict=False))
    return made.render([Example(turns, Source("rows.jsonl", 7))])[0]


@st.composite
def weights(draw: st.DrawFn) -> np.ndarray:
    """Loss weights of a sequence: stretches of prompts and answers, an answer last."""
    turns = draw(
        st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=4)
    )
    return np.concatenate([np.repeat([0.0, 1.0], turn) for turn in turns]).astype(np.float32)


@given(weights(), st.integers(8, 90))
def test_a_cut_prompt_keeps_its_ends_and_every_word_of_the_answers(
    loss: np.ndarray, limit: int
) -> None:
    prompt = int(np.flatnonzero(loss)[0])
    rest = len(loss) - prompt
    kept = fit(loss, limit, "truncate_prompt")
    if len(loss) <= limit:
        return
    if limit - rest < 2:
        assert kept is None
        return
    assert kept is not None and len(kept) == limit
    assert np.all(np.diff(kept) > 0)
    assert set(range(prompt, len(loss))) <= set(kept.tolist())
    gone = sorted(set(range(len(loss))) - set(kept.tolist()))
    assert gone == list(range(gone[0], gone[-1] + 1)), "one gap"
    head, tail = gone[0], prompt - 1 - gone[-1]
    assert 0 <= tail - head <= 1, "in the middle"


@given(weights(), st.integers(1, 90))
def test_a_cut_response_keeps_the_beginning_and_ends_in_something_trained(
    loss: np.ndarray, limit: int
) -> None:
    kept = fit(loss, limit, "truncate_response")
    if loss[:limit].sum() == 0:
        assert kept is None
        return
    assert kept is not None
    assert kept.tolist() == list(range(len(kept))) and len(kept) <= limit
    assert loss[kept[-1]] == 1
    assert loss[len(kept) : limit].sum() == 0, "nothing trained is given up needlessly"


@given(st.integers(2, 50), st.integers(0, 50))
def test_the_ends_of_a_prompt(room: int, more: int) -> None:
    length = room + more
    kept = prompt_ends(length, room).tolist()
    assert len(kept) == room == len(set(kept)) and kept == sorted(kept)
    assert kept[0] == 0 and kept[-1] == length - 1


def test_a_conversation_of_exactly_the_limit_is_kept() -> None:
    (sequence,) = rendered("error", 10_000, "Hi", "Yes").sequences
    length = len(sequence.ids)
    for policy in ("error", "drop", "truncate_prompt", "truncate_response"):
        rendering = rendered(policy, length, "Hi", "Yes")
        assert rendering.reason is None and len(rendering.sequences[0].ids) == length


def test_error_names_the_row_and_the_excess() -> None:
    with pytest.raises(UserError, match="over the limit of 30") as caught:
        rendered("error", 30, "Hi" * 50, "Yes")
    assert caught.value.where == "rows.jsonl row 7"
    assert "over_long" in (caught.value.fix or "")


def test_drop_counts_the_row() -> None:
    rendering = rendered("drop", 30, "Hi" * 50, "Yes")
    assert (rendering.fate, rendering.reason) == (Fate.DROPPED, Reason.OVER_LONG)
    assert rendering.sequences == () and "30" in rendering.detail


def test_truncate_prompt_keeps_the_answer_and_its_stop_token() -> None:
    rendering = rendered("truncate_prompt", 60, "a" * 99 + "z" * 99, "Yes")
    (sequence,) = rendering.sequences
    text = byte_tokenizer().decode(sequence.ids)
    assert len(sequence.ids) == 60 and sequence.stop_trained
    assert text.startswith("<|im_start|>user\na") and text.endswith(
        "z<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>"
    )
    assert sequence.supervised_tokens == 4
    assert (rendering.fate, rendering.reason) == (Fate.TRUNCATED, Reason.PROMPT_TRUNCATED)
    assert rendered("truncate_prompt", 60, "a", "y" * 99).reason is Reason.OVER_LONG


def test_truncate_response_gives_up_the_stop_token_and_says_so() -> None:
    rendering = rendered("truncate_response", 60, "Hi", "y" * 99)
    (sequence,) = rendering.sequences
    assert len(sequence.ids) == 60 and not sequence.stop_trained
    assert byte_tokenizer().decode(sequence.ids).endswith("yyy")
    assert (rendering.fate, rendering.reason) == (Fate.TRUNCATED, Reason.RESPONSE_TRUNCATED)
    assert rendered("truncate_response", 60, "a" * 99, "y").reason is Reason.OVER_LONG


def test_a_turn_that_ends_before_the_cut_keeps_its_stop_token() -> None:
    rendering = rendered("truncate_response", 60, "Hi", "Yes", "a" * 99, "No")
    (sequence,) = rendering.sequences
    assert sequence.stop_trained and sequence.supervised_tokens == 4
    assert byte_tokenizer().decode(sequence.ids).endswith("Yes<|im_end|>")
    assert rendering.fate is Fate.TRUNCATED


def test_of_turns_that_are_their_own_sequences_those_that_fit_are_kept() -> None:
    rewrites = CHATML.replace("{{ message['content'] }}", "{{ message['content'] }}{{ loop.last }}")
    turns = ("Hi", "Yes", "a" * 99, "No")
    for policy, kept in (("drop", 0), ("truncate_response", 1), ("truncate_prompt", 2)):
        rendering = rendered(policy, 70, *turns, template=rewrites)
        assert len(rendering.sequences) == kept
        assert all(len(sequence.ids) <= 70 for sequence in rendering.sequences)
        assert all(sequence.stop_trained for sequence in rendering.sequences)
        assert rendering.fate is (Fate.TRUNCATED if kept else Fate.DROPPED)
