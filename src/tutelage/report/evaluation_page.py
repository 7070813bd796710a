"""The page of an evaluation that is no run: a model alone, two models, or a later comparison.

It is made of `results.json` and the replies beside it, and of nothing else, so that it can be made
again wherever the folder is put. The tables are those of a run's report; the models have their own
names in place of base and tuned, because here neither need have been tuned from the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.report.evidence import suite_items
from tutelage.report.page import render_template
from tutelage.report.suite_items import SuiteItem
from tutelage.report.suite_panels import suite_figures
from tutelage.report.suites import AreaLines, Names, areas, names_of
from tutelage.report.view import Section
from tutelage.rundir import RESULTS, read_json, write_text

SCHEMA = 1


def is_evaluation(folder: Path) -> bool:
    """Whether suites were asked or compared here."""
    return (folder / RESULTS).is_file()


def build_evaluation(folder: Path) -> Path:
    """Write `report.html` of an evaluation, and return its path.

    Args:
        folder: with `results.json`.

    Raises:
        UserError: a file is damaged, or of another schema.
    """
    results = read_json(folder / RESULTS)
    if results.get("schema") != SCHEMA:
        raise UserError(
            f"expected schema {SCHEMA}, found {results.get('schema')!r}",
            where=str(folder / RESULTS),
            fix="ask the suites again with this version",
        )
    written = folder / "report.html"
    write_text(written, render(results, suite_items(folder, results)))
    return written


def render(results: Mapping[str, Any], items: Mapping[str, Sequence[SuiteItem]]) -> str:
    """The page as HTML.

    Args:
        results: what `results.json` holds.
        items: by suite the questions to be shown.
    """
    names, found = names_of(results["models"]), areas(results)
    count = {
        status: sum(one["status"] == status for one in results["suites"])
        for status in ("run", "skipped", "failed")
    }
    return render_template(
        "evaluation.html.jinja",
        name=f"{names.tuned} against {names.base}" if names.base else names.tuned,
        headline=headline(names, found),
        models=results["models"],
        count=count,
        sides=names,
        sections=[Section("suites", "What suites found")],
        areas=found,
        suite_items=items,
        suite_figures=suite_figures(results),
        conditions_failed=results["failed"],
        percent=f"{100 * results['confidence']:g}%",
    )


def headline(names: Names, found: Sequence[AreaLines]) -> str:
    """The verdict in a sentence, by the primary measures of whole suites.

    Args:
        names: of the models.
        found: the areas.
    """
    rows = [row for area in found for suite in area.suites for row in suite.primary]
    if not rows:
        return "Nothing was measured."
    measures = "1 primary measure" if len(rows) == 1 else f"{len(rows)} primary measures"
    if not names.base:
        return f"{names.tuned}: {measures}, and no other model beside it."
    better, worse = (sum(row.verdict == verdict for row in rows) for verdict in ("better", "worse"))
    if not better and not worse:
        return f"No clear change from {names.base} to {names.tuned} in {measures}."
    return (
        f"{names.tuned} is significantly better than {names.base} in {better} of {measures}, "
        f"and worse in {worse}."
    )
