"""Undesired responses as token sequences: which tokens count, what is dropped, how they are cut."""

from __future__ import annotations

import pytest
from made_tokenizer import CHATML, byte_tokenizer

from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.errors import UserError
from tutelage.prompt.negatives import Negatives
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.rendered import Rendered, Rendering
from tutelage.prompt.renderer import Renderer

PROMPT = (Message("user", "Hi"),)
OPENING = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
TURNS = (
    Message("user", "Hi"),
    Message("assistant", "Yes"),
    Message("user", "So"),
    Message("assistant", "Now"),
)


def renderer(use: Negatives, **options: object) -> Renderer:
    return Renderer(byte_tokenizer(CHATML), PromptOptions.model_validate(options), use)


def render(
    made: Renderer, said: str | None, *negatives: str, before: tuple[Message, ...] = PROMPT
) -> Rendering:
    messages = before if said is None else (*before, Message("assistant", said))
    return made.render([Example(messages, Source("rows.jsonl", 0), negatives)])[0]


def shown(made: Renderer, sequence: Rendered) -> str:
    """The text, what counts in braces."""
    text, counts = "", False
    for id_, weight in zip(sequence.ids.tolist(), sequence.weights.tolist(), strict=True):
        if bool(weight) != counts:
            text, counts = text + ("}" if counts else "{"), bool(weight)
        text += made.tokenizer.decode([id_])
    return text + "}" * counts


def texts(made: Renderer, rendering: Rendering) -> tuple[list[str], list[str]]:
    desired = [shown(made, sequence) for sequence in rendering.sequences]
    return desired, [shown(made, sequence) for sequence in rendering.negatives]


def test_a_pair_is_two_whole_responses_to_one_prompt() -> None:
    made = renderer(Negatives.PAIRED)
    found = render(made, "Yes", "Yell", "No")
    assert found.fate is Fate.KEPT
    assert texts(made, found) == (
        [f"{OPENING}{{Yes<|im_end|>}}"],
        [f"{OPENING}{{Yell<|im_end|>}}", f"{OPENING}{{No<|im_end|>}}"],
    )
    assert all(sequence.stop_trained for sequence in (*found.sequences, *found.negatives))


def test_undesired_is_what_follows_where_the_responses_part() -> None:
    made = renderer(Negatives.UNDESIRED)
    found = render(made, "Yes", "Yell", "Yes!", "Y")
    assert texts(made, found)[1] == [
        f"{OPENING}Ye{{ll<|im_end|>}}",
        f"{OPENING}Yes{{!<|im_end|>}}",
        f"{OPENING}Y{{<|im_end|>}}",  # it stopped too early
    ]


def test_of_a_thumb_down_all_is_undesired() -> None:
    made = renderer(Negatives.UNDESIRED)
    found = render(made, None, "No")
    assert texts(made, found) == ([], [f"{OPENING}{{No<|im_end|>}}"])
    assert found.fate is Fate.KEPT


def test_pairs_are_about_the_last_turn_and_unlikelihood_about_the_turns_asked_for() -> None:
    paired, undesired = renderer(Negatives.PAIRED), renderer(Negatives.UNDESIRED)
    history = OPENING + "{}<|im_start|>user\nSo<|im_end|>\n<|im_start|>assistant\n"
    for made, yes in ((paired, "Yes<|im_end|>\n"), (undesired, "{Yes<|im_end|>}\n")):
        found = render(made, "Now", "Nix", before=TURNS[:3])
        assert shown(made, found.sequences[0]) == history.format(yes) + "{Now<|im_end|>}"
    (negative,) = render(undesired, "Now", "Nix", before=TURNS[:3]).negatives
    assert shown(undesired, negative) == history.format("Yes<|im_end|>\n") + "N{ix<|im_end|>}"


