"""What watchers of a run are shown."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from made_loop import make_loop

from tutelage.errors import UserError
from tutelage.train.trackers import check_installed, trackers
from tutelage.train.trackers.console import duration
from tutelage.train.trackers.tracker import numbers


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(number: int, steps: int = 100, **changes: Any) -> dict[str, Any]:
    return {
        "event": "step",
        "step": number,
        "steps": steps,
        "epoch": 0.5,
        "loss": 1.23456,
        "tasks": {"sums": {"loss": 1.5, "weight": 300.0}},
        "learning_rate": 1e-4,
        "gradient_norm": 0.7,
        "supervised_tokens": 300,
        "tokens": 900,
        "computed_tokens": 800,
        "seconds": 2.0,
        "peak_memory_bytes": 3 * 2**30 // 2,
        **changes,
    }


VALIDATION = {
    "event": "validation",
    "step": 4,
    "loss": 2.5,
    "tasks": {"sums": {"loss": 2.0, "weight": 3.0}, "words": {"loss": 2.75, "weight": 6.0}},
    "supervised_tokens": 9,
    "best": True,
}


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, rows: list[dict]) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    console = trackers.get("console")("run", Path(), {})
    for row in rows:
        console.record(row)
    console.close()
    return stream.getvalue()


def test_the_line_says_what_one_wants_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [step(1), step(2, seconds=4.0), VALIDATION, step(3), step(4, loss=0.5)]
    text = shown(Terminal(), monkeypatch, rows)
    lines = text.split("\r\x1b[K")[1:]
    assert len(lines) == 5 and text.endswith("\n")
    speed = "450 tokens/s (400 computed, 150 supervised)"
    assert lines[0] == f"step 1/100  loss 1.2346  {speed}  3 min 18 s left  1.5 GiB"
    # 3,600 tokens in 10 s; 96 steps of 2.5 s are left.
    assert "step 2/100  loss 1.2346  validation 2.5000 (best)  300 tokens/s (267" in lines[2]
    assert lines[4].split("  ") == [
        "step 4/100",
        "loss 0.5000",
        "validation 2.5000 (best)",
        "360 tokens/s (320 computed, 120 supervised)",
        "4 min 00 s left",
        "1.5 GiB\nsteps 1 to 4: trained on 3,600 tokens, computed 3,200 (what begins alike is "
        "computed once)\n",
    ]


def test_a_file_gets_about_twenty_lines_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    for steps in (7, 100, 1003):
        rows = [step(number, steps) for number in range(1, steps + 1)]
        *lines, total = shown(io.StringIO(), monkeypatch, rows).splitlines()
        assert f"trained on {900 * steps:,} tokens, computed {800 * steps:,} (" in total
        assert len(lines) <= 21 or steps < 40
        assert lines[-1].startswith(f"step {steps}/{steps}") and "0 s left" in lines[-1]
        assert "\x1b" not in "".join(lines) and "\r" not in "".join(lines)


def test_a_real_run_tells_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = trackers.get("console")("run", tmp_path, {})
    make_loop(tmp_path, console).run(resume=False)
    pattern = (
        r"step \d/8  loss \d\.\d{4}  "
        r"\d+ tokens/s \(\d+ computed, \d+ supervised\)  \d+ s left  \d\.\d GiB"
    )
    console.close()
    *lines, total = capsys.readouterr().err.splitlines()
    tokens, computed = map(int, re.findall(r" (\d+)(?: tokens| \()", total))
    assert computed < tokens
    validations = [line for line in lines if "validation" in line]
    steps = [line for line in lines if line not in validations]
    assert len(steps) == 8 and all(re.fullmatch(pattern, line) for line in steps)
    assert validations
    for line in validations:  # each right behind the line of its step, and once
        assert re.fullmatch(r"step \d  validation \d\.\d{4}( \(best\))?", line)
        assert lines[lines.index(line) - 1].startswith(f"{line.split('  ')[0]}/8  ")
    assert validations[-1] == lines[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_tensorboard_holds_every_number(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = trackers.get("tensorboard")("run", tmp_path, {})
    loop = make_loop(tmp_path, board, validate_every=4)
    loop.run(resume=False)
    board.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    rows = loop.log.rows("step")
    found = {(event.step, event.value) for event in events.Scalars("train/loss")}
    assert {step for step, _ in found} == set(range(1, 9))
    for row in rows:
        assert any(at == row["step"] and abs(loss - row["loss"]) < 1e-5 for at, loss in found)
    assert [event.step for event in events.Scalars("validation/loss")] == [4, 8]
    tags = set(events.Tags()["scalars"])
    other = ("event", "step", "steps", "tasks")
    assert {f"train/{key}" for key in rows[0] if key not in other} <= tags
    assert {"train/loss/made", "validation/loss/made"} <= tags


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_extra_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "torch.utils.tensorboard.writer" if name == "tensorboard" else name
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=rf"{name}.*not installed\n.*pip install 'tutelage\[{name}"):
        trackers.get(name)("run", tmp_path, {})


def test_extras_are_looked_for_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed([])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"tutelage\[wandb\]"):
        check_installed(["wandb"])


def test_numbers_are_named_by_their_event() -> None:
    assert numbers(VALIDATION) == {
        "validation/loss": 2.5,
        "validation/loss/sums": 2.0,
        "validation/loss/words": 2.75,
        "validation/supervised_tokens": 9.0,
        "validation/best": 1.0,
    }
    assert numbers(step(1))["train/learning_rate"] == 1e-4
    assert "train/step" not in numbers(step(1))
