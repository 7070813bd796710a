"""Ask models behind endpoints what the models here are asked, and compare them.

Both models at endpoints need no model here, and no torch: rows are read and split, the test items
asked, the answers compared as ever. Where one of the two is here, `pipeline.evaluate` asks it and
takes the other from `asked`. Answers are kept in the run folder as they arrive.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from tutelage.data.splits import Splits
from tutelage.errors import UserError
from tutelage.evaluate.gates import failed, figures
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import check_references
from tutelage.evaluate.scoring import preflight as check_scoring
from tutelage.infer.backend import Request
from tutelage.infer.endpoint.backend import Endpoint, key_of
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.endpoint.protocol import Reply
from tutelage.infer.options import Side as SideName
from tutelage.pipeline.audited import load_rows
from tutelage.pipeline.data_figures import data_figures
from tutelage.pipeline.export_data import test_items, turns
from tutelage.pipeline.items import Item
from tutelage.pipeline.sides import Said, Side, compare, enter, longest_answer
from tutelage.pipeline.stages import Progress, stage
from tutelage.prompt.options import PromptOptions
from tutelage.recipe import Recipe
from tutelage.recipe import dump as dump_recipe
from tutelage.recipe import load as load_recipe
from tutelage.report import build as build_report
from tutelage.rundir import RunFolder, environment, held, read_json, write_json

SIDES: tuple[SideName, SideName] = ("base", "tuned")
SETTINGS = "evaluate.endpoint"
"""Where the recipe names the models, for messages."""

FAILURES_SHOWN = 20
"""Items without an answer that `metrics.json` names, for each model."""


def compare_endpoints(
    recipe: str | Path, out: str | Path, overrides: Sequence[str] = (), *, overwrite: bool = False
) -> dict[str, Any]:
    """Compare two models at endpoints on a recipe's test items, in a new run folder.

    Args:
        recipe: the recipe's file, whose `evaluate.endpoint` names both models.
        out: the run folder to make.
        overrides: settings such as `evaluate.endpoint.tuned=NAME`.
        overwrite: remove a run that is there.

    Returns:
        What `metrics.json` holds; a report stands beside it.

    Raises:
        UserError: the recipe or its data is not as it must be, an endpoint cannot be asked, or
            items got no answer. What was answered is kept: `again` goes on with the run.
    """
    resolved = load_recipe(recipe, overrides).resolved()
    check_both(resolved.evaluate)
    check_keys(resolved.evaluate)
    RunFolder.check_free(out, overwrite)
    splits, items = _questions(resolved)
    run = RunFolder.create(out, overwrite)
    with held(run.path):
        dump_recipe(resolved, run.recipe)
        write_json(run.environment, environment(with_torch=False))
        splits.ledger.write(run.ledger)
        # Before anybody is asked, so that `again` knows what the answers are to.
        write_json(run.metrics, _about(resolved, splits, items))
        return _compare(resolved, items, run)


def again(run: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Compare the two models of such a run again, or go on with it after it was stopped.

    Raises:
        UserError: as `compare_endpoints`; or the items are others than the run's.
    """
    folder = RunFolder.open(run)
    recipe = load_recipe(folder.recipe, overrides).resolved()
    check_both(recipe.evaluate)
    check_keys(recipe.evaluate)
    _, items = questions_again(folder, recipe)
    with held(folder.path):
        return _compare(recipe, items, folder)


def questions_again(run: RunFolder, recipe: Recipe) -> tuple[Splits, list[Item]]:
    """The rows of such a run, and the items that it asked.

    Raises:
        UserError: the items are others than the run's.
    """
    splits, items = _questions(recipe)
    if read_json(run.metrics)["data"]["items_fingerprint"] != _fingerprint(items, recipe.prompt):
        raise UserError(
            "the test items are not the ones that this run asked",
            where=str(run.path),
            fix="restore the data files and settings, or begin anew with --out",
        )
    return splits, items


def is_elsewhere(run: RunFolder) -> bool:
    """Whether a run is of two models at endpoints: nothing was trained in it."""
    return run.metrics.exists() and "training" not in read_json(run.metrics)


def check_keys(options: EvaluateOptions) -> None:
    """Find out early whether the endpoints' keys are there.

    Raises:
        UserError: one is not.
    """
    for name in SIDES:
        if served := options.endpoint.served(name):
            key_of(served, SETTINGS)


