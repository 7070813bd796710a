"""Suites put to a model, and what the replies of one model or of two come to.

Every suite ends as run, or skipped with its reason: none is passed over in silence. What scoring
needs is tried before the first token, and replies are kept as they come.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tutelage.errors import UserError
from tutelage.evaluate.gates import Found, failed, figures
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.suite import NotAsked, Reply
from tutelage.evaluate.suite_comparison import (
    Measured,
    SuiteChange,
    SuiteValue,
    compare_suites,
    values_of,
)
from tutelage.pipeline.stages import stage
from tutelage.pipeline.suites.asking import Asker, KeptReplies, LocalAsker
from tutelage.pipeline.suites.planning import Planned
from tutelage.pipeline.suites.results import RESULTS, write_replies
from tutelage.pipeline.workbench import Workbench
from tutelage.prompt.template import TemplateRefused
from tutelage.rundir import write_json, write_text

SIDES = ("base", "tuned")


@dataclass(frozen=True)
class Asked:
    """A suite that one model replied to."""

    planned: Planned
    replies: Sequence[Reply]
    seconds: float


@dataclass(frozen=True, slots=True)
class Missed:
    """Why a suite has no figures: it was `skipped`, or `failed` where it should not have."""

    status: Literal["skipped", "failed"]
    reason: str

    @classmethod
    def failed(cls, error: Exception, suite: str, folder: Path) -> Missed:
        """A suite that broke off; the others go on, and the traceback is kept for a report."""
        if isinstance(error, UserError):
            return cls("failed", str(error))
        path = folder / f"{suite}.traceback.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(traceback.format_exception(error)))
        return cls("failed", f"{type(error).__name__}: {error} (see {path})")


def asker(bench: Workbench, kept: KeptReplies, tuned: Path | None) -> LocalAsker:
    """Who replies with a bench's model in its present state.

    Args:
        bench: with the model.
        kept: where its replies go, and come from if it was asked before.
        tuned: the folder of the tuned weights that are in place; None for the base model.
    """
    loaded = bench.loaded
    content = hashlib.sha256(f"{loaded.fingerprint}\0{loaded.dtype}".encode())
    for path in sorted(tuned.glob("*")) if tuned else ():
        if path.suffix in (".safetensors", ".json"):
            content.update(path.name.encode())
            with path.open("rb") as stream:
                content.update(hashlib.file_digest(stream, "sha256").digest())
    return LocalAsker(bench, content.hexdigest(), bench.recipe.evaluate.decode, kept)


def ask(who: Asker, plans: Sequence[Planned], name: str, folder: Path) -> dict[str, Asked | Missed]:
    """Put the questions of every suite that is not skipped to a model.

    Args:
        who: the model.
        plans: the suites.
        name: of the model, for the lines of progress.
        folder: of the results, where it is written down how a suite broke off.

    Returns:
        By suite its replies, or why it could not be asked.
    """
    found: dict[str, Asked | Missed] = {}
    for planned in plans:
        if planned.skipped is not None:
            continue
        count = len(planned.questions)
        stage(f"{planned.name}: asking the {name} model ({count} questions)")

        def said(done: int, total: int = count, suite: str = planned.name) -> None:
            if done < total:
                stage(f"{suite}: {done} of {total} asked")

        started = time.perf_counter()
        try:
            replies = who.ask(planned.questions, planned.given.options.system, said)
        except NotAsked as reason:
            found[planned.name] = Missed("skipped", str(reason))
            continue
        except TemplateRefused as refusal:
            what = f"the model's chat template refuses its conversations: {refusal}"
            found[planned.name] = Missed("skipped", what)
            continue
        except Exception as error:  # one suite of many must not cost the others
            found[planned.name] = Missed.failed(error, planned.name, folder)
            continue
        found[planned.name] = Asked(planned, replies, time.perf_counter() - started)
    return found


def conclude(
    folder: Path,
    plans: Sequence[Planned],
    sides: Mapping[str, Mapping[str, Asked | Missed]],
    options: EvaluateOptions,
    models: Mapping[str, str],
    also: Mapping[str, Found] | None = None,
) -> dict[str, Any]:
    """Measure the replies of one model or two, compare, and write everything.

    Args:
        folder: where replies and results go.
        plans: all suites, those that were skipped too.
        sides: by side (`base` and `tuned`, or `model` alone) what `ask` found.
        options: confidence, resamples, conditions.
        models: by side what the model is called.
        also: what else conditions may speak of: the run's own tasks.

    Returns:
        What `results.json` now holds.
    """
    measured: dict[str, list[Measured]] = {side: [] for side in sides}
    status = []
    for planned in plans:
        asked = [found.get(planned.name) for found in sides.values()]
        missed = next((one for one in asked if isinstance(one, Missed)), None)
        if planned.skipped is not None:
            missed = Missed("skipped", planned.skipped)
        about: dict[str, Any] = {
            "suite": planned.name,
            "kind": planned.given.options.suite,
            "area": planned.suite.area,
            "title": planned.suite.title,
            "options": planned.given.options.model_dump(mode="json"),
            "metrics": list(planned.given.metrics),
        }
        if missed is not None:
            status.append({**about, **asdict(missed)})
            continue
        heard = [one for one in asked if isinstance(one, Asked)]
        if len(heard) < len(sides):
            raise ValueError(f"suite {planned.name} was never put to one of {', '.join(sides)}")
        seconds = sum(one.seconds for one in heard)
        stage(f"{planned.name}: measuring")
        try:
            found = _measured(folder, planned, tuple(sides), heard, about)
        except Exception as error:  # as above
            status.append({**about, **asdict(Missed.failed(error, planned.name, folder))})
            continue
        for side, one in zip(sides, found, strict=True):
            measured[side].append(one)
        status.append(
            {**about, "status": "run", "items": len(planned.questions), "seconds": seconds}
        )
    return results(folder, status, measured, options, models, also)


def _measured(
    folder: Path,
    planned: Planned,
    sides: Sequence[str],
    heard: Sequence[Asked],
    about: dict[str, Any],
) -> list[Measured]:
    """Measure a suite's replies of every side, and write them; a judge is told of in `about`."""
    said = [one.replies for one in heard]
    if tuple(sides) == SIDES:
        judged = planned.suite.judged(planned.given, planned.questions, *said)
        said = [judged.base, judged.tuned]
        about |= {"judge": dict(judged.about)} if judged.about else {}
    found = []
    for side, replies in zip(sides, said, strict=True):
        measures = planned.suite.measures(planned.given, planned.questions, replies)
        path = folder / side / f"{planned.name}.parquet"
        write_replies(path, planned.questions, replies, measures)
        found.append(Measured(planned.name, planned.suite.area, planned.questions, measures))
    return found


