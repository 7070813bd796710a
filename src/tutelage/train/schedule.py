"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from tutelage.train.options import TrainOptions


def learning_rate(step: int, steps: int, peak: float, options: TrainOptions) -> float:
    """Learning rate of 0-based `step` of `steps`.

    It rises linearly over the warm-up to the peak, then falls along a cosine (Loshchilov & Hutter
    2017) or a line, or stays. The first step already moves, and so does the last: zero before it
    and `final_learning_rate * peak` after it are where the curve would stand one step further.
    """
    warmup = math.ceil(options.warmup * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    if options.schedule == "constant":
        return peak
    progress = (step - warmup) / (steps - warmup)
    remaining = 0.5 * (1 + math.cos(math.pi * progress))
    if options.schedule == "linear":
        remaining = 1 - progress
    return peak * (options.final_learning_rate + (1 - options.final_learning_rate) * remaining)
