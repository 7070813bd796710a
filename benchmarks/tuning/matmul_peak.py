"""The fastest that this process multiplies matrices of given shapes, and what of it was reached.

Each shape is timed alone, its operands warm, the best of several turns: no code around it, no
activation written or read. That is the peak that a step's arithmetic can be held against, shape
by shape: a product with a matrix of 16 columns cannot run as fast as a large one, here or anywhere.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import torch

from tuning.flops import Computed, Product, Shape, products

TURNS = 5
SHORTEST = 0.01
"""Seconds a turn lasts at least; short products are repeated."""


class Arithmetic:
    """What a model's steps need, against the fastest that its products were seen to run.

    `time` is called before and after the steps to be judged, with packs of nearly the same size,
    so that both runs list the same products in the same order; the better rate of each counts.

    Args:
        shape: of the model.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._runs: list[list[float]] = []

    def time(self, computed: Computed) -> None:
        """Measure the FLOP/s of every product that packs of this size need."""
        rates: dict[Product, float] = {}
        needed = [product for product, _ in products(self.shape, computed)]
        for product in dict.fromkeys(needed):
            rates[product] = _rate(product)
        self._runs.append([rates[product] for product in needed])

    def report(self, computed: Computed) -> dict[str, Any]:
        """FLOPs of the steps, and the seconds that they would take at the peak."""
        needed = [(product.flops * times) for product, times in products(self.shape, computed)]
        peak = [max(rates) for rates in zip(*self._runs, strict=True)]
        return {
            "computed": asdict(computed),
            "flops": sum(needed),
            "seconds_at_peak": sum(flops / rate for flops, rate in zip(needed, peak, strict=True)),
        }


@torch.no_grad()
def _rate(product: Product) -> float:
    batch, rows, inner, columns = (max(1, round(size)) for size in product[:4])
    left = _operand(batch, rows, inner, transposed=product.left_transposed)
    right = _operand(batch, inner, columns, transposed=product.right_transposed)
    multiply = torch.mm if batch == 1 else torch.bmm

    def turn(repeats: int) -> float:
        started = time.perf_counter()
        for _ in range(repeats):
            multiply(left, right, out=out)
        return (time.perf_counter() - started) / repeats

    out = multiply(left, right)
    repeats = 1 + int(SHORTEST / turn(1))
    return 2.0 * batch * rows * inner * columns / min(turn(repeats) for _ in range(TURNS))


def _operand(batch: int, rows: int, columns: int, *, transposed: bool) -> torch.Tensor:
    """(rows, columns), or (batch, rows, columns) of more than one; transposed in memory or not."""
    tensor = torch.randn((batch, columns, rows) if transposed else (batch, rows, columns))
    return (tensor.mT if transposed else tensor).squeeze(0)
