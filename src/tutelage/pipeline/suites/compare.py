"""`tutelage compare`: evaluations that were made before, against the first of them.

No model is loaded: questions and replies are on disk, and are measured anew. Evaluations that asked
other questions are not compared: a difference would be one of the questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given
from tutelage.evaluate.suite_comparison import Measured
from tutelage.evaluate.suite_measures import all_measures, shapes_of
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.pipeline.suites.job import results
from tutelage.pipeline.suites.results import SUITES_FOLDER, read_replies, write_replies
from tutelage.report import build_evaluation
from tutelage.rundir import RESULTS, read_json

FIX = "give run folders that `tutelage eval RUN --suite` was run on, or folders that it made"


@dataclass(frozen=True)
class Evaluation:
    """One model's replies to suites, on disk.

    Attributes:
        name: as it was given.
        folder: with a Parquet file a suite.
        suites: by name how each was used.
    """

    name: str
    folder: Path
    suites: dict[str, dict[str, Any]]


def compare_evaluations(
    paths: Sequence[str | Path], options: EvaluateOptions, out: str | Path
) -> dict[str, dict[str, Any]]:
    """Compare evaluations with the first one.

    Args:
        paths: run folders (their tuned side), evaluations of one model, or a side of either such
            as `RUN/suites/base`; two or more.
        options: confidence, resamples and conditions.
        out: folder for the results, a folder each: figures, replies, and a page.

    Returns:
        By name the results of each but the first.

    Raises:
        UserError: one has no replies, they have no suite in common, or the questions differ.
    """
    if len(paths) < 2:
        raise UserError("expected two evaluations or more to compare", fix=FIX)
    same, times = Counter(Path(path).resolve() for path in paths).most_common(1)[0]
    if times > 1:
        raise UserError(
            "the same evaluation is named twice: it does not differ from itself",
            where=str(same),
            fix=FIX,
        )
    first, *others = [open_evaluation(path) for path in paths]
    called = Counter(Path(other.name).name for other in others)
    if twice := [name for name, count in called.items() if count > 1]:
        raise UserError(
            f"two of the evaluations end in '{twice[0]}', after which their results are called",
            where=", ".join(one.name for one in others if Path(one.name).name == twice[0]),
            fix="compare them one by one, each with an --out of its own",
        )
    return {other.name: _compared(first, other, options, Path(out)) for other in others}


def open_evaluation(path: str | Path) -> Evaluation:
    """The replies in a folder.

    Raises:
        UserError: there are none.
    """
    folder = Path(path)
    if not folder.exists():
        raise UserError("nothing is there", where=str(path), fix=FIX)
    for place in (folder, folder / SUITES_FOLDER):
        if (place / RESULTS).is_file():
            found = read_json(place / RESULTS)
            side = "tuned" if "tuned" in found["models"] else "model"
            return _evaluation(str(path), place / side, found)
    if (folder.parent / RESULTS).is_file() and folder.is_dir():
        return _evaluation(str(path), folder, read_json(folder.parent / RESULTS))
    raise UserError("no suites were asked here", where=str(path), fix=FIX)


def _evaluation(name: str, folder: Path, found: dict[str, Any]) -> Evaluation:
    run = {one["suite"]: one for one in found["suites"] if one["status"] == "run"}
    return Evaluation(name, folder, run)


def _compared(
    first: Evaluation, other: Evaluation, options: EvaluateOptions, out: Path
) -> dict[str, Any]:
    common = [name for name in first.suites if name in other.suites]
    if not common:
        raise UserError(
            f"the two have no suite in common: {', '.join(first.suites) or 'none'}, and "
            f"{', '.join(other.suites) or 'none'}",
            where=f"{first.name} and {other.name}",
            fix="ask both the same suites",
        )
    folder = out / Path(other.name).name
    if any(one.folder.resolve().is_relative_to(folder.resolve()) for one in (first, other)):
        raise UserError(
            "the comparison would overwrite the evaluation that it compares",
            where=str(folder),
            fix="give another folder in --out",
        )
    measured: dict[str, list[Measured]] = {"base": [], "tuned": []}
    status = []
    for name in common:
        about = first.suites[name]
        base, tuned = (read_replies(one.folder / f"{name}.parquet") for one in (first, other))
        _check_same(name, (first, base[0]), (other, tuned[0]))
        for side, (questions, replies) in (("base", base), ("tuned", tuned)):
            found = _measured(about, questions, replies)
            measured[side].append(found)
            path = folder / side / f"{name}.parquet"
            write_replies(path, questions, replies, found.measures)
        shapes = shapes_of(
            SUITES.get(about["kind"]),
            base[0],
            measured["base"][-1].measures,
            {"base": base[1], "tuned": tuned[1]},
            options.confidence,
        )
        status.append({**_without_shapes(about), **shapes})
    for one, beside in ((first, other), (other, first)):
        for name in one.suites.keys() - beside.suites.keys():
            reason = f"{beside.name} was not asked it"
            status.append({**one.suites[name], "status": "skipped", "reason": reason})
    models = {"base": first.name, "tuned": other.name}
    who = {"models": models, "contents": {}, "renderers": {}}
    compared = results(folder, status, measured, options, who)
    build_evaluation(folder)
    return compared


def _without_shapes(about: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a suite, without what its own evaluation drew."""
    return {name: value for name, value in about.items() if name not in ("curves", "reliability")}


def _measured(
    about: dict[str, Any], questions: Sequence[Question], replies: Sequence[Reply]
) -> Measured:
    suite = SUITES.get(about["kind"])
    given = Given(SuiteOptions.model_validate(about["options"]), about["metrics"])
    try:
        measures = all_measures(suite, given, questions, replies)
    except KeyError as missing:  # what an earlier version stored had less
        raise UserError(
            f"the questions of '{about['suite']}' lack {missing}, by which replies are measured",
            fix="they are of an earlier version: ask the suite again",
        ) from None
    return Measured(about["suite"], suite.area, questions, measures)


def _check_same(
    suite: str,
    first: tuple[Evaluation, Sequence[Question]],
    other: tuple[Evaluation, Sequence[Question]],
) -> None:
    """Refuse to compare what was asked differently."""
    if list(first[1]) == list(other[1]):
        return
    keys, beside = ({question.key for question in asked} for _, asked in (first, other))
    what = f"{first[0].name} was asked {len(keys)} questions and {other[0].name} {len(beside)}"
    what += f", of which {len(keys & beside)} are called alike"
    raise UserError(
        f"the questions of '{suite}' are not the same: {what}",
        where=str(other[0].folder / f"{suite}.parquet"),
        fix="ask both with the same data, evaluate.suite_items and evaluate.seed",
    )
