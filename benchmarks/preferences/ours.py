"""Tutelage as a contender: the loop of `tutelage train` with `objective: dpo`.

The clock holds the base model's log-probabilities of all pairs, which `run` asks for first.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from preferences.workload import Pair, Pairs, recipe
from tuning.ours import StepTracker
from tuning.watch import Watch, resident_bytes
from tutelage.data.example import Source
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.prompt.renderer import Rendered
from tutelage.rundir import TrainLog
from tutelage.train.checkpoint import Checkpoints
from tutelage.train.example import TrainingExample
from tutelage.train.loop import Loop
from tutelage.train.objectives import objectives


def tune(work: Pairs, folder: Path) -> dict[str, Any]:
    """Train once over the pairs; what was noted."""
    runtime = resident_bytes()
    bench = from_recipe(recipe(work.settings, work.base))
    watch = Watch(runtime, bench.model)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        # At a learning rate of 0, which no recipe may ask for.
        _loop(bench, work.warm_up, Path(name) / "1", learning_rate=0.0).run(resume=False)
        loop = _loop(bench, work.pairs, Path(name) / "2")
        loop.trackers = [StepTracker(watch, work.order)]
        drawn = [loop.order.indices(step).tolist() for step in range(loop.steps)]
        assert drawn == work.order, "the loop draws other pairs than the workload says"
        gc.collect()
        watch.start()
        loop.run(resume=False)
        rows = loop.log.rows("step")
    return {
        **watch.report(),
        "computed_tokens": sum(row["computed_tokens"] for row in rows),
        "margins": [row["reward_margin"] for row in rows],
    }


def _loop(bench: Workbench, pairs: Sequence[Pair], folder: Path, **changed: Any) -> Loop:
    train = bench.recipe.train.model_copy(update=changed)
    assert train.learning_rate is not None
    return Loop(
        bench.model,
        bench.family,
        objectives.get("dpo")(train),
        bench.method.trainable_parameters(bench.model),
        [_example(at, pair) for at, pair in enumerate(pairs)],
        [],
        train,
        train.learning_rate,
        TrainLog(folder / "log.jsonl"),
        Checkpoints(folder / "checkpoints", keep=1),
        base=partial(bench.method.disabled, bench.model),
    )


def _example(at: int, pair: Pair) -> TrainingExample:
    chosen, rejected = (
        Rendered(
            np.array([*pair.prompt, *response], dtype=np.int32),
            np.repeat(np.array([0, 1], dtype=np.float32), [len(pair.prompt), len(response)]),
            stop_trained=True,
        )
        for response in (pair.chosen, pair.rejected)
    )
    return TrainingExample(Source("pairs", at), "pairs", (chosen,), (rejected,))
