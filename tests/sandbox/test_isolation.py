"""Where programs cannot be isolated none is run; and what the isolation is built of."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isolation import needs_isolation
from tutelage.errors import UserError
from tutelage.sandbox import Limits, Sandbox, Trial, judge_all, sandbox
from tutelage.sandbox.inside import call_filter

pytestmark = needs_isolation

FINE = Trial("def f(): return 1", "assert f() == 1", ("f",))
HEADERS = {
    0: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    1: Path("/usr/include/asm-generic/unistd.h"),
}


def test_without_user_namespaces_nothing_runs() -> None:
    script = (
        "from tutelage.sandbox import judge_all, Trial\n"
        "print(judge_all([Trial('def f(): return 1', 'assert f() == 1', ('f',))]))"
    )
    # In a user namespace of its own, root may forbid further ones.
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode != 0
    assert "outcome" not in ran.stdout
    assert "untrusted programs cannot be isolated on this machine" in ran.stderr
    assert "new user namespace: No space left on device" in ran.stderr


def test_a_sandbox_that_leaks_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    leaking = Trial("def succeeded(): return ['fly']", sandbox.PROBE.checker, ("succeeded",))
    monkeypatch.setattr(sandbox, "PROBE", leaking)
    with pytest.raises(UserError, match="a program could"):
        judge_all([FINE])


def test_an_unknown_architecture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserError, match="darwin") as told, Sandbox():
        pass
    assert "user namespaces" in str(told.value)


def test_a_sandbox_that_was_lost_is_replaced() -> None:
    with Sandbox(Limits(seconds=5)) as running:
        warden = running._warden
        assert warden is not None
        warden.kill()
        warden.wait()
        assert running.judge(FINE).outcome == "crashed"
        assert running.judge(FINE).passed


def test_a_trial_too_large_to_be_read_spoils_no_other() -> None:
    huge = Trial("x = '" + "a" * (70 << 20) + "'", "", ())
    with Sandbox(Limits(memory_mb=128)) as running:
        for _ in range(2):
            assert running.judge(huge).outcome == "crashed"
            assert not running.judge(Trial("def f(): return 2", "assert f() == 1", ("f",))).passed
            assert running.judge(FINE).passed


def test_nothing_lives_on_when_the_harness_is_killed(tmp_path: Path) -> None:
    script = (
        "from tutelage.sandbox import *\n"
        "with Sandbox(Limits(seconds=60)) as s:\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(s._warden.pid))\n"
        "    s.judge(Trial('while True: pass', ''))"
    )
    harness = subprocess.Popen([sys.executable, "-c", script])
    note = tmp_path / "pid"
    _wait(lambda: note.exists() and note.read_text() != "")
    warden = note.read_text()
    _wait(lambda: len(_descendants(warden)) == 4)
    harness.kill()
    harness.wait()
    _wait(lambda: not Path(f"/proc/{warden}").exists() or _descendants(warden) == [warden])


def _descendants(process: str) -> list[str]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [process, *(each for child in children for each in _descendants(child))]


def _wait(until: object) -> None:
    import time

    assert callable(until)
    for _ in range(600):
        if until():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about within 30 s")


@pytest.mark.parametrize("column", HEADERS)
def test_call_numbers_are_those_of_the_kernels_headers(column: int) -> None:
    if not HEADERS[column].exists():
        pytest.skip(f"no {HEADERS[column]}")
    text = HEADERS[column].read_text()
    pattern = r"#define __NR(?:3264)?_(\w+)\s+(\d+)"
    published = {name: int(number) for name, number in re.findall(pattern, text)}
    # The generic header has one name for both word lengths.
    aliases = {"newfstatat": "fstatat"} if column else {}
    ours = {**call_filter.ALLOWED, **call_filter.CONDITIONAL}
    assert {
        name: published.get(name, published.get(aliases.get(name, "")))
        for name, numbers in ours.items()
        if numbers[column] is not None
    } == {name: numbers[column] for name, numbers in ours.items() if numbers[column] is not None}


def test_the_filter_is_assembled_for_each_architecture() -> None:
    for machine in ("x86_64", "aarch64"):
        program = call_filter.assemble(machine, 2)
        assert len(program) % 8 == 0
        assert len(program) // 8 < 4096
    assert call_filter.supported(platform.machine())
    assert not call_filter.supported("s390x")


def test_root_of_a_container_without_nobody_is_isolated_too() -> None:
    script = (
        "from tutelage.sandbox import judge_all, Trial\n"
        "print(judge_all([Trial('def f(): return 1', 'assert f() == 1', ('f',))])[0].outcome)"
    )
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "passed\n"


@pytest.mark.parametrize(
    "written", [{"outcome": "fine", "detail": ""}, {"missing": "all"}, ["passed"], 7]
)
def test_what_tests_write_on_the_line_of_verdicts_is_none(written: object) -> None:
    body = json.dumps(written).encode()
    frame = len(body).to_bytes(4, "big") + body
    forged = Trial("def f(): return 1", f"import os\nos.write(1, {frame!r})\nos._exit(0)", ("f",))
    first, second = judge_all([forged, FINE], workers=1)
    assert (first.outcome, second.outcome) == ("crashed", "passed")


def test_what_a_program_says_can_be_written() -> None:
    program = "def f(): raise ValueError('\\ud800')"
    (verdict,) = judge_all([Trial(program, "assert f() == 1", ("f",))])
    assert verdict.outcome == "failed"
    assert verdict.detail.encode().startswith(b"ValueError: ?")
