"""What the loop asks of the machine: memory used so far, and seeds for dropout."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def peak_memory(device: torch.device) -> int:
    """Most bytes held so far: by the device's allocator on CUDA, by the process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def seeded(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Make torch's random numbers a function of seed and step; the outer state comes back."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed * 1_000_003 + step)
        yield
