"""The page of an evaluation that is no run."""

from pathlib import Path
from typing import Any

import pytest
from test_page import Page
from test_suite_items import write
from test_suites_on_page import found, measure

from tutelage.errors import UserError
from tutelage.report import build_evaluation, is_evaluation
from tutelage.report.suites import Names, names_of
from tutelage.rundir import RESULTS, write_json

HOSTILE = "<script>window.pwned=1</script>{{ 7 * 7 }}"


def evaluation(folder: Path, models: dict[str, str], **changed: Any) -> Path:
    """Results of a suite `made`, and those of `found`, in a folder."""
    results = {"schema": 1, "models": models, "confidence": 0.95, **found()}
    results["suites"].append(results["suites"][0] | {"suite": "made", "area": "tasks", "items": 2})
    if "model" in models:
        keys = ("suite", "area", "task", "metric", "primary", "items", "scale", "higher_is_better")
        results["measures"] = [
            {key: row[key] for key in keys} | {"value": 0.31, "interval": [0.2, 0.42]}
            for row in [*results["measures"], measure("made", "tasks")]
        ]
    else:
        results["measures"].append(measure("made", "tasks"))
    said = {side: ["it is so", f"it is not {side}"] for side in models}
    write(folder, said, {side: [1.0, 0.0] for side in models})
    write_json(folder / RESULTS, results | changed)
    return folder


def test_two_models_stand_under_their_own_names_verdict_first(tmp_path: Path) -> None:
    models = {"base": "org/first-model", "tuned": f"runs/second{HOSTILE}/"}
    folder = evaluation(tmp_path, models)
    assert is_evaluation(folder)
    text = build_evaluation(folder).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.unbalanced and "script" not in {tag for tag, _ in page.tags}
    # Of stereo, mmlu and made: worse (less is better), unclear, better.
    said = "is significantly better than first-model in 1 of 3 primary measures, and worse in 1."
    heading = text[text.index("<h1>") : text.index("</h1>")]
    assert said in heading
    head = text[text.index("<thead>") : text.index("</thead>")]
    assert "<bdi>first-model</bdi>" in head and "Base" not in head and "Tuned" not in head
    assert "skipped: no file" in page.text
    replies = text[text.index('<div class="replies">') :]
    assert "<bdi>first-model</bdi>" in replies and "<mark>it is not</mark>" in replies


def test_a_model_alone_has_values_and_nothing_is_better(tmp_path: Path) -> None:
    text = build_evaluation(evaluation(tmp_path, {"model": "org/only"})).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.unbalanced
    assert "only: 3 primary measures, and no other model beside it." in page.text
    assert "0.310" in page.text and "0.200 to 0.420" in page.text
    for never in ("Difference", "Corrected p", "▲", "▼", "Better:", "No clear change"):
        assert never not in page.text
    assert "it is not model" in page.text  # its replies can be read


def test_what_changed_in_nothing_says_so(tmp_path: Path) -> None:
    rows = [measure("made", "tasks", significant=False)]
    folder = evaluation(tmp_path, {"base": "a", "tuned": "b"}, measures=rows)
    page = Page(build_evaluation(folder).read_text(encoding="utf-8"))
    assert "No clear change from a to b in 1 primary measure." in page.text


@pytest.mark.parametrize(
    ("models", "names"),
    [
        ({"model": "org/one"}, Names("", "one")),
        ({"base": "org/one", "tuned": "runs/two"}, Names("one", "two")),
        ({"base": "a/run", "tuned": "b/run"}, Names("a/run", "b/run")),
        ({"base": "run", "tuned": "run/"}, Names("run (base)", "run (tuned)")),
    ],
)
def test_names_are_as_short_as_tells_the_models_apart(models: dict[str, str], names: Names) -> None:
    assert names_of(models) == names


def test_results_of_another_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected schema 1, found 2"):
        build_evaluation(evaluation(tmp_path, {"base": "a", "tuned": "b"}, schema=2))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("alone", [True, False])
def test_it_fits_the_window_and_is_silent(
    browser: Any, tmp_path: Path, width: int, scheme: str, alone: bool
) -> None:
    long = "runs/" + "a-name-that-is-long-" * 4
    models = {"model": long} if alone else {"base": "org/first", "tuned": long}
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(build_evaluation(evaluation(tmp_path, models)).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for_timeout(50)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "600"
    page.close()
