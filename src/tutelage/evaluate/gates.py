"""Conditions under which an evaluation fails, for whoever decides by an exit code.

    SUITE.METRIC < 0.4          the tuned model's value; also <=, >, >=
    SUITE.METRIC worsens        base against tuned, significantly after Holm's correction
    any worsens                 any primary measure of any suite or task

SUITE may be a task of the recipe's own test items, `overall` for all that were trained on, or
`held_out` for all that were not; a part of a suite is SUITE/PART.METRIC.
What a condition speaks of must be measured: where its suite was not asked, it has failed too.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tutelage.errors import UserError, unknown_name
from tutelage.evaluate.direction import better

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_BOUND = re.compile(rf"\s*(?P<what>\S.*\S)\s*(?P<relation><=|>=|<|>)\s*(?P<number>{_NUMBER})\s*")
_WORSENS = re.compile(r"\s*(?P<what>\S.*\S)\s+worsens\s*")
ANY = "any"
OVERALL = "overall"
"""What rows over all of a suite, or over all tasks, have in place of a task."""
HELD_OUT = "held_out"
"""What conditions call the rows over all tasks that were not trained on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a condition may speak of.

    Attributes:
        value: of the tuned model.
        worsened: whether it is significantly worse than the base; None without a comparison.
        primary: whether `any worsens` looks at it.
        directed: whether one side of it is worse than the other.
    """

    value: float
    worsened: bool | None
    primary: bool
    directed: bool = True


class _Condition(NamedTuple):
    """A condition's parts.

    Attributes:
        what: a measure, or `any`.
        bound: the relation and number of a bound; None asks whether it worsens.
    """

    what: str
    bound: tuple[str, float] | None


def checked_conditions(conditions: list[str]) -> list[str]:
    """The conditions, of which every one can be understood."""
    for condition in conditions:
        what, bound = _read(condition)
        if "." not in what and (bound or what != ANY):
            raise ValueError(f"expected a suite and its metric with a dot between, found '{what}'")
    return conditions


def failed(
    conditions: Sequence[str],
    found: Mapping[str, Found],
    missed: Mapping[str, str] | None = None,
) -> list[str]:
    """The conditions that hold, each with what it found, in words.

    Args:
        conditions: checked.
        found: by `suite.metric` and `suite/part.metric`.
        missed: by suite why it was not asked.

    Raises:
        UserError: a condition speaks of what was not measured.
    """
    told = []
    for condition in conditions:
        what, bound = _read(condition)
        reason = (missed or {}).get(suite_of(what))
        if reason is not None and what not in found:
            told.append(f"{condition}: it was not asked ({reason})")
            continue
        if bound is not None:
            value = _of(what, found).value
            if _COMPARE[bound[0]](value, bound[1]):
                told.append(f"{condition}: it is {value:.4g}")
            continue
        chosen = (
            {name: one for name, one in found.items() if one.primary}
            if what == ANY
            else {what: _of(what, found)}
        )
        if what != ANY and not chosen[what].directed:
            raise without_direction(what)
        worse = [name for name, one in chosen.items() if _compared(condition, one)]
        if worse:
            told.append(f"{condition}: {', '.join(worse)}")
    return told


def spoken_of(conditions: Sequence[str]) -> list[str]:
    """The measures that conditions name."""
    named = (_read(condition).what for condition in conditions)
    return [what for what in dict.fromkeys(named) if what != ANY]


def to_worsen(conditions: Sequence[str]) -> list[str]:
    """Those of them that are asked whether they worsen."""
    read = [_read(condition) for condition in conditions]
    return [one.what for one in read if one.bound is None and one.what != ANY]


def without_direction(what: str) -> UserError:
    """The error for a condition on what gets neither better nor worse."""
    return UserError(
        f"'{what} worsens': neither side of it is worse, as its best value lies in the middle",
        where="evaluate.fail_if",
        fix="name its distance from the best value, which the verdict goes by (`tutelage eval` "
        "shows it), or give bounds",
    )


def suite_of(what: str) -> str:
    """The suite, or the task, of a measure such as `suite/part.metric`."""
    return what.rpartition(".")[0].partition("/")[0]


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Found]:
    """What conditions may speak of, from rows of results or of a run's comparison of its tasks.

    A suite's figure is `suite.metric`, one of a part `suite/part.metric`, a task's `task.metric`;
    one over all tasks `overall.metric`, or `held_out.metric` of those that were not trained on.
    """
    found = {}
    for row in rows:
        held_out = row.get("held_out", False)  # which values of one model do not tell
        name = figure(row["task"], row["metric"], row.get("suite"), held_out=held_out)
        worsened = None
        if "difference" in row:
            worsened = (
                row["significant"] and better(row["difference"], row["higher_is_better"]) is False
            )
        value = row["tuned"] if "tuned" in row else row["value"]
        directed = row["higher_is_better"] is not None
        found[name] = Found(value, worsened, row["primary"], directed)
    return found


def figure(task: str, metric: str, suite: str | None = None, *, held_out: bool = False) -> str:
    """What conditions call a measure of a suite, or of one of a run's own tasks.

    Args:
        task: the task or the part of a suite; `OVERALL` for all.
        metric: of the measure.
        suite: None for the run's own tasks.
        held_out: whether these were not trained on.
    """
    if suite is None:
        return f"{HELD_OUT if held_out and task == OVERALL else task}.{metric}"
    return f"{suite}.{metric}" if task == OVERALL else f"{suite}/{task}.{metric}"


def _read(condition: str) -> _Condition:
    if found := _BOUND.fullmatch(condition):
        return _Condition(found["what"], (found["relation"], float(found["number"])))
    if found := _WORSENS.fullmatch(condition):
        return _Condition(found["what"], None)
    raise ValueError(
        "expected `suite.metric < 0.4`, `suite.metric worsens` or `any worsens`, found "
        f"'{condition}'"
    )


def _of(what: str, found: Mapping[str, Found]) -> Found:
    if what not in found:
        raise unknown_name("measure", what, found, where="evaluate.fail_if")
    return found[what]


def _compared(condition: str, one: Found) -> bool:
    if one.worsened is None:
        raise UserError(
            f"'{condition}' needs two models", where="evaluate.fail_if", fix="add --against"
        )
    return one.worsened
