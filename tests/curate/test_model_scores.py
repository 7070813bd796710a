"""Scores by a model are those of a plain forward pass over one row at a time, in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

import tiny_models
from in_memory import InMemory, dataset
from tutelage.curate.check import Conclusion
from tutelage.curate.chosen import choose
from tutelage.curate.findings import none
from tutelage.curate.scores.likelihood import SCORES, scores
from tutelage.curate.scores.responses import responses
from tutelage.curate.whole.high_perplexity import LEAST_ROWS
from tutelage.data.audit_options import AuditOptions
from tutelage.data.example import Example, Message, Source
from tutelage.model.families import families
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer

TURNS: list[Sequence[tuple[str, str]]] = [
    [("user", "Where did the cat sit?"), ("assistant", "on the mat, and the dog sat on the log")],
    [("user", "Where did the cat sit?"), ("assistant", "x")],
    [("system", "Be brief."), ("user", "Say log."), ("assistant", "log")],
    [
        ("user", "the cat"),
        ("assistant", "sat on the mat"),
        ("user", "the dog"),
        ("assistant", "sat on the log"),
    ],
]


def example(turns: Sequence[tuple[str, str]]) -> Example:
    return Example(tuple(Message(*turn) for turn in turns), Source("made.jsonl", 0))  # type: ignore[arg-type]


def renderer(max_tokens: int = 128) -> Renderer:
    options = PromptOptions(loss_on="last", over_long="truncate_response", max_tokens=max_tokens)
    return Renderer(tiny_models.make_tokenizer(), options)


def mean_loss(model: PreTrainedModel, before: list[int], said: list[int]) -> float:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*before, *said]])).logits[0]
    picked = logits.log_softmax(dim=1)[torch.arange(len(before) - 1, len(before + said) - 1), said]
    return -picked.mean().item()


def chat(tokenizer: PreTrainedTokenizerBase, turns: Sequence[tuple[str, str]]) -> list[int]:
    messages = [{"role": role, "content": content} for role, content in turns]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_they_equal_a_plain_pass_over_each_row_alone(kind: str) -> None:
    family, model = families.get("causal"), tiny_models.make_model(kind)
    given = [one for one in responses(map(example, TURNS), renderer()) if one is not None]
    found = scores(given, family, model)
    assert dict(found.schema) == SCORES
    plain = tiny_models.make_model(kind, attn_implementation="eager").double()
    tokenizer = tiny_models.make_tokenizer()
    for turns, line in zip(TURNS, found.iter_rows(named=True), strict=True):
        said = tokenizer(turns[-1][1], add_special_tokens=False)["input_ids"]
        loss = mean_loss(plain, chat(tokenizer, turns[:-1]), said)
        alone = mean_loss(plain, chat(tokenizer, [("user", "")]), said)
        assert line["tokens"] == len(said)
        expected = [loss, alone, loss / alone, np.exp(loss)]
        got = [line[name] for name in ("loss", "loss_alone", "ifd", "perplexity")]
        np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_what_has_no_response_or_no_room_for_it_cannot_be_scored() -> None:
    unanswered = Example((Message("user", "Why?"),), Source("made.jsonl", 1), negatives=("No.",))
    full = example([("user", "the cat sat on the mat, " * 9), ("assistant", "no room")])
    given = list(responses([example(TURNS[0]), unanswered, full, example(TURNS[1])], renderer(40)))
    assert [one is None for one in given] == [False, True, True, False]


def test_the_token_that_ends_the_turn_is_no_part_of_a_response() -> None:
    (given,) = responses([example(TURNS[1])], renderer())
    assert given is not None
    tokenizer = tiny_models.make_tokenizer()
    assert tokenizer.decode(given.ids) == "x"
    assert tokenizer.decode(given.opening) == "<|user|></s><|assistant|>"
    assert given.prompt[-1:] == given.opening[-1:]


def test_a_long_response_is_scored_as_far_as_it_fits() -> None:
    long = example([("user", "the cat"), ("assistant", "on the mat and the log " * 20)])
    (cut,), (whole,) = (list(responses([long], renderer(most))) for most in (30, 1024))
    assert cut is not None and whole is not None
    assert len(cut.prompt) + len(cut.ids) <= 30 and len(cut.opening) + len(cut.ids) <= 30
    assert cut.ids == whole.ids[: len(cut.ids)]


def scored(**columns: list[float]) -> InMemory:
    """Rows with made-up scores."""
    count = len(next(iter(columns.values())))
    data = dataset([{"instruction": f"Say {n}.", "output": f"It is {n}."} for n in range(count)])
    rest = {name: [9] * count for name in SCORES if name not in columns}
    table = pl.DataFrame({**columns, **rest}).select(*SCORES).cast(SCORES)  # type: ignore[arg-type]
    data.concluded["model"] = Conclusion(none(), {}, table)
    return data


def test_rows_whose_prompt_does_not_help_are_found() -> None:
    found = scored(ifd=[0.4, 1.0, 0.99, 1.3]).conclude("prompt_does_not_help").findings
    assert found["at"].to_list() == [1, 3]
    assert found["field"].to_list() == ["output", "output"]


def test_only_what_is_far_above_the_rest_is_hard_to_foretell() -> None:
    losses = [2 + 0.01 * at for at in range(LEAST_ROWS)]
    conclusion = scored(loss=[*losses, 2.6]).conclude("high_perplexity")
    assert conclusion.findings["at"].to_list() == [LEAST_ROWS]
    few = scored(loss=[*losses[: LEAST_ROWS - 2], 9.0]).conclude("high_perplexity")
    assert few.findings.is_empty()
    labels = scored(loss=[*losses, 9.0], tokens=[9.0] * LEAST_ROWS + [2.0])
    assert labels.conclude("high_perplexity").findings.is_empty()


def test_without_a_model_the_checks_have_nothing_to_read() -> None:
    skipped = choose(AuditOptions(rules_only=True)).skipped
    for name in ("prompt_does_not_help", "high_perplexity"):
        assert skipped[name] == "no model is named (--model)"
    assert "prompt_does_not_help" in choose(AuditOptions(model="any", rules_only=True)).whole
