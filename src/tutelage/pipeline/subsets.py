"""Which subsets a learning curve trains on, and for how many steps.

They are prepared before any is trained, all in one process with the tokenizer loaded once: that
tells each run's steps, which depend on what rendering leaves and on the mixture of tasks, it finds
what a small subset lacks (a task, say), and the runs then take their data as it was prepared. The
largest run is tried as by `tutelage check`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.data.options import SubsetOptions
from tutelage.errors import UserError
from tutelage.evaluate.foresight import few_validation
from tutelage.pipeline.stages import stage
from tutelage.pipeline.trials import no_validation
from tutelage.recipe import Recipe
from tutelage.recipe import load as load_recipe
from tutelage.statistics.learning_curve import LEAST_SEEDS, LEAST_SIZES

SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of the training examples: even steps of a power law, most runs where little is trained."""

SEEDS = 3

VALIDATIONS = 4
"""At least so many in a run, or its lowest validation loss is little more than its last."""


@dataclass(frozen=True)
class Subset:
    """One run's part of the training examples.

    Attributes:
        examples: how many.
        seed: of the draw, and added to that of training.
        steps: of the run.
    """

    examples: int
    seed: int
    steps: int


def check_plan(sizes: Sequence[float], seeds: int) -> None:
    """Refuse sizes and seeds that can make no curve of any data.

    Raises:
        UserError: they cannot.
    """
    if seeds < LEAST_SEEDS:
        raise UserError(
            f"expected at least {LEAST_SEEDS}, found {seeds}: runs of one size are how the noise "
            "of a run is known",
            where="--seeds",
        )
    if any(not 0 < size < math.inf or (size > 1 and size != int(size)) for size in sizes):
        raise UserError(
            "expected shares up to 1, or whole numbers of examples",
            where="--sizes",
            fix="such as --sizes 0.125,0.25,0.5,1",
        )
    if len(set(sizes)) < LEAST_SIZES:
        raise UserError(
            f"expected at least {LEAST_SIZES} different sizes, found {len(set(sizes))}: three fix "
            "the curve, and the largest checks it",
            where="--sizes",
            fix="such as --sizes 0.125,0.25,0.5,1",
        )


def planned(
    recipe: str, overrides: list[str], out: str, sizes: Sequence[float], seeds: int
) -> tuple[int, list[Subset]]:
    """Prepare every subset, and try what the largest run would do.

    Returns:
        How many training examples there are, and the subsets, those of a seed together.

    Raises:
        UserError: as `check`; or the sizes are too small or too large.
    """
    from tutelage.pipeline.check import check_prepared
    from tutelage.pipeline.prepare import prepare, read
    from tutelage.pipeline.workbench import from_recipe
    from tutelage.train.order import make_order

    whole = load_recipe(recipe, overrides).resolved()
    data = read(whole)
    available = len(data.splits().train)
    numbers = _numbers(sizes, available)
    bench = from_recipe(whole)
    everything = prepare(whole, data, bench.renderer)
    if not everything.validation:
        raise no_validation()
    for note in few_validation(len(everything.validation)):
        stage(f"note: {note}")
    subsets = []
    for seed in range(seeds):
        for examples in numbers:
            part = on_subset(whole, examples, seed)
            try:
                prepared = prepare(part, read(part), bench.renderer)
            except UserError as error:
                what = f"with {examples} training examples: {error.what}"
                raise UserError(what, where=error.where, fix=error.fix) from error
            most = whole.train.max_steps
            scaled = None if most is None else math.ceil(most * examples / available)
            order = make_order(prepared.train, whole.train, prepared.mixture)
            steps = order.steps(whole.train.epochs, scaled)
            _check_steps(steps, examples, capped=steps < order.steps(whole.train.epochs, None))
            subsets.append(Subset(examples, seed, steps))
    check_prepared(bench, everything, Path(out))
    return available, subsets


def on_subset(whole: Recipe, examples: int, seed: int) -> Recipe:
    """A resolved recipe with a part of its training examples."""
    subset = SubsetOptions(examples=examples, seed=seed)
    # Lost rows are a share of all: that was looked at, and of a subset they would be a larger one.
    data = whole.data.model_copy(update={"subset": subset, "max_lost": 1.0})
    return whole.model_copy(update={"data": data})


def _numbers(sizes: Sequence[float], available: int) -> list[int]:
    """Sizes as numbers of examples, the smallest first.

    Raises:
        UserError: one is more than there are, or too few different ones are left.
    """
    numbers = sorted(
        {max(1, round(size * available)) if size <= 1 else int(size) for size in sizes}
    )
    if numbers[-1] > available:
        raise UserError(
            f"a subset of {numbers[-1]} was asked for, of {available} training examples",
            where="--sizes",
            fix="take shares such as 0.5, and 1 for all",
        )
    if len(numbers) < LEAST_SIZES:
        raise UserError(
            f"of {available} training examples these are subsets of "
            f"{', '.join(map(str, numbers))}: {len(numbers)} different sizes, and a curve takes "
            f"{LEAST_SIZES}",
            where="--sizes",
            fix="choose them farther apart; a curve takes some dozens of examples at least",
        )
    return numbers


def _check_steps(steps: int, examples: int, capped: bool) -> None:
    """Refuse a run that cannot validate often enough.

    Args:
        steps: of the run.
        examples: it trains on.
        capped: it would have more without `train.max_steps`.
    """
    if steps >= VALIDATIONS:
        return
    by = " (its part of train.max_steps)" if capped else ""
    more = "train.max_steps" if capped else "train.epochs, or lower train.batch_size"
    raise UserError(
        f"with {examples} examples a run has {steps} step{'' if steps == 1 else 's'}{by}, and it "
        f"takes {VALIDATIONS} to validate {VALIDATIONS} times",
        where="--sizes",
        fix=f"leave out the smallest, or raise {more}",
    )
