"""Kinds that count something: exactly so many, at least so many, at most so many, or between two.

IFEval's kinds know "less than" and "at least" only; people ask for exact numbers and for ranges as
well, so all kinds that are not IFEval's share these three options.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import model_validator

from tutelage.constraints.constraint import Constraint
from tutelage.constraints.keywords import Count


class Bounded(Constraint):
    """A number with the bounds it must keep."""

    some: ClassVar[bool] = False
    """Whether no bound means at least one; otherwise a bound must be given."""

    exactly: Count | None = None
    """The number itself; excludes the other two."""
    at_least: Count | None = None
    """The smallest number allowed."""
    at_most: Count | None = None
    """The largest number allowed."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        given = [self.exactly, self.at_least, self.at_most]
        if given == [None, None, None] and not self.some:
            raise ValueError("expected exactly, at_least or at_most, found none of them")
        if self.exactly is not None and given[1:] != [None, None]:
            raise ValueError("exactly excludes at_least and at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least is {self.at_least}, more than at_most, {self.at_most}")
        return self

    def within(self, number: int) -> bool:
        """Whether a number keeps the bounds."""
        if self.exactly is not None:
            return number == self.exactly
        if self.at_least is None and self.at_most is None:
            return number >= 1
        return number >= (self.at_least or 0) and (self.at_most is None or number <= self.at_most)


class Counted(Bounded):
    """Something in the response is counted."""

    @abstractmethod
    def count(self, response: str) -> int:
        """How many there are."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return self.within(self.count(response))


class Each(Bounded):
    """Every part of the response keeps the bounds, and there is at least one part."""

    @abstractmethod
    def counts(self, response: str) -> Iterable[int]:
        """The number that each part has."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        counts = list(self.counts(response))
        return bool(counts) and all(map(self.within, counts))
