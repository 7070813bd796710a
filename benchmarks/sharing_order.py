"""What an order that shares is worth, and what it costs: `train.order: related` against `shuffled`.

`python benchmarks/sharing_order.py sharing` prints logical over computed tokens of whole steps, by
samples a step and by how many relatives stay together. `… curves --base FOLDER` trains with LoRA
on few-shot Natural Instructions in both orders, seed by seed in turn, and prints the held-out loss
at equal steps and at equal computed tokens. Cells are kept in a file and done once.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tuning.natural_instructions import examples as natural_instructions
from tutelage.data.example import Example
from tutelage.data.ledger import Ledger
from tutelage.data.load import load
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.model.loading import load_tokenizer
from tutelage.model.options import ModelOptions
from tutelage.pipeline.columns import ColumnsBuilder
from tutelage.pipeline.prepare import Prepared
from tutelage.pipeline.train import make_loop
from tutelage.pipeline.workbench import from_recipe
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.tree import merge
from tutelage.recipe import Recipe
from tutelage.rundir import RunFolder, TrainLog
from tutelage.train.example import TrainingExample
from tutelage.train.kinship import Kinship
from tutelage.train.options import TrainOptions
from tutelage.train.order import Order

DATA = Path(os.environ.get("TUTELAGE_DATA", "../shared/data"))
TOGETHER = (0, 2, 4, 8, 16, 32)
"""Relatives that stay together; 0 is the uniform order."""
BATCHES = (8, 16, 32, 64, 128)
STEPS = 12
"""Steps of an epoch that are merged for a figure of sharing."""
HELD_OUT = 128
VALIDATE_EVERY = 10


def rendered(examples: Sequence[Example], renderer: Renderer) -> Iterator[TrainingExample]:
    for example, rendering in zip(examples, renderer.renderings(examples), strict=True):
        if rendering.sequences:
            yield TrainingExample(example.source, example.task, rendering.sequences)


def sharing() -> None:
    """Print the table of logical over computed tokens."""
    renderer = Renderer(load_tokenizer(ModelOptions()), PromptOptions())
    alpaca = DataOptions(
        train=[SourceOptions(path=str(DATA / "alpaca_12k.json"))], validation=0, test=0
    )
    sets = {
        f"natural_instructions, {tasks} tasks": natural_instructions(
            DATA / "natural_instructions", tasks, 0
        )
        for tasks in (8, 41)
    } | {"alpaca_12k": load(alpaca, Path()).train}
    print("| data | together |", " | ".join(map(str, BATCHES)), "|\n|", "--- |" * 7)
    for name, examples in sets.items():
        sequences = [one.sequences[0] for one in rendered(examples, renderer)]
        kin = Kinship.of(sequences)
        for together in TOGETHER:
            used = replace(kin, together=together) if together else None
            figures = [_shared(sequences, Order(len(sequences), size, 0, used)) for size in BATCHES]
            cells = " | ".join(f"{figure:.2f}" for figure in figures)
            print(f"| {name} | {together or 'shuffled'} | {cells} |", flush=True)


def _shared(sequences: Sequence[Rendered], order: Order) -> float:
    steps = np.linspace(0, order.steps_an_epoch - 1, min(STEPS, order.steps_an_epoch)).astype(int)
    forests = [merge([sequences[at] for at in order.indices(int(step))]) for step in steps]
    return sum(f.logical_tokens for f in forests) / sum(len(forest) for forest in forests)


def curve(base: str, together: int, seed: int, steps: int, batch: int) -> dict[str, Any]:
    """Train once; the validation losses with the tokens computed and seconds spent before them."""
    recipe = Recipe(
        model=ModelOptions(base=base, precision="float32", device="cpu"),
        data=DataOptions(train=[SourceOptions(path="few-shot")], validation=HELD_OUT, test=0),
        prompt=PromptOptions(max_tokens=256),
        train=TrainOptions(
            batch_size=batch,
            max_steps=steps,
            learning_rate=2e-3,
            seed=seed,
            validate_every=VALIDATE_EVERY,
            checkpoint_every=steps,
            keep_best=False,
            threads=1,
        ),
    )
    bench = from_recipe(recipe)
    examples = natural_instructions(DATA / "natural_instructions", 41, 0)
    ready = list(rendered(examples, bench.renderer))
    places = np.random.default_rng(seed).permutation(len(ready))
    parts = [places[HELD_OUT:], places[:HELD_OUT]]
    train, validation = ColumnsBuilder(), ColumnsBuilder()
    for part, builder in zip(parts, (train, validation), strict=True):
        for at in part.tolist():
            builder.add(ready[at])
    prepared = Prepared(train.columns(), validation.columns(), [], Ledger(), bench.renderer)
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch))
        loop = make_loop(bench, prepared, run)
        kin = Kinship.of([one.sequences[0] for one in prepared.train], together or 1)
        loop.order = Order(len(prepared.train), batch, seed, kin if together else None)
        loop.run(resume=False)
        rows = TrainLog(run.log).rows()
    points, computed, logical, seconds = [], 0, 0, 0.0
    for row in rows:
        if row["event"] == "step":
            computed += row["computed_tokens"]
            logical += row["tokens"]
            seconds += row["seconds"]
        else:
            spent = {"computed": computed, "logical": logical, "seconds": seconds}
            points.append({"step": row["step"], "loss": row["loss"], **spent})
    return {"together": together, "seed": seed, "points": points}


def curves(base: str, out: Path, seeds: int, steps: int, batch: int, orders: list[int]) -> None:
    """Make the cells that are missing, then print the table."""
    done = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    for seed in range(seeds):
        for together in orders:
            if not any((c["together"], c["seed"]) == (together, seed) for c in done):
                done.append(curve(base, together, seed, steps, batch))
                with out.open("a") as stream:
                    stream.write(json.dumps(done[-1]) + "\n")
    _print_curves(done, orders)


def _print_curves(cells: list[dict[str, Any]], orders: list[int]) -> None:
    """Mean held-out loss over seeds, and each order's difference from the uniform one, paired."""
    steps = [point["step"] for point in cells[0]["points"]]
    uniform = {cell["seed"]: cell for cell in cells if cell["together"] == 0}
    print("| together | computed / logical |", " | ".join(f"step {step}" for step in steps), "|")
    for together in orders:
        own = [cell for cell in cells if cell["together"] == together]
        share = np.mean([c["points"][-1]["computed"] / c["points"][-1]["logical"] for c in own])
        losses = np.array([[point["loss"] for point in cell["points"]] for cell in own])
        row = " | ".join(f"{loss:.4f}" for loss in losses.mean(axis=0))
        print(f"| {together or 'shuffled'} | {share:.2f} | {row} |")
        if together:
            base = [[p["loss"] for p in uniform[cell["seed"]]["points"]] for cell in own]
            apart = losses - np.array(base)
            error = apart.std(axis=0, ddof=1) / np.sqrt(len(own)) if len(own) > 1 else apart[0]
            means = zip(apart.mean(axis=0), error, strict=True)
            row = " | ".join(f"{mean:+.4f} ± {off:.4f}" for mean, off in means)
            print(f"| less the uniform order's, ± standard error | | {row} |")
            _print_equal_cost(own, uniform)


def _print_equal_cost(own: list[dict[str, Any]], uniform: dict[int, dict[str, Any]]) -> None:
    """The loss at the step that has computed as many tokens as the uniform order's at its own."""
    for measure in ("computed", "seconds"):
        apart = []
        for cell in own:
            end = cell["points"][-1]
            other = uniform[cell["seed"]]["points"]
            loss = np.interp(end[measure], [p[measure] for p in other], [p["loss"] for p in other])
            apart.append(end["loss"] - float(loss))
        each = ", ".join(f"{difference:+.4f}" for difference in apart)
        print(f"at equal {measure}: {np.mean(apart):+.4f} (by seed: {each})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["sharing", "curves"])
    parser.add_argument("--base", default=ModelOptions().base)
    parser.add_argument("--out", type=Path, default=Path("sharing_order.jsonl"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--orders", type=int, nargs="+", default=[0, 8])
    given = parser.parse_args()
    if given.what == "sharing":
        sharing()
    else:
        curves(given.base, given.out, given.seeds, given.steps, given.batch, given.orders)
