import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.rundir import read_json, replacing, write_json, write_text


def plain(value: Any) -> Any:
    """What a strict JSON reader gives, NaN and infinity being null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(value=VALUES)
def test_json_comes_back_with_null_for_what_json_has_not(
    value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path) == plain(value)
    json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN, which JSON has not


def test_json_takes_numpy_numbers(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": np.float64("nan"), "y": np.array([1.5, np.inf])})
    assert read_json(tmp_path / "a.json") == {"x": None, "y": [1.5, None]}


def test_an_error_while_writing_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "value.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_have_ordinary_permissions(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    writer = (
        "import itertools, pathlib, sys\n"
        "from tutelage.rundir import write_json\n"
        "for n in itertools.count():\n"
        "    write_json(pathlib.Path(sys.argv[1]), {'n': n, 'pad': [n] * 50_000})\n"
    )
    for wait in (0.0, 0.013, 0.029, 0.041):
        process = subprocess.Popen([sys.executable, "-c", writer, str(path)])
        while not path.exists():
            time.sleep(0.005)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        value = read_json(path)
        assert value["pad"] == [value["n"]] * 50_000
        path.unlink()


def test_unreadable_json_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_json(tmp_path / "absent.json")
    (tmp_path / "bad.json").write_text('{"a": NaN}')
    with pytest.raises(UserError, match=r"bad\.json: not valid JSON"):
        read_json(tmp_path / "bad.json")
