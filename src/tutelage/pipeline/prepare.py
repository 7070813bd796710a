"""From a recipe's data to what is trained on and what is asked: the same for every job.

Rows are read and split, then rendered; whatever the renderer drops or cuts is entered in the
ledger, and the run stops here if too much was lost, or if the answers could not be scored once
training is over. `check`, `train` and `eval` call this one function, so what was checked is what
is trained, and what is asked is what was held out. What was made once is kept (see `prepared`) and
read from there as long as nothing that decides it has changed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tutelage.data.example import Example
from tutelage.data.fates import REASONS, Fate, Reason
from tutelage.data.ledger import Ledger
from tutelage.data.mixture import Mixture, plan
from tutelage.data.splits import Splits
from tutelage.errors import UserError
from tutelage.evaluate.scoring import check_metrics, check_references
from tutelage.evaluate.scoring import preflight as check_scoring
from tutelage.pipeline import prepared as store
from tutelage.pipeline.audited import load_rows
from tutelage.pipeline.columns import Columns, ColumnsBuilder
from tutelage.pipeline.general_text import general_texts
from tutelage.pipeline.items import Item, answerable, at_most, items_fingerprint
from tutelage.pipeline.prepared_key import data_key, whole_key
from tutelage.pipeline.stages import stage
from tutelage.prompt.length import prompt_ends
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.template import TemplateRefused
from tutelage.recipe import Recipe
from tutelage.train.example import TrainingExample

__all__ = ["Data", "Item", "Prepared", "items_fingerprint", "prepare", "read"]


@dataclass(frozen=True)
class Prepared:
    """Everything a job needs of the data.

    Attributes:
        train: examples to train on, rendered.
        validation: examples to validate on, rendered.
        items: test examples, their prompts rendered.
        ledger: the fate of every row.
        renderer: what rendered them.
        mixture: how the tasks are mixed; None takes every example once an epoch.
    """

    train: Columns
    validation: Columns
    items: list[Item]
    ledger: Ledger
    renderer: Renderer
    mixture: Mixture | None = None

    def counts(self) -> dict[str, int]:
        """Rows read, and how many of them met each fate; the fates add up to what was read."""
        return {"read": len(self.ledger), **self.ledger.counts()}

    def tasks(self) -> dict[str, dict[str, int]]:
        """For every task, how many examples are trained on (`train`) and asked (`test`)."""
        trained = self.train.task_counts()
        asked = Counter(item.example.task for item in self.items)
        return {
            task: {"train": trained.get(task, 0), "test": asked[task]}
            for task in sorted(trained.keys() | asked.keys())
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what is trained on, validated with and asked, token by token."""
        digest = hashlib.sha256(self.renderer.fingerprint.encode())
        for column in (*self.train.content(), *self.validation.content()):
            digest.update(len(column).to_bytes(8))
            digest.update(np.ascontiguousarray(column).data)
        digest.update(items_fingerprint(self.items).encode())
        if self.mixture is not None and not self.mixture.once_each:
            digest.update(self.mixture.rates.tobytes() + self.mixture.task_of.tobytes())
        return digest.hexdigest()


