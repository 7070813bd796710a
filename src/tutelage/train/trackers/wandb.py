"""Weights & Biases (extra `wandb`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.errors import missing_extra
from tutelage.train.trackers import trackers
from tutelage.train.trackers.tracker import numbers


class WeightsAndBiases:
    """Logs to the project `tutelage`; obeys wandb's own environment variables."""

    def __init__(self, name: str, folder: Path, recipe: dict[str, Any]) -> None:
        try:
            import wandb
        except ImportError as error:
            raise missing_extra("wandb", "wandb", "the tracker wandb") from error
        self._run = wandb.init(project="tutelage", name=name, dir=str(folder), config=recipe)

    def record(self, row: Mapping[str, Any]) -> None:
        """Log the row's numbers at its step."""
        self._run.log(numbers(row), step=row["step"])

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


trackers.register("wandb")(WeightsAndBiases)
