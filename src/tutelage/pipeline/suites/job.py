"""Suites put to a model, and what the replies of one model or of two come to.

Every suite ends as run, or skipped with its reason: none is passed over in silence. What scoring
needs is tried before the first token, and replies are kept as they come.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tutelage.errors import UserError
from tutelage.evaluate.gates import Found, failed, figures
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.question import Reply
from tutelage.evaluate.suite import NotAsked
from tutelage.evaluate.suite_comparison import (
    Measured,
    SuiteChange,
    compare_suites,
    values_of,
)
from tutelage.evaluate.suite_measures import all_measures, shapes_of
from tutelage.pipeline.stages import stage
from tutelage.pipeline.suites.asking import Asker, Batch, KeptReplies, Progress
from tutelage.pipeline.suites.local import LocalAsker
from tutelage.pipeline.suites.planning import Planned
from tutelage.pipeline.suites.results import write_replies
from tutelage.pipeline.workbench import Workbench
from tutelage.prompt.template import TemplateRefused
from tutelage.rundir import RESULTS, read_json, write_json, write_text

SIDES = ("base", "tuned")


@dataclass(frozen=True)
class Asked:
    """A suite that one model replied to."""

    planned: Planned
    replies: Sequence[Reply | None]
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


@dataclass(frozen=True, slots=True)
class Side:
    """A model that was asked.

    Attributes:
        name: what it is called.
        content: digest of all that makes it who it is.
        renderer: digest of what made ids of its conversations; None where that is elsewhere.
        found: by suite its replies, or why there are none.
    """

    name: str
    content: str
    renderer: str | None
    found: Mapping[str, Asked | Missed]


def ask(who: Asker, plans: Sequence[Planned], name: str, folder: Path) -> Side:
    """Put the questions of every suite that is not skipped to a model.

    Args:
        who: the model.
        plans: the suites.
        name: what it is called.
        folder: of the results, where it is written down how a suite broke off.
    """
    found: dict[str, Asked | Missed] = {}
    asked = [planned for planned in plans if planned.skipped is None]
    searched = _search_ahead(who, asked, name)
    ahead = _write_ahead(who, asked, name)
    for planned in asked:
        count = len(planned.questions)
        stage(f"{planned.name}: asking {name} ({count} questions)")
        started = time.perf_counter()
        try:
            replies = who.ask(
                planned.questions, planned.given.options.system, Progress(planned.name, count)
            )
        except NotAsked as reason:
            found[planned.name] = Missed("skipped", str(reason))
        except TemplateRefused as refusal:
            what = f"the model's chat template refuses its conversations: {refusal}"
            found[planned.name] = Missed("skipped", what)
        except Exception as error:  # one suite of many must not cost the others
            found[planned.name] = Missed.failed(error, planned.name, folder)
        else:
            seconds = time.perf_counter() - started + searched.get(planned.name, 0.0)
            found[planned.name] = Asked(planned, replies, seconds)
    return Side(name, who.content, who.renderer, _with_their_share(found, ahead))


def _search_ahead(who: Asker, plans: Sequence[Planned], name: str) -> dict[str, float]:
    """Have searches done whose answers are then written with all others; their seconds by suite."""
    seconds = {}
    for planned in plans if len(plans) > 1 else ():
        if not any(question.search for question in planned.questions):
            continue
        stage(f"{planned.name}: searching against {name} ({len(planned.questions)} questions)")
        started = time.perf_counter()
        batch = Batch(planned.questions, planned.given.options.system)
        try:
            who.search_ahead(batch, Progress(planned.name, len(planned.questions)))
        except Exception as error:  # the suite is asked by itself then, and tells what is wrong
            stage(f"{planned.name}: later, as that broke off: {type(error).__name__}: {error}")
        seconds[planned.name] = time.perf_counter() - started
    return seconds


def _write_ahead(who: Asker, plans: Sequence[Planned], name: str) -> float:
    """Have the answers to all suites written together, and tell how many seconds that took."""
    if len(plans) < 2:
        return 0.0
    count = sum(len(planned.questions) for planned in plans)
    stage(f"asking {name} what {len(plans)} suites will have written")
    started = time.perf_counter()
    batches = [Batch(planned.questions, planned.given.options.system) for planned in plans]
    try:
        who.write_ahead(batches, Progress("all suites", count))
    except Exception as error:  # each suite is asked by itself then, and tells what is wrong
        stage(f"one by one, as that broke off: {type(error).__name__}: {error}")
    return time.perf_counter() - started


def _with_their_share(
    found: Mapping[str, Asked | Missed], seconds: float
) -> dict[str, Asked | Missed]:
    """What was found, each suite's time with its part, by tokens, of what was written ahead."""
    written = {
        suite: sum(reply.tokens for reply in one.replies if reply is not None)
        for suite, one in found.items()
        if isinstance(one, Asked)
    }
    whole = sum(written.values())
    return {
        suite: replace(one, seconds=one.seconds + seconds * written[suite] / whole)
        if isinstance(one, Asked) and whole
        else one
        for suite, one in found.items()
    }


