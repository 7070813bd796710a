import shutil
from pathlib import Path
from typing import Any

import pytest
from test_page import Page

from tutelage.report import build
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


def found(hostile: str = "") -> dict[str, Any]:
    return {
        "suites": [
            about(f"stereo{hostile}", "bias"),
            about("mmlu", "forgetting"),
            about("gsm8k", "tasks", status="skipped", reason=f"no file{hostile}"),
        ],
        "measures": [
            measure(f"stereo{hostile}", "bias", higher_is_better=False),
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
    for said in ("What suites found", f"skipped: no file{hostile}", f"law{hostile}"):
        assert said in shown.text
    assert f"any worsens: stereo{hostile}" in shown.text


def test_a_run_without_suites_has_no_such_section(evaluated: RunFolder) -> None:
    assert "What suites found" not in build(evaluated).read_text(encoding="utf-8")
