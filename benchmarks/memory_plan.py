"""Predicted against measured peak memory of tuning, one process a cell.

`python benchmarks/memory_plan.py [--only smollm2/lora]` prints a Markdown table. A cell loads the
model as `tutelage train` does, predicts, takes one step of two packs of the full budget (with the
optimizer's state in place, as in every step but the first) and reads the process's peak, which is
set back before the step. Sequences have 256 tokens, the second half supervised. Linux only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

LENGTH = 256
PACKS = 2
MODELS = {"smollm2": "smollm2-135m-instruct", "gemma3": "gemma3-270m-base"}
MODES = ("none", "selective", "full")
CELLS = [
    *itertools.product(["smollm2"], ["lora"], ["float32"], MODES, [512]),
    *itertools.product(["smollm2"], ["lora"], ["float32"], ["none"], [2048]),
    *itertools.product(["smollm2"], ["lora"], ["bfloat16"], ["none", "full"], [512]),
    *itertools.product(["smollm2"], ["full"], ["float32"], MODES, [512]),
    *itertools.product(["smollm2"], ["full"], ["bfloat16"], ["none"], [256]),
    *itertools.product(["gemma3"], ["lora"], ["float32"], ["none", "selective"], [512]),
    *itertools.product(["gemma3"], ["lora"], ["bfloat16"], ["none"], [512]),
    *itertools.product(["gemma3"], ["full"], ["float32"], ["selective"], [512]),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only cells whose name begins so")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        print(json.dumps(measure(*json.loads(arguments.cell))))
        return
    head = ("cell", "predicted, MiB", "measured, MiB", "error", "parts, MiB", "CPU s a step")
    print(f"| {' | '.join(head)} |\n| --- | ---: | ---: | ---: | --- | ---: |", flush=True)
    for cell in CELLS:
        name = "/".join(map(str, cell))
        if name.startswith(arguments.only):
            command = [sys.executable, __file__, "--cell", json.dumps(cell)]
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
            if finished.returncode:
                print(f"| {name} | failed: {finished.stderr.strip().splitlines()[-1]} |")
                continue
            print(row(name, json.loads(finished.stdout.splitlines()[-1])), flush=True)


def row(name: str, found: dict[str, Any]) -> str:
    predicted, measured = found["predicted"], found["measured"]
    parts = ", ".join(f"{part} {mib(size)}" for part, size in found["parts"].items() if size)
    error = f"{predicted / measured - 1:+.1%}"
    cells = (name, mib(predicted), mib(measured), error, parts, f"{found['seconds']:.1f}")
    return f"| {' | '.join(cells)} |"


def mib(size: int) -> str:
    return f"{size / 2**20:,.0f}"


def measure(model: str, method: str, precision: str, mode: str, budget: int) -> dict[str, Any]:
    """One cell, in this process."""
    import numpy as np
    import torch

    from tutelage.data.example import Source
    from tutelage.pipeline.memory import fit_memory
    from tutelage.pipeline.workbench import from_recipe
    from tutelage.prompt.renderer import Rendered
    from tutelage.recipe import Recipe
    from tutelage.recipe.recipe import resolve
    from tutelage.rundir import TrainLog
    from tutelage.train.checkpoint import Checkpoints
    from tutelage.train.example import TrainingExample
    from tutelage.train.loop import Loop
    from tutelage.train.objectives import objectives

    examples = budget // LENGTH * PACKS
    settings = {
        "model": {"base": base(model), "method": method, "precision": precision, "device": "cpu"},
        "data": {"train": [{"path": "made.jsonl"}]},
        "train": {
            "batch_size": examples,
            "max_steps": 1,
            "micro_batch_tokens": budget,
            "activation_checkpointing": mode,
            "threads": 1,
        },
    }
    bench = from_recipe(resolve(Recipe.model_validate(settings), Path()))
    random = np.random.default_rng(0)
    weights = (np.arange(LENGTH) >= LENGTH // 2).astype(np.float32)
    made = [
        Rendered(random.integers(5, 40_000, LENGTH).astype(np.int32), weights, stop_trained=True)
        for _ in range(examples)
    ]

    def make_loop(folder: Path) -> Loop:
        options = bench.recipe.train
        return Loop(
            bench.model,
            bench.family,
            objectives.get("supervised")(options),
            bench.method.trainable_parameters(bench.model),
            [TrainingExample(Source("made", at), "made", (one,)) for at, one in enumerate(made)],
            [],
            options,
            1e-4,
            TrainLog(folder / "log.jsonl"),
            Checkpoints(folder / "checkpoints", keep=1),
        )

    with tempfile.TemporaryDirectory() as scratch:
        new_loop = partial(make_loop, Path(scratch))
        fit_memory(bench, new_loop)
        assert bench.memory is not None
        loop = new_loop()
        for parameter in loop.optimizer.parameters.values():
            parameter.grad = torch.zeros_like(parameter)
        loop.optimizer.step(0.0)
        Path("/proc/self/clear_refs").write_text("5")
        started = time.process_time()
        loop.run(resume=False)
        seconds = time.process_time() - started
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return {
        "predicted": bench.memory.prediction.total,
        "measured": peak * 1024,
        "parts": bench.memory.prediction.parts(),
        "seconds": seconds,
    }


def base(model: str) -> str:
    """The embedded model, or a folder among the tests' models."""
    if model == "smollm2":
        return MODELS[model]
    default = Path.home() / ".cache/tutelage-test-models"
    return str(Path(os.environ.get("TUTELAGE_TEST_MODELS", default)) / MODELS[model])


if __name__ == "__main__":
    main()
