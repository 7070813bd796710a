import shutil
from pathlib import Path
from typing import Any

import pytest
from test_page import Page

from tutelage.report import build
from tutelage.report.suite_panels import suite_figures
from tutelage.report.suites import areas
from tutelage.rundir import RunFolder, read_json, write_json


def measure(suite: str, area: str, **changed: Any) -> dict[str, Any]:
    row = {
        "suite": suite, "area": area, "task": "overall", "held_out": False, "metric": "accuracy",
        "primary": True, "items": 50, "scale": 1, "higher_is_better": True,
        "base": 0.25, "base_interval": [0.15, 0.39], "tuned": 0.5, "tuned_interval": [0.37, 0.63],
        "difference": 0.25, "interval": [0.1, 0.4], "p_value": 0.001, "p_corrected": 0.004,
        "significant": True, "signature": "accuracy", "details": {},
    }  # fmt: skip
    return row | changed


def about(suite: str, area: str, **changed: Any) -> dict[str, Any]:
    entry = {"suite": suite, "area": area, "title": "what it asks", "status": "run", "items": 50}
    return entry | changed


BINS = [{"sureness": 0.45, "accuracy": 0.4, "interval": [0.2, 0.6], "items": 20}]


def curve(axis: str) -> dict[str, Any]:
    points = [{"x": x, "task": task, "metric": "accuracy"} for x, task in ((0, "none"), (4, ""))]
    points[1]["task"] = "overall"
    return {"axis": axis, "metric": "accuracy", "points": points}


def found(hostile: str = "") -> dict[str, Any]:
    return {
        "suites": [
            about(f"stereo{hostile}", "bias", curves=[curve(f"turns{hostile}")]),
            about("mmlu", "forgetting", reliability=dict.fromkeys(("base", "tuned"), BINS)),
            about("gsm8k", "tasks", status="skipped", reason=f"no file{hostile}"),
        ],
        "measures": [
            measure(f"stereo{hostile}", "bias", higher_is_better=False),
            measure(f"stereo{hostile}", "bias", primary=False, task="none", base=0.5, tuned=0.125),
            measure("mmlu", "forgetting", significant=False),
            measure("mmlu", "forgetting", primary=False, task=f"law{hostile}"),
        ],
        "failed": [f"any worsens: stereo{hostile}"],
    }


def test_areas_come_in_order_with_their_verdicts() -> None:
    shown = areas(found())
    assert [area.name for area in shown] == ["tasks", "forgetting", "bias"]
    tasks, forgetting, bias = shown
    assert tasks.suites[0].reason == "no file"
    assert not tasks.named("better") + tasks.named("worse") + tasks.named("unclear")
    assert forgetting.named("unclear") == ["mmlu (accuracy)"]  # its part does not decide
    assert [row.task for row in forgetting.suites[0].parts] == ["law"]
    assert bias.named("worse") == ["stereo (accuracy)"]  # more, where less is better


def test_what_has_no_direction_is_neither_better_nor_worse(
    evaluated: RunFolder, tmp_path: Path
) -> None:
    results = found()
    leaning = {"metric": "leaning", "primary": False, "higher_is_better": None}
    results["measures"].append(measure("stereo", "bias", **leaning))
    (row,) = areas(results)[2].suites[0].others
    assert row.verdict == "changed"
    run = RunFolder(Path(shutil.copytree(evaluated.path, tmp_path / "run")))
    write_json(run.metrics, read_json(run.metrics) | {"suites": results})
    page = build(run).read_text(encoding="utf-8")
    line = page[page.index("leaning <") :]
    line = line[: line.index("</tr>")]
    assert "neither side is better" in line and "significantly changed" in line
    assert "▲" not in line and "▼" not in line and 'class="worse' not in line


@pytest.mark.parametrize("hostile", ["", "<script>window.pwned=1</script>{{ 7 * 7 }}"])
def test_the_page_tells_of_every_suite(evaluated: RunFolder, tmp_path: Path, hostile: str) -> None:
    run = RunFolder(Path(shutil.copytree(evaluated.path, tmp_path / "run")))
    write_json(run.metrics, read_json(run.metrics) | {"suites": found(hostile)})
    shown = Page(build(run).read_text(encoding="utf-8"))
    assert not shown.unbalanced and "script" not in {tag for tag, _ in shown.tags}
    for said in (f"stereo{hostile}: accuracy", f"turns{hostile}", "How far sureness can"):
        assert said in shown.text
    for said in ("What suites found", f"skipped: no file{hostile}", f"law{hostile}"):
        assert said in shown.text
    assert f"any worsens: stereo{hostile}" in shown.text


def test_points_stand_at_their_places_with_their_intervals() -> None:
    drawn = suite_figures(found())
    assert set(drawn) == {"curves", "reliability"}
    for said in (
        "base, at 0.000: 0.500 (0.150 to 0.390), 50 items",
        "tuned, at 0.000: 0.125 (0.370 to 0.630), 50 items",
        "tuned, at 4.000: 0.500 (0.370 to 0.630), 50 items",
    ):
        assert said in drawn["curves"]
    assert "base, at 0.450: 0.400 (0.200 to 0.600), 20 items" in drawn["reliability"]


def test_what_cannot_be_drawn_is_not() -> None:
    results = found()
    results["measures"] = [row for row in results["measures"] if row["task"] != "none"]
    assert set(suite_figures(results)) == {"reliability"}  # one point is no curve
    results = found()
    for row in results["measures"]:
        row["base_interval"] = [None, None]
    assert "base, at" not in suite_figures(results)["curves"]
    assert suite_figures(None) == {}


def test_a_model_alone_has_its_curve() -> None:
    results = found()
    rows = [
        {"value": row["tuned"], "interval": row["tuned_interval"]}
        | {name: row[name] for name in ("suite", "area", "task", "metric", "primary", "items")}
        for row in results["measures"]
    ]
    results["suites"][1]["reliability"] = {"model": BINS}
    drawn = suite_figures(results | {"measures": rows})
    assert "tuned, at 4.000: 0.500" in drawn["curves"] and "base" not in drawn["curves"]
    assert "tuned, at 0.450: 0.400" in drawn["reliability"]


def test_a_run_without_suites_has_no_such_section(evaluated: RunFolder) -> None:
    assert "What suites found" not in build(evaluated).read_text(encoding="utf-8")
