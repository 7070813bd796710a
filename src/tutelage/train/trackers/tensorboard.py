"""TensorBoard event files in the run folder (extra `tensorboard`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.errors import missing_extra
from tutelage.train.trackers import trackers
from tutelage.train.trackers.tracker import numbers


class TensorBoard:
    """Writes scalars to `RUN/tensorboard`."""

    def __init__(self, name: str, folder: Path, recipe: dict[str, Any]) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise missing_extra("tensorboard", "tensorboard", "the tracker tensorboard") from error
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def record(self, row: Mapping[str, Any]) -> None:
        """Write the row's numbers at its step."""
        for tag, value in numbers(row).items():
            self._writer.add_scalar(tag, value, row["step"])

    def close(self) -> None:
        """Flush the files."""
        self._writer.close()


trackers.register("tensorboard")(TensorBoard)