def test_a_template_that_rewrites_history_gives_a_pair_of_last_turns() -> None:
    template = (
        "{% for m in messages %}{{ m['role'] + ': ' + (m['content'] if loop.last or "
        "m['role'] != 'assistant' else '...') + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    made = Renderer(byte_tokenizer(template), PromptOptions(), Negatives.PAIRED)
    found = render(made, "Now", "Nix", before=TURNS[:3])
    opening = "user: Hi<|im_end|>assistant: ...<|im_end|>user: So<|im_end|>assistant: "
    assert texts(made, found) == (
        [opening + "{Now<|im_end|>}"],
        [opening + "{Nix<|im_end|>}"],
    )
    both = render(
        Renderer(byte_tokenizer(template), PromptOptions(), Negatives.UNDESIRED),
        "Now",
        "Nix",
        before=TURNS[:3],
    )
    assert len(both.sequences) == 2 and len(both.negatives) == 1
    assert shown(made, both.negatives[0]) == opening + "N{ix<|im_end|>}"


@pytest.mark.parametrize(
    ("use", "said", "negatives", "reason"),
    [
        (Negatives.PAIRED, "Yes", (), Reason.NO_NEGATIVE),
        (Negatives.PAIRED, None, ("No",), Reason.NO_RESPONSE),
        (Negatives.PAIRED, "Yes", ("Yes",), Reason.NO_CONTRAST),
        (Negatives.UNDESIRED, "Yes", ("No", "Yes"), Reason.NO_CONTRAST),
        (Negatives.UNDESIRED, None, (), Reason.NO_RESPONSE),
    ],
)
def test_what_cannot_be_used_is_dropped_with_its_reason(
    use: Negatives, said: str | None, negatives: tuple[str, ...], reason: Reason
) -> None:
    found = render(renderer(use), said, *negatives)
    assert (found.fate, found.reason) == (Fate.DROPPED, reason)
    assert found.sequences == found.negatives == ()


def test_negatives_that_nobody_uses_are_not_rendered() -> None:
    made = renderer(Negatives.IGNORED)
    assert texts(made, render(made, "Yes", "No")) == ([f"{OPENING}{{Yes<|im_end|>}}"], [])


def test_a_long_prompt_is_cut_alike_for_chosen_and_rejected() -> None:
    limit = len(byte_tokenizer(CHATML)(OPENING)["input_ids"]) + 4  # room for `Yes` and its stop
    made = renderer(Negatives.PAIRED, max_tokens=limit, over_long="truncate_prompt")
    found = render(made, "Yes", "No, never", "N")
    assert found.fate is Fate.TRUNCATED and found.reason is Reason.PROMPT_TRUNCATED
    prompts = {
        tuple(sequence.ids[: int(sequence.weights.argmax())].tolist())
        for sequence in (*found.sequences, *found.negatives)
    }
    assert len(prompts) == 1 and len(next(iter(prompts))) == limit - len("No, never") - 1
    assert max(len(sequence.ids) for sequence in found.negatives) == limit


def test_long_responses_are_cut_each_and_must_still_differ() -> None:
    limit = len(byte_tokenizer(CHATML)(OPENING)["input_ids"]) + 2
    made = renderer(Negatives.PAIRED, max_tokens=limit, over_long="truncate_response")
    found = render(made, "Yes", "No, never")
    assert texts(made, found) == ([f"{OPENING}{{Ye}}"], [f"{OPENING}{{No}}"])
    assert not found.sequences[0].stop_trained
    alike = render(made, "Yes", "Yell")
    assert (alike.fate, alike.reason) == (Fate.DROPPED, Reason.NO_CONTRAST)


@pytest.mark.parametrize("use", [Negatives.PAIRED, Negatives.UNDESIRED])
def test_a_negative_that_is_too_long_counts_as_the_example_s_length(use: Negatives) -> None:
    limit = len(byte_tokenizer(CHATML)(OPENING)["input_ids"]) + 4
    dropped = render(renderer(use, max_tokens=limit), "Yes", "No, never")
    assert (dropped.fate, dropped.reason) == (Fate.DROPPED, Reason.OVER_LONG)
    with pytest.raises(UserError, match=r"rows.jsonl row 0"):
        render(renderer(use, max_tokens=limit, over_long="error"), "Yes", "No, never")


def test_the_use_of_negatives_is_part_of_the_fingerprint() -> None:
    assert len({renderer(use).fingerprint for use in Negatives}) == 3
