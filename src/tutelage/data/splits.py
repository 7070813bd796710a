"""Divide examples into training, validation and test, so that no prompt stands on two sides.

Examples whose prompts are equal after normalising travel together, so a copy can never test what
was trained. Which rows are set aside follows a hash of the prompt and the seed: shuffling the
file changes nothing, and adding rows moves few. Every task gives its proportional part, by the
largest remainder, so the total is exact.

Where test or validation examples are given (files of their own, or held-out tasks), training rows
with one of their prompts are dropped and marked in the ledger.

Copies that `tutelage harden` made of a row follow it: they are never set aside, and left out of
training where their row is set aside or not drawn (`data/hardened.py`).

A subset of the training examples (`data.subset`) is drawn last, from what all of this leaves, so it
changes no other split. It takes the lowest ranks of a seeded order: subsets of a seed are nested.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tutelage.data.example import Example
from tutelage.data.fates import Fate, Reason
from tutelage.data.hardened import family_key, was_made
from tutelage.data.ledger import Ledger
from tutelage.data.names import matches
from tutelage.data.normalise import prompt_key, rank
from tutelage.data.options import DataOptions, SubsetOptions
from tutelage.errors import UserError, unknown_name

Setting = list[Example] | float | int
"""A split's own examples, or the share or number to set aside of the training examples."""


