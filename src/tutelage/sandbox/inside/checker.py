"""The process that runs the tests, and the only one that can say a trial has passed.

It is the first process of the trial's process namespace: the program, its child, can neither
signal nor trace it, shares no memory and no descriptor with it but two pipes, and dies with it.
The tests' text is read after the program's process was made, so it was never in that memory.
"""

import importlib
import os
import resource
import signal
import time
import traceback
from typing import Any

from . import frames, jail, program, proxy

JOBS, VERDICTS = 0, 1
"""Descriptors: the harness writes jobs to the first; the second leads to the warden."""


def live(limits: dict[str, int]) -> None:
    """Make the program's process, take one job from the harness, give its verdict; never returns.

    Args:
        limits: `tutelage.sandbox.Limits`, as a dictionary.
    """
    request_end, requests = os.pipe()
    replies, reply_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            program.live(limits, request_end, reply_end)
        finally:
            os._exit(70)
    jail.lock(limits, [JOBS, VERDICTS, requests, replies])
    job = frames.receive(JOBS, proxy.LONGEST_REQUEST)
    if job is None:
        frames.send(VERDICTS, {"end": True})
        os._exit(0)
    # A data set's tests are no more trusted than its programs: the next job is not theirs.
    os.dup2(os.open("/dev/null", os.O_RDONLY), JOBS)
    frames.send(VERDICTS, {"started": job["number"]})
    channel = proxy.Channel(requests, replies, limits["reply_mb"] << 20)
    outcome, detail = _judge(job, channel)
    if channel.broken is not None:  # even where a test swallowed it
        outcome, detail = _how_it_went(channel.broken, child, limits)
    frames.send(VERDICTS, {"outcome": outcome, "detail": detail[:1000]})
    os._exit(0)


def _judge(job: dict[str, Any], channel: proxy.Channel) -> tuple[str, str]:
    """Run the tests against the program: they pass where they come to their end."""
    tests: dict[str, Any] = {"__name__": "checker"}
    try:
        exec(compile(job["preamble"], "<preamble>", "exec"), tests)
        for module in job["modules"]:
            tests.setdefault(module, importlib.import_module(module))
        tests |= channel.load(job["program"], job["names"])
        exec(compile(job["checker"], "<checker>", "exec"), tests)
    except MemoryError as error:
        return "memory", _told(error, job["checker"])
    except PermissionError as error:
        return "refused", _told(error, job["checker"])
    except BaseException as error:
        return "failed", _told(error, job["checker"])
    return "passed", ""


def _told(error: BaseException, checker: str) -> str:
    """The error in a line, with the line of the tests at which it came."""
    lines = [
        step.lineno
        for step in traceback.extract_tb(error.__traceback__)
        if step.filename == "<checker>" and step.lineno
    ]
    text = checker.splitlines()
    where = f" (at: {text[lines[-1] - 1].strip()[:300]})" if lines else ""
    return f"{type(error).__name__}: {str(error)[:500]}{where}"


def _how_it_went(broken: str, child: int, limits: dict[str, int]) -> tuple[str, str]:
    """What became of a program that no longer answers."""
    if broken == "output":
        return "output", f"it answered with more than {limits['reply_mb']} MB"
    if broken == "nonsense":
        return "crashed", "it wrote on the line to its checker"
    for _ in range(50):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.01)
    else:
        return "crashed", "it closed the line to its checker"
    if os.WIFEXITED(status):
        return "crashed", f"it left with code {os.WEXITSTATUS(status)} before its tests had ended"
    number = os.WTERMSIG(status)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if used.ru_utime + used.ru_stime >= limits["processor_seconds"] - 0.5:
        return "timeout", f"it used {limits['processor_seconds']} s of processor time"
    if number == signal.SIGKILL:
        return "memory", "the system ended it, most likely for want of memory"
    return "crashed", f"it died of {signal.Signals(number).name}"
