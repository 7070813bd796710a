"""Make a run fit into memory, and say what it will take.

`train.memory_limit` is a promise: what the recipe leaves open (tokens in a pass, what is computed
again in the backward pass, with `precision: auto` the precision) is chosen, in the order in which
it costs time, so that the predicted peak stays below the limit. Without one, the default settings
are predicted, not changed. What was chosen goes into the recipe of the run, the prediction beside
the measured peak into `metrics.json`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch

from tutelage import ranks
from tutelage.errors import UserError
from tutelage.pipeline.stages import stage
from tutelage.pipeline.workbench import Workbench
from tutelage.train.loop import Loop
from tutelage.train.machine import peak_memory
from tutelage.train.memory import (
    MemoryPlan,
    Prediction,
    UnpredictableError,
    predict,
    runtime_bytes,
)
from tutelage.train.optimizer import standing_bytes
from tutelage.train.options import DEFAULT_TOKENS, Recomputed, TrainOptions
from tutelage.train.recompute import recompute_activations

LADDER: tuple[tuple[Recomputed, int], ...] = (
    ("none", DEFAULT_TOKENS),
    ("none", 1024),
    ("none", 768),
    ("none", 512),
    ("selective", 512),
    ("full", DEFAULT_TOKENS),
    ("full", 1024),
    ("full", 512),
    ("full", 256),
)
"""What is computed again and tokens in a pass, in the order in which they cost time. Passes of
1,024 tokens take a few percent longer than those of 2,048 (RESULTS.md), for half the activations;
selective recomputation leaves 0.86 of them beside fused modules; all of it is a third more work."""
WHERE = "train.memory_limit"
ROUNDED = 10
"""The smallest limit that works is told in steps of this many MiB."""


def fit_memory(bench: Workbench, make_loop: Callable[[], Loop]) -> None:
    """Fill in what the recipe leaves open, in `bench.recipe`; leaves the plan in `bench.memory`.

    Args:
        bench: just loaded.
        make_loop: a loop of the bench in its present state.

    Raises:
        UserError: nothing fits into the limit, or the limit cannot be checked.
    """
    asked = bench.recipe.train
    limit = asked.memory_limit_bytes
    _choose(bench, next(_choices(asked)))  # where no prediction can be made, the defaults hold
    if ranks.size() > 1:
        return _unpredicted(limit, "of several processes")
    stage("predicting memory")
    plans: list[MemoryPlan] = []
    try:
        for options, plan in _plans(bench, asked, make_loop):
            plans.append(plan)
            if limit is None or plan.total <= limit:
                _choose(bench, options)
                bench.memory = plan
                if limit is not None:
                    bench.notes.append(
                        f"{plan.total / 2**20:,.0f} MiB predicted, within train.memory_limit, "
                        f"with {plan.settings}"
                    )
                return None
    except UnpredictableError as error:
        return _unpredicted(limit, f"of {type(bench.model).__name__} ({error})")
    raise _too_little(bench, plans)


def _choose(bench: Workbench, options: TrainOptions) -> None:
    bench.recipe = bench.recipe.model_copy(update={"train": options})


def _plans(
    bench: Workbench, asked: TrainOptions, make_loop: Callable[[], Loop]
) -> Iterator[tuple[TrainOptions, MemoryPlan]]:
    """Every choice that the recipe leaves open, the fastest first, with its prediction."""
    before = peak_memory(bench.model.device)
    runtime = runtime_bytes(bench.model)
    for _ in _precisions(bench):
        loop = make_loop()
        # Kernels for a whole row keep as much, but are compiled: no pass without data runs there.
        loop.passes.kernel = "segments"
        for options in _choices(asked):
            loop.passes.budget = options.token_budget
            recompute_activations(bench.model, options.recomputed)
            yield options, MemoryPlan(_predict(loop, runtime), before, _settings(bench, options))


def _precisions(bench: Workbench) -> Iterator[None]:
    """The present precision of the weights, then, if the recipe leaves it open, 16 bits."""
    yield
    if bench.precision_is_open and bench.loaded.dtype == torch.float32:
        bench.round_weights()
        yield


def _choices(options: TrainOptions) -> Iterator[TrainOptions]:
    """The options with what they leave open filled in, each possibility once."""
    seen: set[tuple[Recomputed, int]] = set()
    for recomputed, tokens in LADDER:
        choice = (
            options.activation_checkpointing or recomputed,
            options.micro_batch_tokens or tokens,
        )
        if choice not in seen:
            seen.add(choice)
            update = {"activation_checkpointing": choice[0], "micro_batch_tokens": choice[1]}
            yield options.model_copy(update=update)


def _predict(loop: Loop, runtime: int) -> Prediction:
    packs = loop.longest()
    largest = max(packs, key=len)
    parameters = loop.optimizer.parameters
    return predict(
        loop.model,
        parameters,
        partial(loop.try_pack, largest),
        accumulating=len(packs) > 1,
        state=standing_bytes(parameters, loop.options),
        runtime=runtime,
    )


def _settings(bench: Workbench, options: TrainOptions) -> str:
    dtype = str(bench.loaded.dtype).removeprefix("torch.")
    return (
        f"micro_batch_tokens {options.token_budget}, activation_checkpointing "
        f"{options.recomputed}, {dtype}"
    )


def _unpredicted(limit: int | None, what: str) -> None:
    if limit is not None:
        raise UserError(
            f"the memory {what} cannot be predicted",
            where=WHERE,
            fix="leave memory_limit out; lower train.micro_batch_tokens to save memory",
        )


def _too_little(bench: Workbench, plans: list[MemoryPlan]) -> UserError:
    least = min(plans, key=lambda plan: plan.total)
    needed = math.ceil(least.total / 2**20 / ROUNDED) * ROUNDED
    return UserError(
        f"training does not fit into {bench.recipe.train.memory_limit}; the least it takes is "
        f"{needed} MiB ({least.settings})",
        where=WHERE,
        fix=f"set it to {needed}MiB or more, lower prompt.max_tokens, or choose a smaller model",
    )