@dataclass(frozen=True, slots=True)
class Splits:
    """Examples by their use, and the account of all rows.

    Attributes:
        train: to learn from.
        validation: to choose the best checkpoint by.
        test: to compare models on, the held-out tasks' items included.
        held_out_tasks: tasks that are tested and never trained on.
        ledger: the fate of every row read.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    held_out_tasks: frozenset[str]
    ledger: Ledger


class _Item(NamedTuple):
    """An example, its normalised prompt, and its place in the order of reading."""

    place: int
    key: bytes
    example: Example


def split(
    train: list[Example],
    validation: Setting,
    test: Setting,
    options: DataOptions,
    ledger: Ledger,
) -> Splits:
    """Set aside what is not trained on.

    Args:
        train: all examples that may be trained on.
        validation: examples, or the share or number to set aside.
        test: likewise.
        options: the held-out tasks, the seed, and whether rows or whole tasks are set aside.
        ledger: where the rows are entered; splits and dropped copies are noted in it.

    Returns:
        Splits without a common prompt, each in the order of reading.

    Raises:
        UserError: an unknown task is held out, a setting is impossible, or nothing is left to
            train on.
    """
    rows, copies = _rows_and_copies(train)
    own = {"train": rows, "validation": validation, "test": test}
    given = {name: part if isinstance(part, list) else [] for name, part in own.items()}
    held_out = _held_out(given, options)
    parts = _placed(given, held_out)
    _drop_copies(parts, ledger)
    drawn = {
        name: setting
        for name, setting in (("test", test), ("validation", validation))
        if not isinstance(setting, list)
    }
    if not parts["train"]:
        raise _nothing_left(parts, options, ledger)
    if options.split_by == "task":
        held_out |= _draw_tasks(parts, drawn, options.seed)
        _drop_copies(parts, ledger)
    else:
        _draw_rows(parts, drawn, options.seed)
    if not parts["train"]:
        raise _nothing_left(parts, options, ledger)
    drawn_from = {item.key for item in parts["train"]}
    parts["train"] = _subset(parts["train"], options.subset, ledger)
    not_drawn = drawn_from - {item.key for item in parts["train"]}
    parts["train"] += _following(copies, parts, held_out, not_drawn, ledger)
    for name, items in parts.items():
        items.sort()
        for item in items:
            ledger.assign(item.example.source, split=name)
    examples = {name: [item.example for item in items] for name, items in parts.items()}
    return Splits(**examples, held_out_tasks=frozenset(held_out), ledger=ledger)


def _rows_and_copies(train: list[Example]) -> tuple[list[Example], list[Example]]:
    """Training rows, and the copies made of them; copies alone are rows like others."""
    rows = [example for example in train if not was_made(example)]
    if not rows:
        return train, []
    return rows, [example for example in train if was_made(example)]


def _following(
    copies: Iterable[Example],
    parts: Mapping[str, list[_Item]],
    held_out: set[str],
    not_drawn: set[bytes],
    ledger: Ledger,
) -> list[_Item]:
    """The copies that may be trained on, behind all rows; the others are marked."""
    set_aside = {item.key for name in ("validation", "test") for item in parts[name]}
    place = 1 + max(item.place for items in parts.values() for item in items)
    kept: list[_Item] = []
    for example in copies:
        key = family_key(example)
        if example.task in held_out or not set_aside.isdisjoint((key, prompt_key(example))):
            ledger.mark(example.source, Fate.DROPPED, Reason.DUPLICATE_OF_TEST)
        elif key in not_drawn:
            ledger.mark(example.source, Fate.DROPPED, Reason.NOT_SAMPLED)
        else:
            kept.append(_Item(place + len(kept), key, example))
    return kept


def _held_out(given: Mapping[str, list[Example]], options: DataOptions) -> set[str]:
    """The tasks to hold out: each name and pattern must stand for one at least."""
    known = {example.task for examples in given.values() for example in examples}
    for pattern in options.holdout.tasks:
        if not any(matches(task, [pattern]) for task in known):
            raise unknown_name("task", pattern, known, where="data.holdout.tasks")
    return {task for task in known if matches(task, options.holdout.tasks)}


def _placed(given: Mapping[str, list[Example]], held_out: set[str]) -> dict[str, list[_Item]]:
    """The given examples by split, those of held-out tasks all in the test."""
    parts: dict[str, list[_Item]] = {"train": [], "validation": [], "test": []}
    place = 0
    for name, examples in given.items():
        for example in examples:
            item = _Item(place, family_key(example), example)
            parts["test" if example.task in held_out else name].append(item)
            place += 1
    return parts


def _drop_copies(parts: dict[str, list[_Item]], ledger: Ledger) -> None:
    """Drop from training what stands in test or validation, and from validation what is tested."""
    test = {item.key for item in parts["test"]}
    parts["validation"] = _without(parts["validation"], test, ledger)
    kept_aside = test | {item.key for item in parts["validation"]}
    parts["train"] = _without(parts["train"], kept_aside, ledger)


def _without(items: Iterable[_Item], keys: set[bytes], ledger: Ledger) -> list[_Item]:
    kept = []
    for item in items:
        if item.key in keys:
            ledger.mark(item.example.source, Fate.DROPPED, Reason.DUPLICATE_OF_TEST)
        else:
            kept.append(item)
    return kept


def _draw_tasks(
    parts: dict[str, list[_Item]], drawn: Mapping[str, float | int], seed: int
) -> set[str]:
    """Move whole tasks from training; returns those drawn for the test.

    A task that is tested leaves the validation examples too, if there are some of its own.
    """
    tasks = {item.example.task for item in parts["train"]}
    left = sorted(tasks, key=lambda task: rank(seed, task.encode()))
    tested: set[str] = set()
    for name, setting in drawn.items():
        number = _number(setting, len(tasks), len(left), name, "tasks")
        chosen, left = set(left[:number]), left[number:]
        _move(parts, "train", name, chosen)
        if name == "test":
            _move(parts, "validation", name, chosen)
            tested = chosen
    return tested


def _move(parts: dict[str, list[_Item]], start: str, end: str, tasks: set[str]) -> None:
    """Move the items of some tasks from one split to another."""
    parts[end] += [item for item in parts[start] if item.example.task in tasks]
    parts[start] = [item for item in parts[start] if item.example.task not in tasks]


def _draw_rows(parts: dict[str, list[_Item]], drawn: Mapping[str, float | int], seed: int) -> None:
    """Move rows from training, in proportion by task, copies of a prompt together."""
    total = len(parts["train"])
    for name, setting in drawn.items():
        number = _number(setting, total, len(parts["train"]), name, "examples")
        chosen = _stratified(parts["train"], number, seed)
        parts[name] += [item for item in parts["train"] if item.key in chosen]
        parts["train"] = [item for item in parts["train"] if item.key not in chosen]


def _number(setting: float | int, total: int, left: int, name: str, unit: str) -> int:
    """How many to set aside: the number, or the share of `total`, at least one.

    Raises:
        UserError: the number is more than is left.
    """
    if isinstance(setting, float):
        return min(left, max(1, round(setting * total))) if setting else 0
    if setting > left:
        raise UserError(
            f"{setting} {unit} are to be set aside, of {left}",
            where=f"data.{name}",
            fix=f"set aside fewer, or a share such as data.{name}: 0.1",
        )
    return setting


def _stratified(items: Sequence[_Item], number: int, seed: int) -> set[bytes]:
    """Prompts that together hold `number` items, in proportion by task.

    Fewer only if groups of equal prompts cannot make up the number.
    """
    groups: defaultdict[bytes, Counter[str]] = defaultdict(Counter)
    for item in items:
        groups[item.key][item.example.task] += 1
    order = sorted(groups, key=lambda key: rank(seed, key))
    quota = _quotas(Counter(item.example.task for item in items), number, seed)
    chosen: set[bytes] = set()
    for key in order:
        if all(quota[task] >= count for task, count in groups[key].items()):
            quota.subtract(groups[key])
            chosen.add(key)
    missing = quota.total()
    for key in order:
        if key not in chosen and groups[key].total() <= missing:
            missing -= groups[key].total()
            chosen.add(key)
    return chosen


def _quotas(sizes: Counter[str], number: int, seed: int) -> Counter[str]:
    """`number` divided over tasks in proportion to their sizes, by the largest remainder."""
    total = sizes.total()
    quotas = Counter({task: number * size // total for task, size in sizes.items()})
    order = sorted(
        sizes, key=lambda task: (-(number * sizes[task] % total), rank(seed, task.encode()))
    )
    for task in order[: number - quotas.total()]:
        quotas[task] += 1
    return quotas


def _subset(items: list[_Item], options: SubsetOptions, ledger: Ledger) -> list[_Item]:
    """The items of the lowest ranks; the rest is marked as not drawn."""
    if options.examples is None:
        return items
    # Of equal prompts the earlier comes first, so that the number is met exactly.
    order = sorted(items, key=lambda item: (rank(options.seed, item.key), item.place))
    for item in order[options.examples :]:
        ledger.mark(item.example.source, Fate.DROPPED, Reason.NOT_SAMPLED)
    return order[: options.examples]


def _nothing_left(
    parts: Mapping[str, list[_Item]], options: DataOptions, ledger: Ledger
) -> UserError:
    """The error for an empty training set; if rows were lost, that is the cause to show."""
    ledger.check(options.max_lost)
    return UserError(
        f"nothing is left to train on: of {len(ledger)} rows read, {len(parts['test'])} are test "
        f"items, {len(parts['validation'])} validate, {ledger.counts()['dropped']} are dropped",
        where="data",
        fix="give more examples, or set aside fewer",
    )
