"""A process of its own: what it gives back, and what is said when it cannot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tutelage.pipeline.grid import axis
from tutelage.pipeline.trials import in_process
from tutelage.recipe import load
from tutelage.rundir import held


def hold_twice(folder: str) -> None:
    with held(Path(folder)), held(Path(folder)):
        pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_however_it_ends_the_sweep_is_told(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert in_process(divmod, 7, 2).value == (3, 1)
    assert (
        in_process(divmod, 7, 0).failure == "ZeroDivisionError: integer division or modulo by zero"
    )
    assert "Traceback" in capfd.readouterr().err
    killed = in_process(signal.raise_signal, signal.SIGKILL)
    assert killed.failure == "its process was killed, most likely for want of memory"
    assert in_process(signal.raise_signal, signal.SIGSEGV).failure == "its process ended by SIGSEGV"
    assert in_process(os._exit, 3).failure == "its process ended with exit code 3"
    # A mistake comes back as one, of whatever kind it was there.
    mistake = in_process(axis, "nothing").mistake
    assert mistake is not None and mistake.where == "--over nothing" and mistake.fix is not None
    refused = in_process(os.listdir, "/dev/null").refusal
    assert refused is not None and str(refused) == "/dev/null: Not a directory"
    busy = in_process(hold_twice, str(tmp_path)).refusal
    assert busy is not None and "another process" in str(busy)
    missing = in_process(load, "/no/recipe.yaml").mistake
    assert missing is not None and "/no/recipe.yaml" in str(missing)
