"""The sandbox against programs that want out, want more, or want to be judged right."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from isolation import needs_isolation
from sandbox.escapes import FORGED, GREEDY, LASTING, REACHING_OUT
from tutelage.sandbox import Limits, Sandbox, Trial, Verdict, judge_all

pytestmark = needs_isolation

QUICK = FORGED | REACHING_OUT | GREEDY


def _trial(program: str, fillings: dict[str, str]) -> Trial:
    for name, filling in fillings.items():
        program = program.replace("{" + name + "}", filling)
    return Trial(program, "assert f(21) == 42", ("f",))


class _Host:
    """What a program would have to reach: a port, a socket, a file, an environment."""

    def __init__(self, folder: Path) -> None:
        self.port = socket.create_server(("127.0.0.1", 0))
        self.port.settimeout(0.01)
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(folder / "s"))
        self.unix.listen()
        self.unix.settimeout(0.01)
        self.secret = folder / "secret"
        self.secret.write_text("hunter2")
        self.secret.chmod(0o644)
        self.fillings = {
            "port": str(self.port.getsockname()[1]),
            "socket": str(folder / "s"),
            "secret": str(self.secret),
            "home": str(Path.home()),
            "pid": str(os.getpid()),
        }

    def unreached(self) -> bool:
        for server in (self.port, self.unix):
            with pytest.raises(TimeoutError):
                server.accept()
            server.close()
        return self.secret.read_text() == "hunter2"


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Verdict]]:
    """Every quick program's verdict, from one sandbox in which all had run before."""
    host = _Host(tmp_path_factory.mktemp("host"))
    os.environ["TUTELAGE_SECRET"] = "hunter2"
    children = _children()
    try:
        limits = Limits(seconds=20, processor_seconds=10, memory_mb=256)
        trials = [_trial(program, host.fillings) for program, _ in QUICK.values()]
        found = judge_all(trials, limits, workers=2)
    finally:
        del os.environ["TUTELAGE_SECRET"]
    yield dict(zip(QUICK, found, strict=True))
    assert host.unreached()
    assert _children() == children


def _children() -> set[str]:
    """The processes that descend from this one and have not been reaped."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.parametrize("name", QUICK)
def test_no_attempt_succeeds(name: str, verdicts: dict[str, Verdict]) -> None:
    expected = QUICK[name][1]
    assert verdicts[name].outcome == expected, verdicts[name]
    assert verdicts[name].detail


def test_what_would_not_end_is_ended() -> None:
    trials = [
        Trial(program, "assert 17 in f(21)" if "iterator" in name else "assert f(21) == 42", ("f",))
        for name, (program, _) in LASTING.items()
    ]
    found = judge_all(trials, Limits(seconds=1, processor_seconds=5), workers=5)
    assert {name: each.outcome for name, each in zip(LASTING, found, strict=True)} == {
        name: outcome for name, (_, outcome) in LASTING.items()
    }
    assert all(each.seconds < 5 for each in found)


def test_a_right_program_passes_after_each_abuse() -> None:
    right = Trial("def f(x): return 2 * x", "assert f(21) == 42", ("f",))
    abuses = ["disk in many files", "os._exit(0)", "memory piece by piece", "threads"]
    with Sandbox(Limits(memory_mb=256)) as sandbox:
        for name in abuses:
            assert not sandbox.judge(_trial(QUICK[name][0], {})).passed
            assert sandbox.judge(right).passed


def test_nothing_is_left_of_a_trial() -> None:
    with Sandbox() as sandbox:
        sandbox.judge(
            Trial("open('/tmp/left', 'w').write('x')\ndef f(): return 1", "assert f() == 1", ("f",))
        )
        seen = sandbox.judge(
            Trial("import os\ndef f(): return os.listdir('/tmp')", "assert f() == []", ("f",))
        )
    assert seen.passed, seen
