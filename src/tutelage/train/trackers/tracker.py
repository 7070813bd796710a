"""The seam between the loop and whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Tracker(Protocol):
    """Is told of every row of the log."""

    def record(self, row: Mapping[str, Any]) -> None:
        """Take note of a step or a validation (`event`, `step`, numbers)."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


def numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The row's numbers, named `train/loss` or `validation/loss` and so on.

    A task's own loss is `train/loss/TASK`.
    """
    prefix = "train" if row["event"] == "step" else "validation"
    found = {
        f"{prefix}/{key}": float(value)
        for key, value in row.items()
        if key not in ("event", "step", "steps") and isinstance(value, int | float)
    }
    for task, part in row["tasks"].items():
        found[f"{prefix}/loss/{task}"] = float(part["loss"])
    return found
