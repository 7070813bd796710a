from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.rundir import TrainLog


def step(number: int, loss: float = 1.0) -> dict[str, object]:
    return {"event": "step", "step": number, "loss": loss}


def test_rows_come_back_in_order_and_by_event(tmp_path: Path) -> None:
    log = TrainLog(tmp_path / "log.jsonl")
    assert log.rows() == []
    log.append(step(1, loss=float("nan")))
    log.append({"event": "validation", "step": 1, "loss": 0.1 + 0.2, "best": True})
    assert [row["event"] for row in log.rows()] == ["step", "validation"]
    assert log.rows("step")[0]["loss"] is None
    assert log.rows("validation")[0]["loss"] == 0.1 + 0.2


@given(steps=st.lists(st.integers(0, 20)), after=st.integers(0, 20), torn=st.booleans())
def test_truncation_equals_a_log_that_never_went_further(
    steps: list[int], after: int, torn: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    interrupted, uninterrupted = TrainLog(folder / "a"), TrainLog(folder / "b")
    uninterrupted.append(step(0))
    interrupted.append(step(0))
    for number in sorted(steps):
        interrupted.append(step(number, loss=1 / (number + 1)))
        if number <= after:
            uninterrupted.append(step(number, loss=1 / (number + 1)))
    if torn:
        with interrupted.path.open("ab") as file:
            file.write(b'{"event":"step","step":3,"lo')
    interrupted.truncate_after(after)
    interrupted.append(step(after + 1))
    uninterrupted.append(step(after + 1))
    assert interrupted.path.read_bytes() == uninterrupted.path.read_bytes()


def test_half_a_line_at_the_end_is_not_read(tmp_path: Path) -> None:
    log = TrainLog(tmp_path / "log.jsonl")
    log.append(step(1))
    with log.path.open("ab") as file:
        file.write(b'{"event":"step"')
    assert log.rows() == [step(1)]


@pytest.mark.parametrize("line", [b"{]\n", b"3\n", b'{"event":"step"}\n'])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    log = TrainLog(tmp_path / "log.jsonl")
    log.append(step(1))
    with log.path.open("ab") as file:
        file.write(line)
    with pytest.raises(UserError, match=r"log\.jsonl line 2"):
        log.rows()
