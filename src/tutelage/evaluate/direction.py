"""Which way a figure gets better, if it does: more, less, or neither.

Of a figure whose best value lies in the middle (half of all pairs, a difference of nothing) neither
side is better; calling a change of it an improvement would say what nobody measured. Its distance
from the best has a direction (`ideals.py`).
"""

from __future__ import annotations


def better(difference: float, higher_is_better: bool | None) -> bool | None:
    """Whether a change is for the better; None if it is none, or neither side is better."""
    if not difference or higher_is_better is None:
        return None
    return (difference > 0) == higher_is_better
