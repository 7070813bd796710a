"""The works that are measured, by name, and what was asked of ours on each (issue 3's table).

`steps` is how many optimizer steps make one measurement: few where a step is long, so that every
contender fits into the benchmark's time; `quick` where time is short. `peers` stand in the order
in which they are worth measuring: the one expected to be fastest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tuning.workload import Settings

RANK, ALPHA, SEED = 16, 32.0, 0
LEARNING_RATES = {"lora": 2e-4, "full": 2e-5}

OURS = "ours"
PEERS = ("trl-tuned", "trl-packed", "trl-flat", "trl-default", "llama-factory")
CONTENDERS = (OURS, *PEERS)


@dataclass(frozen=True)
class Work:
    """Some rows to train on, and how.

    Attributes:
        data: file or folder within the data's folder.
        tasks: of a folder of Natural Instructions.
        method: what is trained.
        batch_size: rows an optimizer step, for everyone.
        steps: optimizer steps of a measurement.
        quick: the same where time is short.
        peers: that are measured, the most important first.
        speeds: rough tokens/s of ours and a peer on two cores, to estimate time with.
        least: times the best peer's speed that were asked for.
        hoped: times that were hoped for.
    """

    data: str
    tasks: int | None
    method: Literal["lora", "full"]
    batch_size: int
    steps: int
    quick: int
    peers: tuple[str, ...]
    speeds: tuple[float, float]
    least: float
    hoped: float

    def settings(self, data: Path, base: str, threads: int, steps: int) -> Settings:
        """As the workload wants it."""
        return Settings(
            data=str((data / self.data).resolve()),
            tasks=self.tasks,
            base=base,
            method=self.method,
            learning_rate=LEARNING_RATES[self.method],
            rows=self.batch_size * steps,
            batch_size=self.batch_size,
            rank=RANK,
            alpha=ALPHA,
            threads=threads,
            seed=SEED,
        )


_ALPACA = ("alpaca_12k.json", None)
_NI = "natural_instructions"
_BEST = ("trl-tuned", "trl-packed", "trl-flat")

WORKS: dict[str, Work] = {
    "alpaca": Work(
        *_ALPACA, "lora", 8, 16, 16, (*_BEST, "trl-default", "llama-factory"), (370, 165), 2.3, 3.0
    ),
    "ni8": Work(_NI, 8, "lora", 64, 3, 2, _BEST, (800, 170), 6.0, 8.0),
    "ni41": Work(_NI, 41, "lora", 128, 2, 1, _BEST, (550, 170), 3.5, 5.0),
    "alpaca-full": Work(*_ALPACA, "full", 8, 16, 8, _BEST, (230, 110), 1.6, 2.0),
    "ni8-full": Work(_NI, 8, "full", 64, 2, 1, _BEST, (500, 120), 3.0, 5.0),
}
"""In order of importance. Natural Instructions' folder holds 40 tasks, so `ni41` has all 40."""
