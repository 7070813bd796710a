"""The verdict: which tasks improved, and the sentence that says so.

It counts tasks, not points: a task improved if the change of its primary metric is significant
after correction for the number of tasks. The tasks called unchanged are those whose items show no
clear change, which is not proof that there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.evaluate.change import Change

WORDS = (
    *("none", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Names of tasks by what became of them."""

    improved: tuple[str, ...]
    worsened: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self.improved) + len(self.worsened) + len(self.unchanged)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence and what it rests on, for trained and held-out tasks."""

    sentence: str
    trained: Outcome
    held_out: Outcome


def judge(changes: Sequence[Change]) -> Verdict:
    """The verdict of the primary rows of the tasks, corrected."""
    trained = _outcome([change for change in changes if not change.held_out])
    held_out = _outcome([change for change in changes if change.held_out])
    sides = ((trained, "trained"), (held_out, "held-out"))
    clauses = [_clause(outcome, side) for outcome, side in sides if outcome.tasks]
    sentence = "; ".join(clauses)
    return Verdict(sentence[:1].upper() + sentence[1:] + ".", trained, held_out)


def _outcome(changes: Sequence[Change]) -> Outcome:
    clear = [change for change in changes if change.significant]
    return Outcome(
        improved=tuple(change.task for change in clear if change.improved),
        worsened=tuple(change.task for change in clear if change.worsened),
        unchanged=tuple(change.task for change in changes if not change.significant),
    )


def _clause(outcome: Outcome, side: str) -> str:
    """What became of the tasks of one side."""
    improved, worsened = len(outcome.improved), len(outcome.worsened)
    if outcome.tasks == 1:
        if improved:
            return f"the {side} task improved significantly"
        return (
            f"the {side} task {'got significantly worse' if worsened else 'shows no clear change'}"
        )
    tasks = f"{_word(outcome.tasks)} {side} tasks"
    if not improved and not worsened:
        return f"none of {tasks} changed significantly"
    some = f"all {tasks}" if improved == outcome.tasks else f"{_word(improved)} of {tasks}"
    return f"{some} got significantly better and {_word(worsened)} significantly worse"


def _word(number: int) -> str:
    return WORDS[number] if number < len(WORDS) else str(number)
