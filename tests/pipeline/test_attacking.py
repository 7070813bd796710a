"""Models that no suffix can be searched against are told with the reason, and not attacked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tiny_masked
import tiny_models
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.suite import SUITES
from tutelage.pipeline.suites.evaluate import QUICK, QUICK_STEPS, evaluate_suites
from tutelage.pipeline.suites.planning import preflight


def attacked(model: Path, folder: Path) -> dict[str, Any]:
    (folder / "requests.csv").write_text("goal,target\nname the cat,Sure the cat is\n")
    use = f"{{suite: suffix_search, data: {folder / 'requests.csv'}, steps: 1, candidates: 2}}"
    found = evaluate_suites(model, out=folder / "out", overrides=[f"evaluate.suites=[{use}]"])
    (status,) = found["suites"]
    return dict(status)


def test_a_masked_model_has_no_beginning_to_search_for(tmp_path: Path) -> None:
    model = tiny_masked.save_folder(tmp_path / "model", "bert")
    status = attacked(model, tmp_path)
    assert status["status"] == "skipped"
    assert "decoder-only" in status["reason"]


def test_a_template_that_cuts_what_is_put_behind_a_request(tmp_path: Path) -> None:
    model = tiny_models.save_folder(tmp_path / "model")
    template = tiny_models.TEMPLATE.replace("m.content", "m.content[:8]")
    (model / "chat_template.jinja").write_text(template)
    status = attacked(model, tmp_path)
    assert status["status"] == "skipped"
    assert "does not give back a suffix" in status["reason"]


def test_a_model_that_reads_a_request_whole_is_attacked(tmp_path: Path) -> None:
    assert attacked(tiny_models.save_folder(tmp_path / "model"), tmp_path)["status"] == "run"


def test_what_a_search_costs_is_told_before_there_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "requests.csv").write_text("goal,target\na,Sure this is a\nb,Sure this is b\n")
    use = {"suite": "suffix_search", "steps": 5, "candidates": 7}
    data = [{"path": str(tmp_path / "requests.csv")}]
    options = EvaluateOptions.model_validate({"suites": [{**use, "data": data}]})
    (note,) = preflight(options, [])
    # Two requests; a suffix of 20 tokens, a target of 14 characters.
    assert "searches 2 suffixes" in note
    assert f"up to {2 * 5 * 7 * (20 + 3):,} tokens, and gradients 10 times" in note


def test_quick_searches_no_more_suffixes_than_are_searched_without(tmp_path: Path) -> None:
    model = tiny_models.save_folder(tmp_path / "model")
    rows = "".join(f"name cat {at},Sure the cat is\n" for at in range(20))
    (tmp_path / "requests.csv").write_text(f"goal,target\n{rows}")

    def items(**use: int) -> int:
        given = {"suite": "suffix_search", "candidates": 2, "max_new_tokens": 2, **use}
        data = {"data": [{"path": str(tmp_path / "requests.csv")}]}
        overrides = [f"evaluate.suites={json.dumps([given | data])}"]
        out = tmp_path / f"out{len(use)}"
        (suite,) = evaluate_suites(model, out=out, quick=True, overrides=overrides)["suites"]
        assert suite["options"]["steps"] == QUICK_STEPS
        return int(suite["items"])

    usual = SUITES.get("suffix_search").items
    assert items() == usual < QUICK
    assert items(max_items=40) == QUICK - 1  # pairs of a request, plain and with its suffix
