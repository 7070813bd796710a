"""How long a thread spins where it waits for another, decided before torch is loaded.

OpenMP joins its threads after every operation. One that spins meanwhile goes on at once; one that
sleeps must be woken, which on a virtual machine whose processors fall asleep took a third of a
decoding step. But where others want the processors, a thread spins through its own share of them
while the one that it waits for has been put aside. So how long is decided by who else is at work
when the process begins (benchmarks/RESULTS.md, "waiting").
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from tutelage import ranks

BRIEF = 1_000
"""Turns to spin on a machine that others use: a few microseconds."""
LONG = 30_000
"""Turns to spin where processors would be idle otherwise. More gains nothing, and costs more where
others begin to work later: OpenMP's own 300,000 are ten times slower then, these twice."""

LOAD = Path("/proc/loadavg")
LOOKS = 6
"""How often one looks who is at work before it is believed; one look without them is enough."""
SECONDS = 0.02
"""Between two looks: a command that merely ends or begins beside this one is gone by the last."""


def turns() -> int:
    """How often a waiting thread should look again before it goes to sleep."""
    for look in range(LOOKS):
        if look:
            time.sleep(SECONDS)
        others = _others_at_work()
        if others is None:
            return BRIEF
        if others + _own_threads() <= (os.cpu_count() or 1):
            return LONG
    return BRIEF


def _own_threads() -> int:
    """Threads that this run's processes on this machine will compute with."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    each = int(asked) if asked.isdecimal() else len(os.sched_getaffinity(0))
    return each * ranks.local_size()


def _others_at_work() -> int | None:
    """Threads of others that are running or want to; None where the machine does not tell."""
    try:
        running, _ = LOAD.read_text(encoding="ascii").split()[3].split("/")
        return max(0, int(running) - 1)  # the one that reads is running, too
    except (OSError, IndexError, ValueError):
        return None
