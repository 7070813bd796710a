"""Tutelage as a contender: the loop of `tutelage train`, on a workbench made as it makes one."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tuning.watch import Watch, held_out_loss
from tuning.workload import IGNORED, Row, Workload, recipe
from tutelage.data.example import Source
from tutelage.pipeline.workbench import from_recipe
from tutelage.prompt.renderer import Rendered
from tutelage.rundir import TrainLog
from tutelage.train.checkpoint import Checkpoints
from tutelage.train.loop import Loop, TrainingExample
from tutelage.train.objectives import objectives
from tutelage.train.order import Order


class StepTracker:
    """Tells the watch of each step, through the loop's own seam for trackers."""

    def __init__(self, watch: Watch, order: Order) -> None:
        self.watch = watch
        self.order = order

    def record(self, row: Mapping[str, Any]) -> None:
        """A step has ended."""
        rows = self.order.indices(row["step"] - 1).tolist()
        self.watch.lap(row["loss"], rows, row["supervised_tokens"])

    def close(self) -> None:
        """Nothing to close."""


def tune(work: Workload, folder: Path) -> dict[str, Any]:
    """Train once over the rows; what was noted."""
    bench = from_recipe(recipe(work.settings, work.base, work.learning_rate))
    parameters = bench.method.trainable_parameters(bench.model)

    def train(rows: Sequence[Row], learning_rate: float, watch: Watch) -> None:
        order = Order(len(rows), work.settings.batch_size, work.settings.seed)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            loop = Loop(
                bench.model,
                bench.family,
                objectives.get("supervised"),
                parameters,
                [example(at, row) for at, row in enumerate(rows)],
                [],
                bench.recipe.train,
                learning_rate,
                TrainLog(Path(scratch) / "log.jsonl"),
                Checkpoints(Path(scratch) / "checkpoints", keep=1),
                [StepTracker(watch, order)],
            )
            watch.start()
            loop.run(resume=False)

    watch = Watch()
    train(work.warm_up, 0.0, Watch())
    gc.collect()
    train(work.rows, work.learning_rate, watch)
    report = watch.report()
    bench.model.set_attn_implementation("sdpa")
    return report | {"held_out_loss": held_out_loss(bench.model, work.warm_up)}


def example(at: int, row: Row) -> TrainingExample:
    """A row as the loop takes it."""
    ids = np.array(row.ids, dtype=np.int32)
    weights = (np.array(row.labels) != IGNORED).astype(np.float32)
    return TrainingExample(Source("rows", at), "rows", (Rendered(ids, weights, stop_trained=True),))
