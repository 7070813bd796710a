"""From a recipe's data to what is trained on and what is asked: the same for every job.

Rows are read and split, then rendered; whatever the renderer drops or cuts is entered in the
ledger, and the run stops here if too much was lost, or if the answers could not be scored once
training is over. `check`, `train` and `eval` call this one function, so what was checked is what
is trained, and what is asked is what was held out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.data.example import Example
from tutelage.data.fates import Fate, Reason
from tutelage.data.ledger import Ledger
from tutelage.data.load import load as load_data
from tutelage.data.splits import Splits
from tutelage.errors import UserError
from tutelage.evaluate.scoring import Item as ScoredItem
from tutelage.evaluate.scoring import check_references
from tutelage.evaluate.scoring import preflight as check_scoring
from tutelage.pipeline.general_text import general_texts
from tutelage.pipeline.stages import stage
from tutelage.prompt.length import prompt_ends
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.template import TemplateRefused
from tutelage.recipe import Recipe
from tutelage.train.loop import TrainingExample


@dataclass(frozen=True, slots=True)
class Item:
    """A test example ready to be asked.

    Attributes:
        example: as read; its references score the answer.
        prompt_ids: what the model is given.
        held_out: its task is never trained on.
    """

    example: Example
    prompt_ids: tuple[int, ...]
    held_out: bool

    @property
    def scored(self) -> ScoredItem:
        """What its answers are scored against."""
        return ScoredItem(self.example.task, self.held_out, self.example.accepted)


@dataclass(frozen=True)
class Prepared:
    """Everything a job needs of the data.

    Attributes:
        train: examples to train on, rendered.
        validation: examples to validate on, rendered.
        items: test examples, their prompts rendered.
        ledger: the fate of every row.
        renderer: what rendered them.
    """

    train: list[TrainingExample]
    validation: list[TrainingExample]
    items: list[Item]
    ledger: Ledger
    renderer: Renderer

    def counts(self) -> dict[str, int]:
        """Rows read, and how many of them met each fate; the fates add up to what was read."""
        return {"read": len(self.ledger), **self.ledger.counts()}

    def tasks(self) -> dict[str, dict[str, int]]:
        """For every task, how many examples are trained on (`train`) and asked (`test`)."""
        trained = Counter(example.task for example in self.train)
        asked = Counter(item.example.task for item in self.items)
        return {
            task: {"train": trained[task], "test": asked[task]}
            for task in sorted(trained.keys() | asked.keys())
        }

    def fingerprint(self) -> str:
        """SHA-256 of what is trained on, validated with and asked, token by token."""
        digest = hashlib.sha256(self.renderer.fingerprint.encode())
        for examples in (self.train, self.validation):
            for example in examples:
                for sequence in example.all_sequences:
                    digest.update(sequence.ids.tobytes() + sequence.weights.tobytes())
                digest.update(bytes([len(example.negatives) > 0]))
            digest.update(b"\0")
        digest.update(items_fingerprint(self.items).encode())
        return digest.hexdigest()


def items_fingerprint(items: Sequence[Item]) -> str:
    """SHA-256 of the questions and their references."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(repr((item.prompt_ids, item.example.accepted, item.example.task)).encode())
    return digest.hexdigest()


def read(recipe: Recipe) -> Splits:
    """Read and split a resolved recipe's data: before the model, which takes minutes if large.

    Raises:
        UserError: the data cannot be read, or too much of it was lost.
    """
    stage("reading the data")
    splits = load_data(recipe.data, Path())
    splits.ledger.check(recipe.data.max_lost)
    return splits


def prepare(recipe: Recipe, splits: Splits, renderer: Renderer) -> Prepared:
    """Render a resolved recipe's data.

    Raises:
        UserError: too much of it was lost, none is left to train on, or the recipe's evaluation
            does not fit it.
    """
    train = _rendered(splits.train, renderer, splits.ledger)
    validation = _rendered(splits.validation, renderer, splits.ledger)
    items = _items(splits.test, splits.held_out_tasks, renderer, splits.ledger)
    if limit := recipe.evaluate.max_items:
        items = _at_most(items, limit, recipe.data.seed)
    splits.ledger.check(recipe.data.max_lost)
    if not train:
        raise UserError(
            "no example is left to train on",
            where="data.train",
            fix="see the ledger's reasons, or set aside less for validation and test",
        )
    prepared = Prepared(train, validation, items, splits.ledger, renderer)
    check_scoring(recipe.evaluate, prepared.tasks())
    check_references(recipe.evaluate, [item.scored for item in items])
    general_texts(recipe.evaluate.general_text)
    return prepared


def _rendered(
    examples: Sequence[Example], renderer: Renderer, ledger: Ledger
) -> list[TrainingExample]:
    ready = []
    for example, rendering in zip(examples, renderer.render(examples), strict=True):
        if rendering.reason is not None:
            ledger.mark(example.source, rendering.fate, rendering.reason, rendering.detail)
        if rendering.fate is not Fate.DROPPED:
            ready.append(
                TrainingExample(
                    example.source, example.task, rendering.sequences, rendering.negatives
                )
            )
    return ready


def _items(
    examples: Sequence[Example], held_out: frozenset[str], renderer: Renderer, ledger: Ledger
) -> list[Item]:
    items = []
    for example in examples:
        if not example.accepted:
            ledger.mark(example.source, Fate.DROPPED, Reason.NO_RESPONSE)
            continue
        try:
            ids = renderer.prompt_ids(example.prompt, example.tools)
        except TemplateRefused as error:
            ledger.mark(example.source, Fate.DROPPED, Reason.TEMPLATE_REFUSED, str(error))
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


def _at_most(items: list[Item], limit: int, seed: int) -> list[Item]:
    """At most `limit` items of each task, drawn by a hash of their source, in their order."""

    def draw(item: Item) -> str:
        return hashlib.sha256(f"{seed}/{item.example.source}".encode()).hexdigest()

    chosen: set[int] = set()
    for task in {item.example.task for item in items}:
        places = [at for at, item in enumerate(items) if item.example.task == task]
        chosen.update(sorted(places, key=lambda at: draw(items[at]))[:limit])
    return [item for at, item in enumerate(items) if at in chosen]