def results(
    folder: Path,
    status: list[dict[str, Any]],
    measured: Mapping[str, list[Measured]],
    options: EvaluateOptions,
    models: Mapping[str, str],
    also: Mapping[str, Found] | None = None,
) -> dict[str, Any]:
    """Compare what was measured, hold it against the conditions, and write it.

    Args:
        folder: where.
        status: what became of every suite.
        measured: by side the suites that were run.
        options: confidence, resamples, conditions.
        models: by side what the model is called.
        also: what else conditions may speak of.

    Returns:
        What the file holds.
    """
    rows: list[SuiteChange] | list[SuiteValue]
    if tuple(measured) == SIDES:
        rows = compare_suites(measured["base"], measured["tuned"], options)
        table = [{"suite": row.suite, "area": row.area, **asdict(row.change)} for row in rows]
    else:
        rows = values_of(next(iter(measured.values())), options)
        table = [asdict(row) for row in rows]
    written = {
        "schema": 1,
        "folder": str(folder),
        "models": dict(models),
        "confidence": options.confidence,
        "suites": status,
        "measures": table,
        "failed": _broken(status) + failed(options.fail_if, {**(also or {}), **figures(table)}),
    }
    write_json(folder / RESULTS, written)
    return written


def _broken(status: Sequence[Mapping[str, Any]]) -> list[str]:
    """The suites that broke off: no evaluation with one is a success."""
    return [f"{one['suite']}: {one['reason']}" for one in status if one["status"] == "failed"]