def conclude(
    folder: Path,
    plans: Sequence[Planned],
    sides: Mapping[str, Side],
    options: EvaluateOptions,
    own: Mapping[str, Found] | None = None,
) -> dict[str, Any]:
    """Measure the replies of one model or two, compare, and write everything.

    What other suites found of the same models before stays in the results, and is corrected
    together with what is new.

    Args:
        folder: where replies and results go.
        plans: all suites, those that were skipped too.
        sides: the models, as `base` and `tuned`, or `model` alone.
        options: confidence, resamples, conditions.
        own: what else conditions may speak of: the run's own tasks.

    Returns:
        What `results.json` now holds.
    """
    measured: dict[str, list[Measured]] = {side: [] for side in sides}
    status = []
    for planned in plans:
        about: dict[str, Any] = {
            "suite": planned.name,
            "kind": planned.given.options.suite,
            "area": planned.suite.area,
            "title": planned.suite.title,
            "options": planned.given.options.model_dump(mode="json"),
            "metrics": list(planned.given.metrics),
        }
        heard = _heard(planned, sides)
        if isinstance(heard, Missed):
            status.append({**about, **asdict(heard)})
            continue
        answered, said = _answered(planned, [one.replies for one in heard])
        if left_out := len(planned.questions) - len(answered.questions):
            about |= {"left_out": left_out}
        if not answered.questions:
            unanswered = Missed("failed", "no question got an answer from every model")
            status.append({**about, **asdict(unanswered)})
            continue
        stage(f"{planned.name}: measuring")
        try:
            found = _measured(folder, answered, tuple(sides), said, about, options)
        except Exception as error:  # as above
            status.append({**about, **asdict(Missed.failed(error, planned.name, folder))})
            continue
        for side, one in zip(sides, found, strict=True):
            measured[side].append(one)
        if notes := planned.suite.notes(planned.given, answered.questions):
            about |= {"notes": notes}
        seconds = sum(one.seconds for one in heard)
        status.append(
            {**about, "status": "run", "items": len(answered.questions), "seconds": seconds}
        )
    who: dict[str, dict[str, str | None]] = {
        "models": {side: one.name for side, one in sides.items()},
        "contents": {side: one.content for side, one in sides.items()},
        "renderers": {side: one.renderer for side, one in sides.items()},
    }
    before = _before(folder, who, options, {planned.name for planned in plans})
    return results(folder, status, measured, options, who, before, own)


def _heard(planned: Planned, sides: Mapping[str, Side]) -> list[Asked] | Missed:
    """Every side's replies to a suite, or why there are none."""
    if planned.skipped is not None:
        return Missed("skipped", planned.skipped)
    found = [side.found[planned.name] for side in sides.values()]
    missed = [one for one in found if isinstance(one, Missed)]
    return missed[0] if missed else [one for one in found if isinstance(one, Asked)]


def _answered(
    planned: Planned, sides: Sequence[Sequence[Reply | None]]
) -> tuple[Planned, list[list[Reply]]]:
    """A suite without what a side left unanswered, and what the sides said to the rest of it.

    A question goes with all of its source: half a pair measures nothing.
    """
    questions = planned.questions
    lost = {
        question.source
        for replies in sides
        for question, reply in zip(questions, replies, strict=True)
        if reply is None
    }
    left = [at for at, question in enumerate(questions) if question.source not in lost]
    said = [[reply for at in left if (reply := replies[at]) is not None] for replies in sides]
    return replace(planned, questions=[questions[at] for at in left]), said


