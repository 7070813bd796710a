"""DPO and unlikelihood by real commands: from files of preferences to a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tiny_project
from commands import Commands
from tutelage.rundir import RunFolder, TrainLog, read_json

SETTINGS = {"dpo": ("train.learning_rate=1e-2", "train.dpo.beta=0.5"), "unlikelihood": ()}


@pytest.fixture
def preference_project(own_project: Path) -> Path:
    """The tiny project with pairs for two of its tasks, plain rows for the third, and thumbs."""
    rows = [row for row in tiny_project.rows() if row["task"] != "backwards"]
    answers = [row["output"] for row in rows]
    pairs: list[dict[str, Any]] = [
        {
            "task": row["task"],
            "prompt": f"{row['instruction']}\n\n{row['input']}",
            "chosen": row["output"],
            "rejected": next(other for other in answers[at:] + answers if other != row["output"]),
        }
        for at, row in enumerate(rows)
    ]
    tiny_project.write_rows(own_project / "pairs.jsonl", pairs)
    plain = [{"instruction": f"Say {word}.", "output": word} for word in ("tea", "sun", "map")]
    tiny_project.write_rows(own_project / "plain.jsonl", plain)
    thumbs = [
        {"prompt": f"Say {word}.", "completion": "No.", "label": at % 2 == 0}
        for at, word in enumerate(("dog", "pen", "box", "net"))
    ]
    tiny_project.write_rows(own_project / "thumbs.jsonl", thumbs)
    recipe = (own_project / "recipe.yaml").read_text(encoding="utf-8")
    recipe = recipe.replace("train: data.jsonl", "train: [pairs.jsonl, plain.jsonl, thumbs.jsonl]")
    recipe = recipe.replace("  holdout: {tasks: [backwards]}\n", "")
    recipe = recipe.replace("epochs: 10", "epochs: 4")
    (own_project / "recipe.yaml").write_text(recipe, encoding="utf-8")
    return own_project


@pytest.mark.parametrize("objective", SETTINGS)
def test_a_run_from_preferences_to_the_report(
    command: Commands, preference_project: Path, tmp_path: Path, objective: str
) -> None:
    settings = [f"train.objective={objective}", *SETTINGS[objective]]
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    out = tmp_path / "run"
    said = command("run", "recipe.yaml", "--out", out, *chosen, cwd=preference_project)
    assert said.code == 0, said.err
    run = RunFolder.open(out)
    metrics = read_json(run.metrics)
    assert metrics["training"]["objective"] == objective
    counts = metrics["data"]["counts"]
    assert counts["read"] == 48 + 3 + 4
    assert counts["read"] == sum(value for fate, value in counts.items() if fate != "read")
    reasons = {row["reason"]: row["count"] for row in metrics["data"]["reasons"]}
    steps = TrainLog(run.log).rows("step")
    report = run.report.read_text(encoding="utf-8")
    if objective == "dpo":
        assert reasons["no_negative"] >= 1 and reasons["no_response"] >= 1
        assert steps[0]["loss"] == pytest.approx(0.693, abs=0.01)
        assert steps[-1]["loss"] < steps[0]["loss"] and steps[-1]["reward_margin"] > 0
        assert "Loss a preference pair" in report and "reward margin" in report
    else:
        assert "no_negative" not in reasons  # thumbs down and plain rows are learned from
        assert steps[-1]["likelihood_loss"] < steps[0]["likelihood_loss"]
        assert "Loss a token, desired or undesired" in report
    assert "Loss a supervised token" not in report


def test_a_run_with_dpo_is_resumed_from_its_checkpoint(
    command: Commands, preference_project: Path, tmp_path: Path
) -> None:
    settings = ("--set", "train.objective=dpo", "--set", "train.max_steps=4")
    ends = []
    for name in ("whole", "cut"):
        out = tmp_path / name
        every = ("--set", "train.checkpoint_every=2", "--set", "train.keep_checkpoints=9")
        trained = command(
            "train", "recipe.yaml", "--out", out, *settings, *every, cwd=preference_project
        )
        assert trained.code == 0, trained.err
        if name == "cut":  # as if it had died after its second step
            for path in sorted((out / "checkpoints").iterdir()):
                if path.name > "step-000002":
                    for file in path.iterdir():
                        file.unlink()
                    path.rmdir()
            resumed = command("train", "--resume", out, cwd=preference_project)
            assert resumed.code == 0, resumed.err
        ends.append(
            [
                (row["loss"], row["reward_margin"])
                for row in TrainLog(RunFolder.open(out).log).rows("step")
            ]
        )
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("train.objective=dop",), ("train.objective", "dpo")),
        (("train.dpo.beta=0.3",), ("train.dpo", "objective: supervised")),
        (("train.objective=dpo", "train.dpo.beta=0"), ("train.dpo.beta", "0")),
        (("train.objective=dpo", "train.dpo.label_smoothing=0.5"), ("label_smoothing", "0.5")),
        (
            ("train.objective=dpo", "data.train=plain.jsonl", "data.test=0", "data.validation=0"),
            ("no example is left to train on", "no undesired response", "train.objective"),
        ),
    ],
)
def test_mistakes_are_explained(
    command: Commands,
    preference_project: Path,
    settings: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    said = command("check", "recipe.yaml", *chosen, cwd=preference_project)
    assert said.code == 2 and "Traceback" not in said.err, (said.out, said.err)
    for part in expected:
        assert part in said.err


def test_check_shows_pairs(command: Commands, preference_project: Path) -> None:
    said = command(
        "check", "recipe.yaml", "--json", "--set", "train.objective=dpo", cwd=preference_project
    )
    found = json.loads(said.out)
    assert found["sequences"] == 2 * found["splits"]["train"]
    assert found["reasons"]["no_negative"] >= 1
