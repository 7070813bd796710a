"""Items on which a model that says nothing would be right: a trap of metrics that normalise.

`exact_match` passes over case, punctuation and articles, as SQuAD does. Of the reference "A", the
first letter of a multiple-choice question, it leaves nothing, and so an empty answer and "the" are
equal to it. The published rule is kept to the letter; whoever uses it for such data is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tutelage.evaluate.options import EvaluateOptions, TaskEvaluation
from tutelage.evaluate.scoring import Item, extracted, metrics_of
from tutelage.metrics import METRICS, Metric

LONGEST = 32
"""Characters of a reference that may have nothing left; longer ones are not tried."""


def silence_notes(items: Sequence[Item], options: EvaluateOptions) -> list[str]:
    """What to know of test items, task by task; empty if silence is right nowhere."""
    notes = []
    for task in dict.fromkeys(item.task for item in items):
        asked = [item.references for item in items if item.task == task]
        expression = options.tasks.get(task, TaskEvaluation()).extract
        notes += silence_note(metrics_of(options, task), asked, expression, of=f"task '{task}': ")
    return notes


def silence_note(
    metrics: Iterable[str],
    references: Sequence[Sequence[str]],
    expression: str | None = None,
    of: str = "",
) -> list[str]:
    """What to know of items with these references; at most one sentence.

    Args:
        metrics: names of those they are scored by.
        references: of each item.
        expression: finds the part of an answer that is compared.
        of: whose items they are, to begin the sentence with.
    """
    tried = [accepted for accepted in references if _may_be_passed_over(accepted)]
    if not tried:
        return []
    wanted = [extracted(expression, "", accepted)[1] for accepted in tried]
    right = {
        metric.name: marks
        for metric in map(METRICS.get, metrics)
        if metric.answers == "text" and metric.higher_is_better
        if any(marks := _right(metric, wanted))
    }
    if not right:
        return []
    silent = [any(marks) for marks in zip(*right.values(), strict=True)]
    at = silent.index(True)
    metric = METRICS.get(next(name for name, marks in right.items() if marks[at]))
    first = tried[at][_right(metric, [[text] for text in wanted[at]]).index(True)]
    return [
        f"{of}{' and '.join(right)} would call an empty answer right on {sum(silent):,} of "
        f"{len(references):,} items, such as the one whose reference is '{first}': nothing is left "
        "of it without punctuation and articles; exact_text compares them as they are"
    ]


def _right(metric: Metric, references: Sequence[Sequence[str]]) -> list[bool]:
    """Of which items an empty answer has the whole score."""
    scores = metric.score([""] * len(references), references).per_item
    found: list[bool] = (scores == metric.scale).tolist()
    return found


def _may_be_passed_over(accepted: Sequence[str]) -> bool:
    """Whether a reference may have nothing left, and none says that silence is right."""
    return any(len(text) <= LONGEST for text in accepted) and all(map(str.strip, accepted))
