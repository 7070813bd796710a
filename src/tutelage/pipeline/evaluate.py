"""Ask base and tuned model the same questions and compare. The job behind `tutelage eval`.

Both answer the same prompts, token for token; everything is decoded once and scored with every
metric; every answer is stored with its ids, so that any number in the report can be traced to it.
Either may be a model behind an endpoint instead (see `endpoints`), which is asked the same turns.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tutelage.evaluate.forgetting import forgetting
from tutelage.evaluate.gates import failed, figures
from tutelage.infer.backend import Answer, Request
from tutelage.model.context import context_length
from tutelage.pipeline.choices import Choices, choices_of, told
from tutelage.pipeline.endpoints import SIDES, asked, check_keys
from tutelage.pipeline.general_text import general_texts
from tutelage.pipeline.prepare import Item, Prepared, prepare, read
from tutelage.pipeline.sides import Said, Side, compare, enter, longest_answer, nothing_asked
from tutelage.pipeline.stages import stage
from tutelage.pipeline.suites.evaluate import evaluate_recipe_suites
from tutelage.pipeline.train import check_same_items
from tutelage.pipeline.workbench import Workbench, from_run
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder, held, write_json

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
    """The same on what is loaded already.

    Raises:
        UserError: another process is at work on the run.
    """
    with held(run.path):
        return _evaluate(bench, prepared, run)


def _evaluate(bench: Workbench, prepared: Prepared, run: RunFolder) -> dict[str, Any]:
    options, items = bench.recipe.evaluate, prepared.items
    check_keys(options)
    choices = choices_of(options, bench.renderer, prepared.train, chooses=bench.inference.chooses)
    started = time.perf_counter()
    texts = [] if any(map(options.endpoint.served, SIDES)) else _general_ids(bench)
    base = asked("base", items, options, bench.recipe.prompt, run)
    if base is None:
        stage(f"asking the base model ({len(items)} items)")
        with bench.as_base():
            base = _side(bench, items, texts, choices)
    tuned = asked("tuned", items, options, bench.recipe.prompt, run)
    if tuned is None:
        stage(f"asking the tuned model ({len(items)} items)")
        tuned = _side(bench, items, texts, choices)
    found = compare(run, items, base, tuned, options) if items else nothing_asked()
    if texts:
        tokens = [len(ids) - 1 for ids in texts]
        lost = forgetting(base.losses, tuned.losses, tokens, options)
        found["forgetting"] = asdict(lost)
    metrics = enter(run, found, options.confidence, time.perf_counter() - started)
    if options.suites:
        metrics["suites"] = evaluate_recipe_suites(bench, run)
        metrics["failed"] = metrics["suites"]["failed"]
    else:
        metrics["failed"] = failed(options.fail_if, figures(metrics.get("comparison", [])))
    write_json(run.metrics, metrics)
    return metrics


def _side(
    bench: Workbench,
    items: Sequence[Item],
    texts: Sequence[Sequence[int]],
    choices: Mapping[str, Choices],
) -> Side:
    """What the model says in its present state."""
    answers = _answers(bench, items, choices)
    said = [
        Said.here(item, answer, told(answer, choices.get(item.example.task), bench.renderer))
        for item, answer in zip(items, answers, strict=True)
    ]
    return Side(said, losses=_losses(bench, texts))


def _answers(
    bench: Workbench, items: Sequence[Item], choices: Mapping[str, Choices]
) -> list[Answer]:
    """The model's answer to every item."""
    options = bench.recipe.evaluate
    requests = []
    for at, item in enumerate(items):
        task = item.example.task
        some = choices.get(task, Choices()).ids
        requests.append(Request(item.prompt_ids, longest_answer(options, task), at, some))
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
