"""The sandbox's own process: shut in once, it forks each trial in milliseconds.

Started by `tutelage.sandbox.sandbox` as `python -s -S -P` in an empty environment. The harness
writes jobs to its input, which only a trial's checker reads, and reads verdicts from its output,
which only the wardens write. A keeper process for each trial holds the clock: at the deadline it
kills the checker, the first process of the trial's process namespace, and the kernel then kills
every other process in it, stopped, orphaned or forking.
"""

import importlib
import json
import os
import select
import sys
import time

from . import checker, frames, jail, kernel

_BROKEN, _NO_MORE_JOBS = 1, 3
_READY_MADE = (
    "bisect collections copy dataclasses datetime decimal enum fractions functools hashlib heapq "
    "itertools json math operator random re statistics string traceback typing"
)


def main() -> None:
    """Shut this process in, say so, and run trials until the harness closes its end."""
    limits, shared = json.loads(sys.argv[1])
    kernel.die_with_parent()
    # Most programs import these; in a fork they are there already.
    for module in _READY_MADE.split():
        importlib.import_module(module)
    try:
        jail.enter(shared)
    except (OSError, ValueError) as error:
        frames.send(1, {"missing": str(error)})
        return
    sys.path.pop(0)  # where these modules came from, which no longer exists in here
    frames.send(1, {"ready": True})
    while True:
        keeper = os.fork()
        if keeper == 0:
            code = _BROKEN
            try:
                code = _keep(limits)
            except OSError as error:
                frames.send(1, {"missing": str(error)})
            finally:
                os._exit(code)
        _, status = os.waitpid(keeper, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            return


def _keep(limits: dict[str, int]) -> int:
    """Run one trial: what its checker says in time is passed on to the harness."""
    kernel.die_with_parent()
    jail.new_scratch(limits["scratch_mb"])
    verdicts, speaking = os.pipe()
    first = os.fork()
    if first == 0:
        try:
            kernel.die_with_parent()
            os.dup2(speaking, checker.VERDICTS)
            checker.live(limits)
        finally:
            os._exit(70)
    os.close(speaking)
    said = frames.receive(verdicts, 1 << 16)
    if said == {"end": True}:
        return _NO_MORE_JOBS
    if said is None:  # its job may still lie in the pipe, where the next checker would find it
        return _BROKEN
    number = said["started"]
    began = time.monotonic()
    in_time, _, _ = select.select([verdicts], [], [], limits["seconds"])
    if not in_time:
        os.kill(first, 9)
        said = {"outcome": "timeout", "detail": f"it took longer than {limits['seconds']} s"}
    else:
        said = frames.receive(verdicts, 1 << 16)
    os.waitpid(first, 0)
    # The tests hold this line too, and may have written on it.
    if not isinstance(said, dict) or not {"outcome", "detail"} <= said.keys():
        said = {"outcome": "crashed", "detail": "its tests could not be run to their end"}
    verdict = {name: said[name] for name in ("outcome", "detail")}
    seconds = round(time.monotonic() - began, 4)
    frames.send(1, {**verdict, "number": number, "seconds": seconds})
    return 0
