"""How much an untrusted program may use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one trial may use; the defaults are generous for HumanEval- and MBPP-like programs."""

    seconds: int = 10
    """Time by the clock, after which everything the trial started is killed."""
    processor_seconds: int = 8
    """Processor time of the program, over all its threads."""
    memory_mb: int = 512
    """Address space of the program, and again of its checker."""
    scratch_mb: int = 16
    """All the files it writes, together; they live in memory and vanish with it."""
    reply_mb: int = 16
    """The longest value it may answer with."""
    threads: int = 32
    """Threads at a time; it may start no process at all."""
