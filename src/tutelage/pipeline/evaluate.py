"""Ask base and tuned model the same questions and compare. The job behind `tutelage eval`.

Both answer the same prompts, token for token; everything is decoded once and scored with every
metric; every answer is stored with its ids, so that any number in the report can be traced to it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from tutelage.data.example import Message
from tutelage.evaluate.comparison import AnswerComparison, compare_answers
from tutelage.evaluate.forgetting import forgetting
from tutelage.evaluate.scoring import AnswerScores
from tutelage.infer.backend import Answer, Request
from tutelage.model.context import context_length
from tutelage.pipeline.general_text import general_texts
from tutelage.pipeline.prepare import Item, Prepared, prepare, read
from tutelage.pipeline.stages import stage
from tutelage.pipeline.train import check_same_items
from tutelage.pipeline.workbench import Workbench, from_run
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder, read_json, replacing, write_json

GENERAL_TOKENS = 1024
"""A general document is read up to this length, or to the model's context if that is less."""


def evaluate(run: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Compare a run's tuned model with its base on the items the run set aside.

    Args:
        run: the run folder.
        overrides: settings of `evaluate` that differ from the run's recipe.

    Returns:
        What `metrics.json` now holds.

    Raises:
        UserError: the run has no model, or its data has changed.
    """
    folder = RunFolder.open(run)
    recipe = load_recipe(folder.recipe, overrides).resolved()
    splits = read(recipe)
    bench = from_run(folder, recipe)
    prepared = prepare(recipe, splits, bench.renderer)
    check_same_items(prepared, folder)
    return evaluate_prepared(bench, prepared, folder)


def evaluate_prepared(bench: Workbench, prepared: Prepared, run: RunFolder) -> dict[str, Any]:
    """The same on what is loaded already."""
    options, items = bench.recipe.evaluate, prepared.items
    scored = [item.scored for item in items]
    started = time.perf_counter()
    texts = _general_ids(bench)
    stage(f"asking the base model ({len(items)} items)")
    with bench.as_base():
        base, base_texts = _answers(bench, items), _losses(bench, texts)
    stage(f"asking the tuned model ({len(items)} items)")
    tuned, tuned_texts = _answers(bench, items), _losses(bench, texts)
    found: dict[str, Any] = {
        "evaluation": {
            "seconds": time.perf_counter() - started,
            "items": len(items),
            "decoded_tokens": sum(len(answer.ids) for answer in [*base, *tuned]),
            "truncated_answers": sum(answer.finish_reason == "length" for answer in tuned),
        },
        "confidence": options.confidence,
        "forgetting": None,
    }
    if texts:
        tokens = [len(ids) - 1 for ids in texts]
        lost = forgetting(base_texts, tuned_texts, tokens, options)
        found["forgetting"] = asdict(lost)
    if items:
        said = [[bench.renderer.answer(answer.ids) for answer in side] for side in (base, tuned)]
        compared = compare_answers(scored, said[0], said[1], options)
        _write(run.base_predictions, items, base, said[0], compared.base)
        _write(run.tuned_predictions, items, tuned, said[1], compared.tuned)
        found |= _comparison(compared)
    metrics: dict[str, Any] = read_json(run.metrics) | found
    cost = metrics["cost"]
    cost["evaluate_seconds"] = found["evaluation"]["seconds"]
    cost["total_seconds"] = cost["train_seconds"] + cost["evaluate_seconds"]
    write_json(run.metrics, metrics)
    return metrics


def _answers(bench: Workbench, items: Sequence[Item]) -> list[Answer]:
    """The model's answer to every item."""
    options = bench.recipe.evaluate

    def longest(task: str) -> int:
        own = options.tasks.get(task)
        return (own and own.max_new_tokens) or options.decode.max_new_tokens

    requests = [
        Request(item.prompt_ids, longest(item.example.task), key=at)
        for at, item in enumerate(items)
    ]
    return bench.decoder(options.decode).run(requests)


def _general_ids(bench: Workbench) -> list[list[int]]:
    """The general documents as the model reads plain text."""
    tokenizer = bench.renderer.tokenizer
    texts = general_texts(bench.recipe.evaluate.general_text)
    limit = min(GENERAL_TOKENS, context_length(bench.model) or GENERAL_TOKENS)
    encoded = (tokenizer.encode(text)[:limit] for text in texts)
    return [ids for ids in encoded if len(ids) > 1]


def _losses(bench: Workbench, texts: Sequence[Sequence[int]]) -> list[float]:
    """Negative log-likelihood of each document, in nats."""
    found = bench.inference.text_log_probabilities(
        bench.family, bench.model, bench.renderer.form, texts
    )
    return [-float(values.sum(dtype="float64")) for values in found]


def _comparison(compared: AnswerComparison) -> dict[str, Any]:
    return {
        "verdict": asdict(compared.verdict),
        "comparison": [asdict(change) for change in compared.changes],
    }


def _readable(turns: Sequence[Message]) -> str:
    """What was asked, for people: a lone user turn as it is, else each turn under its role."""
    if [turn.role for turn in turns] == ["user"]:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)


def _write(
    path: Path,
    items: Sequence[Item],
    answers: Sequence[Answer],
    said: Sequence[str],
    scores: AnswerScores,
) -> None:
    """One row an item: what was asked, answered and scored."""
    table = pl.DataFrame(
        {
            "item": range(len(items)),
            "task": [item.example.task for item in items],
            "held_out": [item.held_out for item in items],
            "file": [item.example.source.file for item in items],
            "row": [item.example.source.row for item in items],
            "prompt": [_readable(item.example.prompt) for item in items],
            "references": [list(item.example.accepted) for item in items],
            "prediction": list(said),
            "finish_reason": [answer.finish_reason for answer in answers],
            "prompt_tokens": [len(item.prompt_ids) for item in items],
            "tokens": [len(answer.ids) for answer in answers],
            "log_probability": [answer.log_probability for answer in answers],
            "prompt_ids": [list(item.prompt_ids) for item in items],
            "token_ids": [list(answer.ids) for answer in answers],
            **{f"score:{name}": values for name, values in scores.per_item.items()},
        },
        strict=False,
    )
    with replacing(path) as temporary:
        table.write_parquet(temporary)
