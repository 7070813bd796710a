"""Does `train.compile: blocks` pay? Training passes as they are and compiled, taking turns.

    python benchmarks/compile_blocks.py [--rounds 3] [--steps 3] [--threads 2]

SmolLM2-135M (or the model in TUTELAGE_MODEL) with LoRA on rows of alpaca_12k (in TUTELAGE_DATA),
steps of 8. Prints what compiling takes, processor and clock seconds of each step's passes both
ways in every round, how far losses and gradients are apart, and after how many steps compiling has
paid for itself, if ever.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from tutelage.data.options import DataOptions, SourceOptions
from tutelage.model.options import EMBEDDED, ModelOptions
from tutelage.pipeline.prepare import prepare, read
from tutelage.pipeline.train import make_loop
from tutelage.pipeline.workbench import from_recipe
from tutelage.recipe import Recipe
from tutelage.recipe.recipe import resolve
from tutelage.rundir import RunFolder
from tutelage.train.compiled import CompiledBlocks
from tutelage.train.loop import Loop
from tutelage.train.options import TrainOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
SPREAD = 0.01
"""Standard deviation of B, which starts at zero: then A would have no gradient to compare."""


class Passes(NamedTuple):
    processor: float
    clock: float
    loss: float
    gradients: dict[str, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="different ones in a round")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = scratch  # nothing is compiled yet
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # whose time would not be seen
        loop = made_loop(Path(scratch), arguments.threads)
        compiled = CompiledBlocks(loop.model).used
        run(loop, 0, nullcontext)  # kernels set themselves up
        plain = run(loop, 0, nullcontext)
        first = run(loop, 0, compiled)
        compiling = first.processor - plain.processor, first.clock - plain.clock
        print(f"compiling: {compiling[0]:.1f} processor seconds, {compiling[1]:.1f} by the clock")
        gains = [
            compare(step, run(loop, step, nullcontext), run(loop, step, compiled))
            for _ in range(arguments.rounds)
            for step in range(arguments.steps)
        ]
        gain = median(gains)
        print(f"gained a step: {gain:.2f} processor seconds (median)")
        print(f"pays after {compiling[0] / gain:.0f} steps" if gain > 0 else "never pays")


def made_loop(folder: Path, threads: int) -> Loop:
    recipe = Recipe(
        model=ModelOptions(base=os.environ.get("TUTELAGE_MODEL", EMBEDDED), precision="float32"),
        data=DataOptions(
            train=[SourceOptions(path=str(DATA / "alpaca_12k.json"), limit=200)],
            validation=0,
            test=1,
        ),
        train=TrainOptions(batch_size=8, max_steps=20, threads=threads),
    )
    recipe = resolve(recipe, Path())
    bench = from_recipe(recipe)
    prepared = prepare(recipe, read(recipe), bench.renderer)
    loop = make_loop(bench, prepared, RunFolder(folder))
    torch.manual_seed(0)
    for name, parameter in loop.optimizer.parameters.items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=SPREAD)
    return loop


def run(loop: Loop, step: int, used: Callable[[], AbstractContextManager[None]]) -> Passes:
    """The passes of a step, without the optimizer's."""
    packs = loop.passes.packs([loop.examples[at] for at in loop.order.indices(step)])
    loop.model.zero_grad(set_to_none=True)
    processor, clock = processor_seconds(), time.perf_counter()
    with used():
        loss = loop.passes.backward(step, packs).loss
    seconds = processor_seconds() - processor, time.perf_counter() - clock
    parameters = loop.optimizer.parameters.items()
    gradients = {name: p.grad.clone() for name, p in parameters if p.grad is not None}
    return Passes(*seconds, loss, gradients)


def processor_seconds() -> float:
    """Of this process and of the compilers it has called."""
    return sum(os.times()[:4])


def compare(step: int, plain: Passes, compiled: Passes) -> float:
    """Print both; processor seconds gained."""
    apart = max(
        float((compiled.gradients[name] - gradient).norm() / gradient.norm())
        for name, gradient in plain.gradients.items()
    )
    print(
        f"step {step}: as it is {plain.processor:.2f} s ({plain.clock:.2f} by the clock), "
        f"compiled {compiled.processor:.2f} s ({compiled.clock:.2f}), "
        f"ratio {plain.processor / compiled.processor:.2f}; "
        f"loss {abs(plain.loss - compiled.loss):.0e} and gradients {apart:.0e} apart",
        flush=True,
    )
    return plain.processor - compiled.processor


if __name__ == "__main__":
    main()
