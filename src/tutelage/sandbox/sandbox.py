"""Judge untrusted programs by tests, where they can neither do harm nor forge the verdict.

Published harnesses run a program and its tests in one process (human-eval's `reliability_guard`
says of itself that it is no security sandbox), so that a program may leave early, patch `==` or
read the expected answers from the stack. Here the tests run in a process of their own and see the
program only through a pipe that carries plain data (`inside/proxy.py`), both in namespaces without
files, network or other processes, under a list of the allowed system calls (`inside/jail.py`).
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Literal, Self, get_args

from tutelage.errors import UserError
from tutelage.sandbox.inside import frames
from tutelage.sandbox.limits import Limits

Outcome = Literal["passed", "failed", "timeout", "memory", "output", "refused", "crashed"]
_GRACE = 10
"""Seconds beyond a trial's time after which the sandbox itself counts as lost."""
_LONGEST_VERDICT = 1 << 16


@dataclass(frozen=True)
class Trial:
    """A program and the tests that judge it."""

    program: str
    """Untrusted Python."""
    checker: str
    """Python that raises unless the program is right; it must come to its end."""
    names: tuple[str, ...] = ()
    """What the tests use of the program; a name it does not define fails the trial."""
    preamble: str = ""
    """Trusted definitions the tests use, run before `names` are bound (and overridden by them)."""
    modules: tuple[str, ...] = ()
    """Modules of Python's library the tests use without importing them."""


@dataclass(frozen=True)
class Verdict:
    """How a trial went."""

    outcome: Outcome
    """`passed` only where the tests came to their end."""
    detail: str
    """Why not; it may quote the program, so it is untrusted text."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the program is right."""
        return self.outcome == "passed"


PROBE = Trial(
    program="""
import os, socket

def succeeded():
    attempts = {
        "start a process": os.fork,
        "open a socket": socket.socket,
        "signal its checker": lambda: os.kill(1, 9),
        "list processes": lambda: os.listdir("/proc"),
        "read a system file": lambda: open("/etc/passwd"),
        "write into the root folder": lambda: open("/new", "w"),
        "change the root folder": lambda: os.chroot("/tmp"),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
            done.append(name)
        except OSError:
            pass
    return done
""",
    checker="done = succeeded()\nassert done == [], f'a program could {done}'",
    names=("succeeded",),
)
"""What must fail in every sandbox before anything untrusted runs in it."""


class Sandbox:
    """A running sandbox, used in a `with` statement by one thread at a time."""

    def __init__(self, limits: Limits | None = None, shared: Sequence[Path] = ()) -> None:
        """Say what trials may use.

        Args:
            limits: of each trial.
            shared: files that programs may read, as `/shared/0`, `/shared/1` and so on.
        """
        self._limits = limits or Limits()
        self._shared = [str(path.resolve()) for path in shared]
        self._warden: subprocess.Popen[bytes] | None = None
        self._number = 0

    def __enter__(self) -> Self:
        """Start it, and see by a probe that it holds.

        Raises:
            UserError: this machine cannot isolate programs; nothing untrusted has run.
        """
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and everything in it."""
        self._stop()

    def judge(self, trial: Trial) -> Verdict:
        """Run one trial to its verdict, within its limits.

        Raises:
            UserError: the sandbox can no longer isolate.
        """
        if self._warden is None:
            self._start()
        warden = self._warden
        assert warden is not None and warden.stdin is not None
        try:
            self._number += 1
            frames.send(warden.stdin.fileno(), {**asdict(trial), "number": self._number})
            said = self._hear(self._limits.seconds + _GRACE)
        except BrokenPipeError:
            said = None
        if said is None or said.get("number", self._number) != self._number:
            # Its keeper should have ended it: whatever went wrong, nothing of it may live on.
            self._stop()
            return Verdict("crashed", "its sandbox no longer answered", self._limits.seconds)
        if "missing" in said:
            raise _cannot(str(said["missing"]))
        outcome, seconds = said["outcome"], float(said["seconds"])
        if outcome not in get_args(Outcome):
            return Verdict("crashed", "its tests wrote a verdict of their own", seconds)
        # Half a surrogate pair, which an error of the program may quote, can be written nowhere.
        detail = str(said["detail"]).encode(errors="replace").decode()
        return Verdict(outcome, detail, seconds)

    def _start(self) -> None:
        if sys.platform != "linux":
            raise _cannot(f"it is made of Linux namespaces, and this is {sys.platform}")
        folder = str(Path(__file__).parent)
        code = f"import sys; sys.path.insert(0, {folder!r}); from inside.warden import main; main()"
        self._warden = subprocess.Popen(
            [
                *(sys.executable, "-s", "-S", "-P", "-B", "-c", code),
                json.dumps([asdict(self._limits), self._shared]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Sets are iterated in the same order each time, so verdicts repeat.
            env={"PYTHONHASHSEED": "0", "HOME": "/tmp", "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        said = self._hear(60)
        if said != {"ready": True}:
            self._stop()
            raise _cannot(str(said["missing"]) if said else "its first process ended at once")
        self._prove()

    def _prove(self) -> None:
        """Try what must be impossible in here: isolation is shown, not inferred from settings."""
        verdict = self.judge(PROBE)
        if not verdict.passed:
            self._stop()
            raise _cannot(f"a probe of the sandbox came out otherwise: {verdict.detail}")

    def _hear(self, seconds: float) -> dict[str, Any] | None:
        assert self._warden is not None and self._warden.stdout is not None
        descriptor = self._warden.stdout.fileno()
        if not select.select([descriptor], [], [], seconds)[0]:
            return None
        said = frames.receive(descriptor, _LONGEST_VERDICT)
        assert said is None or isinstance(said, dict)
        return said

    def _stop(self) -> None:
        if self._warden is None:
            return
        # Each process in there is killed by the kernel when its parent dies.
        self._warden.kill()
        self._warden.communicate()
        self._warden = None


def judge_all(
    trials: Iterable[Trial],
    limits: Limits | None = None,
    workers: int | None = None,
    shared: Sequence[Path] = (),
) -> list[Verdict]:
    """Judge trials in several sandboxes at once; verdicts come in the order of the trials.

    Args:
        trials: what to run.
        limits: of each trial.
        workers: sandboxes at a time; as many as there are processors by default.
        shared: files that all programs may read, see `Sandbox`.

    Raises:
        UserError: this machine cannot isolate programs; nothing untrusted has run.
    """
    trials = list(trials)
    free: SimpleQueue[Sandbox] = SimpleQueue()

    def judge(trial: Trial) -> Verdict:
        sandbox = free.get()
        try:
            return sandbox.judge(trial)
        finally:
            free.put(sandbox)

    count = min(workers or os.cpu_count() or 1, len(trials))
    with ExitStack() as running:
        for _ in range(count):
            free.put(running.enter_context(Sandbox(limits, shared)))
        with ThreadPoolExecutor(max(1, count)) as pool:
            return list(pool.map(judge, trials))


def _cannot(why: str) -> UserError:
    return UserError(
        f"untrusted programs cannot be isolated on this machine, so none was run: {why}",
        fix="use Linux 5.12 or newer with user namespaces: `sysctl user.max_user_namespaces` above "
        "0, on Ubuntu `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, in Docker "
        "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined` or Podman",
    )