class Data:
    """A recipe's data, which is not read where it was prepared before.

    Attributes:
        key: digest of all that decides the rows; None if nothing is to be kept of them.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.key = data_key(recipe) if recipe.data.cache else None
        self._splits: Splits | None = None

    def splits(self) -> Splits:
        """The rows, read once.

        Raises:
            UserError: the data cannot be read, or too much of it was lost.
        """
        if self._splits is None:
            stage("reading the data")
            self._splits = load_rows(self.recipe.data)
            self._splits.ledger.check(self.recipe.data.max_lost)
        return self._splits

    def unchanged(self) -> bool:
        """Whether the files are still those that the key is of."""
        return self.key == data_key(self.recipe)


def read(recipe: Recipe) -> Data:
    """Read a resolved recipe's data: before the model, which takes minutes if large.

    Raises:
        UserError: the data cannot be read, or too much of it was lost; or its answers could not
            be scored, whatever they are.
    """
    check_metrics(recipe.evaluate)
    data = Data(recipe)
    if data.key is None or not store.holds(data.key):
        data.splits()
    return data


def prepare(recipe: Recipe, data: Data, renderer: Renderer) -> Prepared:
    """Render a resolved recipe's data, or take what was rendered before from the same.

    Raises:
        UserError: too much of it was lost, none is left to train on, or the recipe's mixture or
            evaluation does not fit it.
    """
    entry = _kept(recipe, data, renderer)
    items = entry.items
    if limit := recipe.evaluate.max_items:
        items = at_most(items, limit, recipe.data.seed)
    entry.ledger.check(recipe.data.max_lost)
    if not entry.train:
        raise _nothing_left(entry.ledger)
    train, ledger = entry.train, entry.ledger
    mixture = plan(
        recipe.data.mixture,
        train.tasks,
        train.task,
        train.lengths(),
        recipe.train.epochs,
        ledger.tasks(),
    )
    prepared = Prepared(train, entry.validation, items, ledger, renderer, mixture)
    check_scoring(recipe.evaluate, prepared.tasks())
    check_references(recipe.evaluate, [item.scored for item in items])
    general_texts(recipe.evaluate.general_text)
    return prepared


def _nothing_left(ledger: Ledger) -> UserError:
    reasons = (
        f"\n  {count} of {len(ledger)} rows: {REASONS[code].meaning}"
        for code, count in ledger.reasons().items()
    )
    return UserError(
        f"no example is left to train on{''.join(reasons)}",
        where="data.train",
        fix="repair these rows, choose another train.objective where it is the objective that "
        "needs what they lack, or set aside less for validation and test",
    )


def _kept(recipe: Recipe, data: Data, renderer: Renderer) -> store.Entry:
    """What the cache holds of this data, made if need be."""
    key = whole_key(data.key, renderer) if data.key else None
    if data.key is None or key is None:
        return _rendered(data.splits(), renderer)
    if found := store.find(data.key, key):
        stage("taking the data as it was prepared before")
        return found
    entry = _rendered(data.splits(), renderer)
    return store.keep(data.key, key, entry) if data.unchanged() else entry


def _rendered(splits: Splits, renderer: Renderer) -> store.Entry:
    stage(f"rendering {len(splits.train) + len(splits.validation) + len(splits.test):,} examples")
    return store.Entry(
        train=_examples(splits.train, renderer, splits.ledger),
        validation=_examples(splits.validation, renderer, splits.ledger),
        items=_items(splits.test, splits.held_out_tasks, renderer, splits.ledger),
        ledger=splits.ledger,
    )


def _examples(examples: Sequence[Example], renderer: Renderer, ledger: Ledger) -> Columns:
    ready = ColumnsBuilder()
    for example, rendering in zip(examples, renderer.renderings(examples), strict=True):
        if rendering.reason is not None:
            ledger.mark(example.source, rendering.fate, rendering.reason, rendering.detail)
        if rendering.fate is not Fate.DROPPED:
            ready.add(
                TrainingExample(
                    example.source, example.task, rendering.sequences, rendering.negatives
                )
            )
    return ready.columns()


def _items(
    examples: Sequence[Example], held_out: frozenset[str], renderer: Renderer, ledger: Ledger
) -> list[Item]:
    asked = answerable(examples, ledger)
    items = []
    for example, ids in zip(asked, renderer.prompts(asked), strict=True):
        if isinstance(ids, TemplateRefused):
            ledger.mark(example.source, Fate.DROPPED, Reason.TEMPLATE_REFUSED, str(ids))
            continue
        fitted = _fitted_prompt(example, ids, renderer, ledger)
        if fitted is not None:
            items.append(Item(example, tuple(fitted), example.task in held_out))
    return items


def _fitted_prompt(
    example: Example, ids: list[int], renderer: Renderer, ledger: Ledger
) -> list[int] | None:
    """Hold a prompt to the length limit in the way the recipe asks for."""
    limit, policy = renderer.options.max_tokens, renderer.options.over_long
    if len(ids) <= limit:
        return ids
    found = f"the prompt has {len(ids)} tokens, {len(ids) - limit} over the limit of {limit}"
    if policy == "error":
        raise UserError(
            found,
            where=f"{example.source.file} row {example.source.row}",
            fix="raise prompt.max_tokens, or set prompt.over_long to drop or truncate_*",
        )
    if policy == "drop":
        ledger.mark(example.source, Fate.DROPPED, Reason.OVER_LONG, found)
        return None
    ledger.mark(example.source, Fate.TRUNCATED, Reason.PROMPT_TRUNCATED, found)
    return [ids[at] for at in prompt_ends(len(ids), limit)]