def _before(
    folder: Path, who: Mapping[str, Any], options: EvaluateOptions, again: Collection[str]
) -> dict[str, Any]:
    """The suites and measures that an earlier evaluation of the same models left, if there are."""
    if not (folder / RESULTS).is_file():
        return {"suites": [], "measures": []}
    found = read_json(folder / RESULTS)
    same = found["confidence"] == options.confidence and all(
        found.get(name) == who[name] for name in ("contents", "renderers")
    )
    kept = [one for one in found["suites"] if same and one["suite"] not in again]
    names = {one["suite"] for one in kept}
    return {"suites": kept, "measures": [m for m in found["measures"] if m["suite"] in names]}


def _measured(
    folder: Path,
    planned: Planned,
    sides: Sequence[str],
    said: Sequence[Sequence[Reply]],
    about: dict[str, Any],
    options: EvaluateOptions,
) -> list[Measured]:
    """Measure a suite's replies of every side, and write them; `about` is told what else there is.

    That is who judged, and what lies along an axis.
    """
    if tuple(sides) == SIDES:
        judged = planned.suite.judged(planned.given, planned.questions, *said)
        said = [judged.base, judged.tuned]
        about |= {"judge": dict(judged.about)} if judged.about else {}
    found = []
    for side, replies in zip(sides, said, strict=True):
        measures = all_measures(planned.suite, planned.given, planned.questions, replies)
        path = folder / side / f"{planned.name}.parquet"
        write_replies(path, planned.questions, replies, measures)
        found.append(Measured(planned.name, planned.suite.area, planned.questions, measures))
    by_side = dict(zip(sides, said, strict=True))
    about |= shapes_of(
        planned.suite, planned.questions, found[0].measures, by_side, options.confidence
    )
    return found


def results(
    folder: Path,
    status: list[dict[str, Any]],
    measured: Mapping[str, list[Measured]],
    options: EvaluateOptions,
    who: Mapping[str, Mapping[str, str | None]],
    before: Mapping[str, Any] | None = None,
    own: Mapping[str, Found] | None = None,
) -> dict[str, Any]:
    """Compare what was measured, hold it against the conditions, and write it.

    Args:
        folder: where.
        status: what became of every suite.
        measured: by side the suites that were run.
        options: confidence, resamples, conditions.
        who: `models`, `contents` and `renderers` of the file.
        before: `suites` and `measures` of earlier results of these models that stay.
        own: what else conditions may speak of.

    Returns:
        What the file holds.
    """
    earlier = before["measures"] if before else []
    if tuple(measured) == SIDES:
        kept = [SuiteChange.of_row(row) for row in earlier]
        rows = compare_suites(measured["base"], measured["tuned"], options, kept)
        table = [{"suite": row.suite, "area": row.area, **asdict(row.change)} for row in rows]
    else:
        alone = values_of(next(iter(measured.values())), options)
        table = [*earlier, *map(asdict, alone)]
    now, status = status, [*(before["suites"] if before else []), *status]
    missed = {one["suite"]: one["reason"] for one in status if one["status"] != "run"}
    written = {
        "schema": 1,
        "folder": str(folder),
        **who,
        "confidence": options.confidence,
        "suites": status,
        "measures": table,
        "failed": _broken(status, now)
        + failed(options.fail_if, {**(own or {}), **figures(table)}, missed),
    }
    write_json(folder / RESULTS, written)
    return written


def _broken(status: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """Suites that broke off, or that nothing was asked: no such evaluation is a success.

    Args:
        status: what became of every suite, earlier ones too.
        now: of those that this evaluation was to ask.
    """
    broken = [f"{one['suite']}: {one['reason']}" for one in status if one["status"] == "failed"]
    if not broken and all(one["status"] == "skipped" for one in now):
        return ["nothing was asked: every suite was skipped"]
    return broken
