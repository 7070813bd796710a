"""Two processes do not work on one folder, and a hold ends with its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.rundir import held

HOLD = """
import pathlib, sys, time
from tutelage.rundir import held
with held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_one_process_until_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process") as caught, held(tmp_path):
            pass
        assert caught.value.where == str(tmp_path)
        other.kill()
        other.wait()
    with held(tmp_path):
        assert not list(tmp_path.iterdir())  # nothing is left behind
    with held(tmp_path):
        pass
