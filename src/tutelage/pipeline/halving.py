"""Successive halving: which trials go on, and how far (Jamieson & Talwalkar 2016).

All trials train to a first rung; the better half goes on to twice as many steps, and so on, until
what is left trains to its end. Nothing is trained twice: a trial stops with a checkpoint and is
continued from it, under the schedule of its whole run. So all steps of a winner are those of a run
that was never stopped, and half of the trials cost an eighth to a half of a run.

Rungs are fixed shares of a trial's steps, at steps where it validates anyway, so that looking at a
trial does not change it. Everything here is a pure function of the plan and of the losses, so a
sweep that was killed comes to the same decisions again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tutelage.errors import UserError
from tutelage.train.options import validation_interval

MOST_HALVINGS = 3
"""A run validates eight times by default, so its first rung can be an eighth of it at least."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a trial trains, if nothing stops it.

    Attributes:
        steps: planned steps.
        validate_every: steps between validations, if its recipe says so.
        unit: what a step costs: 1, or seconds.
    """

    steps: int
    validate_every: int | None = None
    unit: float = 1.0

    def capped(self, most: int) -> Length:
        """The same with at most so many steps."""
        return Length(min(self.steps, most), self.validate_every, self.unit)

    def rungs(self, halvings: int) -> tuple[int, ...]:
        """The steps at which it is looked at; the last is its end."""
        every = validation_interval(self.validate_every, self.steps)
        shares = (2.0 ** (rung - halvings) for rung in range(halvings))
        stops = [every * max(1, round(share * self.steps / every)) for share in shares]
        return (*(min(stop, self.steps) for stop in stops), self.steps)


def halvings(trials: int, *, halve: bool = True) -> int:
    """How often the field is halved."""
    return min(MOST_HALVINGS, math.ceil(math.log2(trials))) if halve else 0


def going_on(trials: int, rung: int) -> int:
    """How many trials train to a rung, counted from 0."""
    return -(-trials // (1 << rung))


def better(losses: Mapping[int, float], number: int) -> list[int]:
    """The trials of the lowest losses, in their order; of equal ones the earlier."""
    return sorted(sorted(losses, key=lambda trial: (losses[trial], trial))[:number])


def most_cost(lengths: Sequence[Length], halved: int) -> float:
    """What a sweep costs at most: if at each rung those went on that cost most."""
    rungs = [length.rungs(halved) for length in lengths]
    total = 0.0
    for rung in range(halved + 1):
        costs = [
            length.unit * (stops[rung] - (stops[rung - 1] if rung else 0))
            for length, stops in zip(lengths, rungs, strict=True)
        ]
        total += sum(sorted(costs, reverse=True)[: going_on(len(lengths), rung)])
    return total


def within(lengths: Sequence[Length], halved: int, budget: float) -> list[Length]:
    """The trials cut to a common number of steps, such that it fits a budget and one more does not.

    Rungs stand where trials validate, so the cost rises with the steps only on the whole; but for
    that rounding the number is the largest that fits.

    Args:
        lengths: the trials as their recipes have them.
        halved: how often the field is halved.
        budget: in the unit of the lengths.

    Raises:
        UserError: not even a step of each fits.
    """

    def cut(most: int) -> list[Length]:
        return [length.capped(most) for length in lengths]

    least = most_cost(cut(1), halved)
    if least > budget:
        raise UserError(
            f"the budget of {budget:g} is less than a step of each trial takes ({least:g})",
            where="--budget",
            fix="give more, or vary less",
        )
    longest = max(length.steps for length in lengths)
    if most_cost(cut(longest), halved) <= budget:
        return cut(longest)
    fits, passes = 1, longest
    while passes - fits > 1:
        middle = (fits + passes) // 2
        if most_cost(cut(middle), halved) <= budget:
            fits = middle
        else:
            passes = middle
    return cut(fits)
