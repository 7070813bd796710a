"""Tutelage as a contender: the loop of `tutelage train`, on a workbench made as it makes one."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tuning import flops
from tuning.matmul_peak import Arithmetic
from tuning.watch import Watch, held_out_loss, resident_bytes
from tuning.workload import IGNORED, Row, Workload, recipe
from tutelage.data.example import Source
from tutelage.model.fused import unfuse
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.prompt.renderer import Rendered
from tutelage.rundir import TrainLog
from tutelage.train.checkpoint import Checkpoints
from tutelage.train.loop import Loop, TrainingExample
from tutelage.train.objectives import objectives
from tutelage.train.trackers import Tracker


class StepTracker:
    """Tells the watch of each step, through the loop's own seam for trackers."""

    def __init__(self, watch: Watch, order: Sequence[Sequence[int]]) -> None:
        self.watch = watch
        self.order = order

    def record(self, row: Mapping[str, Any]) -> None:
        """A step has ended."""
        self.watch.lap(row["loss"], self.order[row["step"] - 1], row["supervised_tokens"])

    def close(self) -> None:
        """Nothing to close."""


class Packs:
    """Notes what each forward pass of the model's backbone is given.

    Args:
        bench: whose model to watch.
    """

    def __init__(self, bench: Workbench) -> None:
        self.computed = flops.Computed()
        backbone = bench.family.backbone(bench.model)
        self._hook = backbone.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(self, _: object, __: object, inputs: Mapping[str, torch.Tensor]) -> None:
        self.computed = self.computed.with_pack(inputs["position_ids"][0].numpy())

    def close(self, targets: int) -> flops.Computed:
        """Look away; what was computed, with the predictions that carried loss."""
        self._hook.remove()
        return replace(self.computed, targets=targets)


def loop_over(
    bench: Workbench,
    rows: Sequence[Row],
    folder: Path,
    trackers: Sequence[Tracker] = (),
    **changed: Any,
) -> Loop:
    """The loop that `tutelage train` would run over some rows.

    Args:
        bench: with the recipe.
        rows: to train on.
        folder: for the log and the last checkpoint.
        trackers: told of every step.
        changed: settings of the recipe's `train`, unlike those in it.
    """
    train = bench.recipe.train.model_copy(update=changed)
    examples = [example(at, row) for at, row in enumerate(rows)]
    assert train.learning_rate is not None
    return Loop(
        bench.model,
        bench.family,
        objectives.get(train.objective)(train),
        bench.method.trainable_parameters(bench.model),
        examples,
        [],
        train,
        train.learning_rate,
        TrainLog(folder / "log.jsonl"),
        Checkpoints(folder / "checkpoints", keep=1),
        trackers,
    )


def tune(work: Workload, folder: Path) -> dict[str, Any]:
    """Train once over the rows; what was noted."""
    runtime = resident_bytes()
    settings = work.settings
    bench = from_recipe(recipe(settings, work.base))
    rank = settings.rank if settings.method == "lora" else None
    arithmetic = Arithmetic(flops.Shape.of(bench.model.config, rank))
    watch = Watch(runtime, bench.model)
    tracker = StepTracker(watch, work.order)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        packs = Packs(bench)
        # At a learning rate of 0, which no recipe may ask for.
        loop_over(bench, work.warm_up, Path(name) / "1", learning_rate=0.0).run(resume=False)
        arithmetic.time(packs.close(sum(row.supervised for row in work.warm_up)))
        packs = Packs(bench)
        loop = loop_over(bench, work.rows, Path(name) / "2", [tracker])
        drawn = [loop.order.indices(step).tolist() for step in range(loop.steps)]
        assert drawn == work.order, "the loop draws other rows than the workload says"
        gc.collect()
        watch.start()
        loop.run(resume=False)
    report = watch.report()
    computed = packs.close(work.supervised)
    arithmetic.time(computed)
    unfuse(bench.model)
    bench.model.set_attn_implementation("sdpa")
    return {
        **report,
        **arithmetic.report(computed),
        "held_out_loss": held_out_loss(bench.model, work.held_out),
    }


def example(at: int, row: Row) -> TrainingExample:
    """A row as the loop takes it."""
    ids = np.array(row.ids, dtype=np.int32)
    weights = (np.array(row.labels) != IGNORED).astype(np.float32)
    return TrainingExample(Source("rows", at), "rows", (Rendered(ids, weights, stop_trained=True),))
