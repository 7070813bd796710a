"""What is noted while a contender tunes, and one measure of what it learned."""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Sequence
from typing import Any

import psutil
import torch

from tuning.workload import IGNORED, Row

ADAM_AND_GRADIENT = 3
"""What a trained weight needs besides itself: its gradient and AdamW's two running means."""


def resident_bytes() -> int:
    """What the process holds in memory."""
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def weight_bytes(model: torch.nn.Module) -> int:
    """Weights, gradients and optimizer state: what any trainer has to hold in float32."""
    return sum(
        parameter.numel()
        * parameter.itemsize
        * (1 + ADAM_AND_GRADIENT * int(parameter.requires_grad))
        for parameter in model.parameters()  # tied ones once
    )


class Watch:
    """Notes the time, loss, rows and supervised tokens of each step, and the process's memory.

    Made when the model is loaded, started when the loop begins, told when a step has ended.

    Args:
        runtime_bytes: what the process held with all imported and no model loaded.
        model: as it is going to be trained.
    """

    def __init__(self, runtime_bytes: int, model: torch.nn.Module) -> None:
        self.runtime_bytes = runtime_bytes
        self.weight_bytes = weight_bytes(model)
        self.losses: list[float] = []
        self.rows: list[list[int]] = []
        self.supervised: list[int] = []

    def start(self) -> None:
        """The loop begins."""
        self.load_average = os.getloadavg()[0]
        self._cpu = _cpu_seconds()
        self._laps = [time.perf_counter()]

    def lap(self, loss: float, rows: Sequence[int], supervised: int) -> None:
        """An optimizer step has ended."""
        self._laps.append(time.perf_counter())
        self.cpu_seconds = _cpu_seconds() - self._cpu
        self.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.losses.append(loss)
        self.rows.append(sorted(rows))
        self.supervised.append(supervised)

    def report(self) -> dict[str, Any]:
        """Everything noted, ready for JSON."""
        return {
            "seconds": self._laps[-1] - self._laps[0],
            "cpu_seconds": self.cpu_seconds,
            "load_average": self.load_average,
            "runtime_bytes": self.runtime_bytes,
            "weight_bytes": self.weight_bytes,
            "peak_bytes": self.peak_bytes,
            "losses": self.losses,
            "rows": self.rows,
            "supervised": self.supervised,
        }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@torch.no_grad()
def held_out_loss(model: Any, rows: Sequence[Row]) -> float:
    """Mean loss a supervised token, row by row through the model's own forward pass and logits.

    Args:
        model: a transformers or PEFT model with transformers' own attention.
        rows: never trained on.
    """
    model.train(False)
    total = 0.0
    for row in rows:
        logits = model(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        total += torch.nn.functional.cross_entropy(
            logits.float(), labels, ignore_index=IGNORED, reduction="sum"
        ).item()
    return total / sum(row.supervised for row in rows)
