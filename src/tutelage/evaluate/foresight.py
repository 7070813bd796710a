"""What the evaluation will be able to see, told before a model is tuned for it.

Nothing is known of the answers yet, so two kinds of task are assumed, as base and tuned model had
them in five of our own runs. Answers that are right or wrong: differences of the items with a
standard deviation of 0.5, as where a quarter change from the one to the other (21 tasks: 0.34 to
0.72, half of them 0.42 to 0.51). Graded scores: of a quarter of the scale (24 of ROUGE-L and chrF:
0.11 to 0.34, half of them 0.22 to 0.27). Afterwards every row of the comparison tells what its own
answers could have shown. The validation loss is a mean over examples too, which is told where they
are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.statistics import detectable, detectable_share

DISCORDANCE = 0.25
"""Assumed share of items that only one of the two models gets right."""

DEVIATION = 0.25
"""Assumed standard deviation of the items' differences, as a share of the metric's scale."""


FEW_VALIDATION = 25
"""Validation examples whose mean loss has a standard error of a fifth (one over the root) of the
standard deviation between examples; with fewer the lowest loss is often luck."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """The smallest change of a task of so many items that is found four times in five.

    Attributes:
        items: the task's.
        tests: tasks that are corrected together.
        graded: of a graded score, as a share of its scale; None where no change would show.
        right_or_wrong: of a share of right answers; None where no change would show.
    """

    items: int
    tests: int
    graded: float | None
    right_or_wrong: float | None


def foresee(items: Sequence[int], confidence: float) -> list[Foresight]:
    """What the smallest and the largest task can show.

    Args:
        items: how many items each task asks; tasks without any are not tested.
        confidence: one minus the level of the tests.

    Returns:
        One or two, the smallest task first; none if nothing is asked.
    """
    asked = [count for count in items if count]
    return [
        Foresight(
            items=count,
            tests=len(asked),
            graded=detectable(count, DEVIATION, confidence=confidence, tests=len(asked)),
            right_or_wrong=detectable_share(
                count, DISCORDANCE, confidence=confidence, tests=len(asked)
            ),
        )
        for count in sorted({min(asked), max(asked)} if asked else ())
    ]


def few_validation(examples: int) -> list[str]:
    """A note where so many validation examples say little; none without any to validate with."""
    if not 0 < examples < FEW_VALIDATION:
        return []
    return [
        f"{examples} validation {'example is' if examples == 1 else 'examples are'} few to tell by "
        f"their mean loss which step is best; raise data.validation to {FEW_VALIDATION} or more"
    ]
