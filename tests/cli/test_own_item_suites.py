"""Suites made of a run's own items, asked of a real tiny run and judged by others."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from chat_server import Response, completion, serving
from commands import Commands
from tiny_project import Tuned

pytestmark = pytest.mark.parametrize("tuned", ["lora"], indirect=True)


@pytest.fixture
def run(tuned: Tuned, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tuned.folder.path, tmp_path / "run"))


def evaluated(command: Commands, run: Path, *more: str) -> dict[str, Any]:
    """What `eval` finds on a few questions."""
    few = ("--set", "evaluate.suite_items=14", "--json")
    found: dict[str, Any] = command("eval", run, *more, *few, cwd=run).json()
    return found


def values(results: dict[str, Any], suite: str) -> dict[str, tuple[float, float]]:
    """By metric the values of base and tuned model on a whole suite."""
    return {
        row["metric"]: (row["base"], row["tuned"])
        for row in results["measures"]
        if row["suite"] == suite and row["task"] == "overall"
    }


def test_wordings_and_distances_of_a_runs_items(run: Path, command: Commands) -> None:
    suites = ("--suite", "paraphrases", "--suite", "novelty")
    results = evaluated(command, run, *suites)
    assert {one["suite"]: one["status"] for one in results["suites"]} == {
        "paraphrases": "run",
        "novelty": "run",
    }
    wordings = values(results, "paraphrases")
    assert all(low <= high for low, high in zip(wordings["worst"], wordings["score"], strict=True))
    assert {"score", "slope"} < values(results, "novelty").keys()


def longest(number: int, body: dict[str, Any]) -> Response:
    """The longer answer is the better one."""
    text = body["messages"][-1]["content"]
    first, second = re.findall(r"<(?:first|second) response \w+>\n(.*?)\n</", text, re.DOTALL)
    better = "first" if len(first) > len(second) else "second"
    return completion(json.dumps({"reason": "it is longer", "better": better}))


def test_a_judge_at_an_endpoint_is_paid_once(run: Path, command: Commands) -> None:
    with serving(longest) as server:
        judge = ("model=m", f"url={server.url}", "price=[1, 1]")
        settings = [part for one in judge for part in ("--set", f"evaluate.judge.{one}")]
        results, again = (
            evaluated(command, run, "--suite", "preference", *settings) for _ in range(2)
        )
        assert len(server.asked) == len({json.dumps(body) for body in server.asked}) > 0
    preferred = values(results, "preference")["preferred"]
    assert sum(preferred) == pytest.approx(1)
    assert values(again, "preference") == values(results, "preference")
    (about,) = results["suites"]
    assert about["judge"]["model"] == "m"
    assert about["judge"]["cost"] > 0


@pytest.mark.slow
def test_a_judge_here_whose_context_is_too_short_prefers_nobody(
    run: Path, tuned: Tuned, command: Commands
) -> None:
    settings = (f"local={tuned.project / 'model'}", "max_new_tokens=4")
    sets = [part for one in settings for part in ("--set", f"evaluate.judge.{one}")]
    results = evaluated(command, run, "--suite", "preference", *sets)
    found = values(results, "preference")
    assert found["preferred"] == (0.5, 0.5)
    assert max(found["judged"]) < 0.5  # 512 tokens do not hold the questions
    assert results["suites"][0]["judge"]["model"] == str(tuned.project / "model")
