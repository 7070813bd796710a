"""What each task gives to a run: which examples are drawn how often, worked out from the order.

The order is a pure function of the step, so this is known before training (`tutelage check` prints
it), and after it (the ledger and `metrics.json` keep it) without any bookkeeping in the loop; a run
that was resumed or stopped early is accounted for like any other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tutelage.data.example import Source
from tutelage.data.ledger import Ledger
from tutelage.data.options import MixtureOptions
from tutelage.pipeline.columns import Columns
from tutelage.train.order import Order


@dataclass(frozen=True, slots=True)
class TaskPart:
    """What one task gives.

    Attributes:
        task: its name.
        examples: how many there are to train on.
        drawn: how often one of them is trained on, repetitions included.
        distinct: how many are trained on at all.
        tokens: of the drawn ones, prompts included, as if nothing were shared.
        supervised_tokens: of these, those that count in the loss.
        steps: optimizer steps that have one of them.
    """

    task: str
    examples: int
    drawn: int
    distinct: int
    tokens: int
    supervised_tokens: int
    steps: int

    @property
    def passes(self) -> float:
        """Mean number of times that an example is trained on."""
        return self.drawn / self.examples


@dataclass(frozen=True)
class Contributions:
    """What all tasks give, in order of name, and how often each example is trained on.

    Attributes:
        parts: one for each task.
        times: (examples,) int64.
    """

    parts: list[TaskPart]
    times: np.ndarray

    @classmethod
    def of(cls, order: Order, examples: Columns, steps: int) -> Contributions:
        """Count the first `steps` optimizer steps."""
        times = np.zeros(len(examples), dtype=np.int64)
        touched = np.zeros(len(examples.tasks), dtype=np.int64)
        for step in range(steps):
            drawn = order.indices(step)
            np.add.at(times, drawn, 1)
            touched[np.unique(examples.task[drawn])] += 1
        tokens = times * examples.lengths()
        supervised = times * examples.supervised_tokens()
        columns = (np.ones_like(times), times, times > 0, tokens, supervised)
        sums = [_by_task(examples, column) for column in columns]
        found = zip(examples.tasks, *sums, touched.tolist(), strict=True)
        return cls(sorted((TaskPart(*part) for part in found), key=lambda part: part.task), times)

    def enter(self, examples: Columns, ledger: Ledger) -> None:
        """Note in the ledger how often each row was trained on."""
        columns = (examples.file.tolist(), examples.row.tolist(), self.times.tolist())
        for file, row, times in zip(*columns, strict=True):
            ledger.note_trained(Source(examples.files[file], row), times)

    def as_dict(self, options: MixtureOptions) -> dict[str, Any]:
        """For `metrics.json` and the command line."""
        drawn = sum(part.drawn for part in self.parts)
        tasks = {
            part.task: {
                **{name: value for name, value in asdict(part).items() if name != "task"},
                "share": part.drawn / max(drawn, 1),
                "passes": part.passes,
            }
            for part in self.parts
        }
        return {"strategy": options.strategy, "drawn": drawn, "tasks": tasks}


def _by_task(examples: Columns, values: np.ndarray) -> list[int]:
    """A value of every example added up, exactly, for each of `examples.tasks`."""
    sums = np.zeros(len(examples.tasks), dtype=np.int64)
    np.add.at(sums, examples.task, values)
    return sums.tolist()