def asked(
    name: SideName,
    items: Sequence[Item],
    options: EvaluateOptions,
    prompt: PromptOptions,
    run: RunFolder,
) -> Side | None:
    """A model's answers, if it is at an endpoint.

    Args:
        name: base or tuned.
        items: what to ask.
        options: the endpoint, lengths and decoding.
        prompt: the system prompt.
        run: where answers are kept as they arrive.

    Raises:
        UserError: see `Endpoint.ask`.
    """
    served = options.endpoint.served(name)
    if served is None:
        return None
    kept = {side: KeptReplies(run.predictions / f"{side}.answers.jsonl") for side in SIDES}
    other = kept["base" if name == "tuned" else "tuned"]
    errand = Errand(SETTINGS, f"tutelage eval {run.path}")
    endpoint = Endpoint(served, options.endpoint, options.decode, kept[name], errand, other.spent)
    requests = [
        Request(
            item.prompt_ids,
            longest_answer(options, item.example.task),
            key=at,
            messages=turns(item.example.prompt, prompt),
            tools=item.example.tools,
        )
        for at, item in enumerate(items)
    ]
    stage(f"asking {served.model} at {served.host} as the {name} model ({len(items)} items)")
    started = time.perf_counter()
    replies = endpoint.ask(requests, Progress(len(items), "answered"))
    said = [
        None
        if reply.text is None
        else Said(reply.text, reply.finish_reason, reply.prompt_tokens, reply.answer_tokens)
        for reply in replies
    ]
    seconds = time.perf_counter() - started
    return Side(said, _account(endpoint, items, replies, seconds))


def _account(
    endpoint: Endpoint, items: Sequence[Item], replies: Sequence[Reply], seconds: float
) -> dict[str, Any]:
    """What asking a model came to, for `metrics.json`."""
    failed = [(item, reply) for item, reply in zip(items, replies, strict=True) if reply.failed]
    priced = endpoint.served.price is not None
    return {
        "model": endpoint.served.model,
        "url": endpoint.served.url,
        "answered_by": sorted({reply.model for reply in replies if reply.model}),
        "items": len(items),
        "answered": len(items) - len(failed),
        "kept_from_before": endpoint.sitting.kept,
        "finish_reasons": dict(
            Counter(reply.finish_reason for reply in replies if not reply.failed)
        ),
        "repeated": dict(endpoint.sitting.repeated),
        "failures": dict(Counter(str(reply.failed) for _, reply in failed)),
        "failed_items": [
            {
                "file": item.example.source.file,
                "row": item.example.source.row,
                "failed": reply.failed,
                "detail": reply.detail,
            }
            for item, reply in failed[:FAILURES_SHOWN]
        ],
        "prompt_tokens": sum(reply.prompt_tokens for reply in replies),
        "answer_tokens": sum(reply.answer_tokens for reply in replies),
        "cost": endpoint.sitting.cost if priced else None,
        "seconds": seconds,
    }


def check_both(options: EvaluateOptions) -> None:
    """See that both models are at endpoints.

    Raises:
        UserError: one is not.
    """
    for name in SIDES:
        if options.endpoint.served(name) is None:
            raise UserError(
                f"the {name} model is not at an endpoint, and there is no run to take it from",
                where=f"evaluate.endpoint.{name}",
                fix=f"add --{name} NAME, or give a run folder in place of the recipe",
            )


def _questions(recipe: Recipe) -> tuple[Splits, list[Item]]:
    """The rows, and the items to ask.

    Raises:
        UserError: too many rows were lost, or answers to the items could not be scored.
    """
    stage("reading the data")
    splits = load_rows(recipe.data)
    splits.ledger.check(recipe.data.max_lost)
    items = test_items(recipe, splits)
    if not items:
        raise UserError("there is nothing to ask", where="data.test", fix="set some examples aside")
    tasks = {example.task for part in (splits.train, splits.test) for example in part}
    check_scoring(recipe.evaluate, tasks)
    check_references(recipe.evaluate, [item.scored for item in items])
    return splits, items


def _compare(recipe: Recipe, items: Sequence[Item], run: RunFolder) -> dict[str, Any]:
    options = recipe.evaluate
    started = time.perf_counter()
    # Both are at endpoints: `check_both` saw to that.
    base, tuned = (cast(Side, asked(name, items, options, recipe.prompt, run)) for name in SIDES)
    found = compare(run, items, base, tuned, options)
    metrics = enter(run, found, options.confidence, time.perf_counter() - started)
    metrics["failed"] = failed(options.fail_if, figures(metrics["comparison"]))
    write_json(run.metrics, metrics)
    build_report(run)
    return metrics


def _fingerprint(items: Sequence[Item], prompt: PromptOptions) -> str:
    """SHA-256 of the questions as they are asked, their references and their constraints."""
    digest = hashlib.sha256()
    for item in items:
        example = item.example
        asked = (turns(example.prompt, prompt), example.tools, example.accepted, example.task)
        digest.update(repr((*asked, *example.constraints)).encode())
    return digest.hexdigest()


def _about(recipe: Recipe, splits: Splits, items: Sequence[Item]) -> dict[str, Any]:
    """What `metrics.json` says of a run in which nothing is trained here."""
    counts = {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(items),
    }
    return {
        "schema": 1,
        "name": recipe.name,
        "data": data_figures(splits.ledger, counts, _fingerprint(items, recipe.prompt)),
        "cost": {
            "train_seconds": None,
            "evaluate_seconds": None,
            "total_seconds": None,
            "energy_joules": None,
            "energy_source": "spent elsewhere",
        },
    }
