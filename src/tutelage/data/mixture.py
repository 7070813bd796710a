"""How many examples of each task an epoch trains on: the decision, without drawing any.

An epoch has as many draws as there are examples (of the tasks without a budget of their own), and
a strategy divides them:

    proportional   rate ∝ size: every example once an epoch
    equal          rate ∝ 1
    temperature    rate ∝ min(size, cap)^(1/T): T5's mixing (Raffel et al. 2020, section 3.5.2,
                   K the cap); T = 1 and a cap of 3,000 is FLAN's (Wei et al. 2022, section 2.4)
    weights        rate ∝ weight

A task with a budget is taken out of the division: its passes, examples or tokens are spread evenly
over the epochs of the run.

Rates are fractions, and draws are whole. An epoch's quotas are the rates rounded by systematic
sampling (Madow 1949): the rates are laid end to end on a line, and a task gets as many draws as it
covers marks, which stand 1 apart. So every quota is within 1 of its rate, and all of them together
too. From epoch to epoch the marks move on by 1/epochs, so that over a run of whole epochs a budget
is met exactly. Quotas depend on the epoch's number and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from tutelage.data.options import MixtureOptions, TaskBudget
from tutelage.errors import UserError, unknown_name

WHERE = "data.mixture"


@dataclass(frozen=True, eq=False)
class Mixture:
    """Examples by task, and how many of each an epoch trains on.

    Attributes:
        tasks: names.
        task_of: (examples,) int, each example's place in `tasks`.
        rates: (tasks,) float64, draws an epoch on average.
        epochs: epochs of the run, the last perhaps begun only.
        sizes: (tasks,) int64, examples of each task.
    """

    tasks: tuple[str, ...]
    task_of: np.ndarray
    rates: np.ndarray
    epochs: int
    sizes: np.ndarray = field(init=False)
    _ends: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = np.bincount(self.task_of, minlength=len(self.tasks))
        object.__setattr__(self, "sizes", sizes)
        # Rounded, so that a rate that should be whole is, whatever its sum was made of.
        object.__setattr__(self, "_ends", np.round(np.cumsum(self.rates), 6))

    @property
    def once_each(self) -> bool:
        """Whether an epoch is just every example once."""
        return bool(np.array_equal(self.rates, self.sizes))

    @property
    def smallest_epoch(self) -> int:
        """Draws of an epoch; some may have one more."""
        return int(self._ends[-1])

    def quotas(self, epoch: int) -> np.ndarray:
        """Draws of each task in a 0-based epoch, (tasks,) int64."""
        mark = (epoch % self.epochs + 0.5) / self.epochs
        covered = np.floor(self._ends + mark).astype(np.int64)
        return np.asarray(np.diff(covered, prepend=0))

    def drawn_before(self, epoch: int) -> np.ndarray:
        """Draws of each task in all epochs before one, (tasks,) int64."""
        whole, rest = divmod(epoch, self.epochs)
        sums = [np.zeros_like(self.sizes)]
        for number in range(self.epochs if whole else rest):
            sums.append(sums[-1] + self.quotas(number))
        return np.asarray(whole * sums[-1] + sums[rest])


def plan(
    options: MixtureOptions,
    tasks: Sequence[str],
    task_of: np.ndarray,
    lengths: np.ndarray,
    epochs: float,
    known: Collection[str],
) -> Mixture:
    """Decide how the tasks are mixed.

    Args:
        options: the recipe's.
        tasks: names of the tasks that have examples to train on.
        task_of: (examples,) int, each example's place in `tasks`.
        lengths: (examples,) int, tokens of each.
        epochs: of the run (`train.epochs`).
        known: names of all tasks in the data, held-out ones too.

    Raises:
        UserError: a setting names a task that is unknown or has no examples to train on, a task
            has no weight, or a budget is more than the task has.
    """
    _check_names(options, tasks, known)
    sizes = np.bincount(task_of, minlength=len(tasks))
    tokens = np.bincount(task_of, lengths, minlength=len(tasks))
    rates = np.zeros(len(tasks))
    budgets = options.budgets
    free = np.array([task not in budgets for task in tasks])
    for place, task in enumerate(tasks):
        if budget := budgets.get(task):
            drawn = _draws(budget, task, int(sizes[place]), float(tokens[place]), epochs)
            rates[place] = drawn / epochs
    if options.strategy == "proportional":
        rates[free] = sizes[free]
    elif free.any():
        parts = _parts(options, [task for task in tasks if task not in budgets], sizes[free])
        rates[free] = parts * (sizes[free].sum() / parts.sum())
    mixture = Mixture(tuple(tasks), task_of, rates, math.ceil(epochs))
    if mixture.smallest_epoch < 1:
        raise UserError(
            "the budgets leave less than one example an epoch",
            where=f"{WHERE}.tasks",
            fix="raise them, or lower train.epochs",
        )
    return mixture


def _check_names(options: MixtureOptions, tasks: Sequence[str], known: Collection[str]) -> None:
    for setting, named in (("weights", options.weights), ("tasks", options.tasks)):
        for task in named:
            if task not in known:
                raise unknown_name("task", task, tasks, where=f"{WHERE}.{setting}")
            if task not in tasks:
                raise UserError(
                    f"the task '{task}' has no example to train on: all its rows are held out, set "
                    "aside or lost",
                    where=f"{WHERE}.{setting}",
                    fix="remove it here, or leave some of its rows to train on",
                )


def _parts(options: MixtureOptions, tasks: Sequence[str], sizes: np.ndarray) -> np.ndarray:
    """The parts that a strategy gives to tasks, on any scale."""
    if options.strategy == "equal":
        return np.ones(len(tasks))
    if options.strategy == "temperature":
        counted = sizes if options.cap is None else np.minimum(sizes, options.cap)
        # The largest is 1, so that no temperature overflows.
        return np.asarray((counted / counted.max()) ** (1 / options.temperature))
    if missing := [task for task in tasks if task not in options.weights]:
        raise UserError(
            f"no weight is given for {_listed(missing)}",
            where=f"{WHERE}.weights",
            fix="give every task a weight (0 leaves it out), or a budget under data.mixture.tasks",
        )
    weights = np.array([options.weights[task] for task in tasks])
    if not weights.any():
        raise UserError(
            "the weights of the tasks that are trained on sum to nothing",
            where=f"{WHERE}.weights",
            fix="give one of them a weight above 0",
        )
    return np.asarray(weights / weights.max())


def _draws(budget: TaskBudget, task: str, size: int, tokens: float, epochs: float) -> int:
    """Draws of a task in the whole run."""
    if budget.epochs is not None:
        return max(1, round(budget.epochs * size))
    most = round(size * epochs)
    if budget.examples is not None:
        asked, has = f"{budget.examples:,} examples", f"{most:,}"
        draws = budget.examples
    else:
        assert budget.tokens is not None  # the options allow nothing else
        asked, has = f"{budget.tokens:,} tokens", f"about {tokens * epochs:,.0f}"
        draws = max(1, round(budget.tokens * size / tokens))
    if draws > most:
        raise UserError(
            f"the budget of '{task}' is {asked}; {epochs:g} passes over the {size:,} there are to "
            f"train on have {has}",
            where=f"{WHERE}.tasks.{task}",
            fix=f"write `epochs: {draws / size:.3g}` if its examples are to be seen as often",
        )
    return draws


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
