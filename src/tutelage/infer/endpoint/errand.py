"""What requests are made for, as far as messages to the user must name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Errand:
    """Names for messages.

    Attributes:
        settings: the recipe's section that says who is asked and how.
        again: the command that goes on where this work stopped.
    """

    settings: str
    again: str
