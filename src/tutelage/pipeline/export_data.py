"""Write a recipe's data as the fine-tuning files of a closed model. Behind `tutelage export-data`.

The rows are read and split as for training here, with the same seed, so the closed model is tuned
on what a local one would be, and the held-out test items stay out of it: `tutelage eval` then asks
it the very items that it never saw. They are written beside the files too, for whoever asks them
by other means. What a service documents as its limits is checked before anything is handed over,
and every row's fate is in `ledger.parquet`. Neither a model nor torch is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from tutelage.data.example import Example, Message
from tutelage.data.fates import Fate, Reason
from tutelage.data.ledger import Ledger
from tutelage.data.options import MixtureOptions
from tutelage.data.rows import BadRow
from tutelage.data.splits import Splits
from tutelage.data.tuning_files.openai import chat
from tutelage.data.tuning_files.service import SERVICES, Service
from tutelage.data.tuning_files.tokens import MESSAGE_TOKENS, TokenCounter, token_counter
from tutelage.errors import UserError
from tutelage.model.new_folder import check_vacant, new_folder
from tutelage.pipeline.audited import load_rows
from tutelage.pipeline.items import Item, answerable, at_most
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.system import with_system
from tutelage.recipe import Recipe
from tutelage.recipe import load as load_recipe
from tutelage.rundir import write_json

PROMPTS = "prompts.jsonl"
LEDGER = "ledger.parquet"
SUMMARY = "export.json"


def export_data(
    recipe: str | Path, to: str, out: str | Path, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Write `train.jsonl`, `validation.jsonl`, pairs if there are any, prompts and the ledger.

    Args:
        recipe: the recipe's file; of its `model` nothing is used.
        to: the service, `openai` or `gemini`.
        out: the folder to make.
        overrides: settings such as `data.test=100`.

    Returns:
        What `export.json` holds: the files with their examples, tokens and bytes, by what tokens
        were counted, the limits, and what became of the rows.

    Raises:
        UserError: the data cannot be read, too much of it was lost, or a file breaks a limit.
    """
    service = SERVICES.get(to, where="--to")
    check_vacant(Path(out))
    resolved = load_recipe(recipe, overrides).resolved()
    splits = load_rows(resolved.data)
    splits.ledger.check(resolved.data.max_lost)
    writer = _Writer(service, resolved.prompt, splits.ledger, token_counter())
    files = writer.files({"train": splits.train, "validation": splits.validation})
    splits.ledger.check(resolved.data.max_lost)
    items = test_items(resolved, splits)
    with new_folder(Path(out)) as folder:
        for name, rows in files.items():
            _write_lines(folder / name, (row for row, _ in rows))
        _write_lines(folder / PROMPTS, (_prompt(item, resolved.prompt) for item in items))
        splits.ledger.write(folder / LEDGER)
        described = {name: _described(folder / name, rows) for name, rows in files.items()}
        _check_limits(service, described)
        summary = {
            "schema": 1,
            "name": resolved.name,
            "service": service.name,
            "tokens_counted_by": writer.counter.name,
            "files": described,
            "prompts": len(items),
            "counts": {"read": len(splits.ledger), **splits.ledger.counts()},
            "reasons": splits.ledger.reasons(),
            "notes": _notes(resolved, service, [*splits.train, *splits.validation]),
        }
        write_json(folder / SUMMARY, summary)
    return summary


def _notes(recipe: Recipe, service: Service, examples: Sequence[Example]) -> list[str]:
    """What of the recipe and its data has no place in such files."""
    notes = []
    if recipe.data.mixture != MixtureOptions():
        notes.append("data.mixture is not applied: every example stands in its file once")
    pairs = sum(bool(example.negatives) for example in examples)
    if pairs and service.preference is None:
        notes.append(
            f"{service.name} takes no preference pairs: the undesired responses of {pairs:,} "
            "examples are left out"
        )
    return notes


def test_items(recipe: Recipe, splits: Splits) -> list[Item]:
    """The test examples that can be scored, without a prompt's token ids."""
    items = [
        Item(example, (), example.task in splits.held_out_tasks)
        for example in answerable(splits.test, splits.ledger)
    ]
    limit = recipe.evaluate.max_items
    return at_most(items, limit, recipe.data.seed) if limit else items


def turns(messages: Sequence[Message], options: PromptOptions) -> tuple[Message, ...]:
    """A conversation as a closed model gets it: no blank system turn, which it would refuse."""
    return with_system(messages, options.system or None)


Rows = list[tuple[dict[str, Any], int]]
"""Rows of a file, each with its tokens."""


class _Writer:
    """Turns examples into a service's rows, and marks in the ledger what has no place there."""

    def __init__(
        self, service: Service, options: PromptOptions, ledger: Ledger, counter: TokenCounter
    ) -> None:
        self.service = service
        self.options = options
        self.ledger = ledger
        self.counter = counter

    def files(self, splits: dict[str, list[Example]]) -> dict[str, Rows]:
        """Every file that has rows, by its name."""
        files: dict[str, Rows] = {}
        for split, examples in splits.items():
            for example in examples:
                whole = replace(example, messages=turns(example.messages, self.options))
                try:
                    written = list(self._rows(whole))
                except BadRow as defect:
                    self.ledger.mark(example.source, Fate.DROPPED, defect.reason, defect.detail)
                    continue
                for kind, row, tokens in written:
                    name = f"{kind}{split}.jsonl"
                    files.setdefault(name, []).append((row, tokens))
        return files

    def _rows(self, example: Example) -> Iterator[tuple[str, dict[str, Any], int]]:
        """The rows of an example, each with the beginning of its file's name; all or none."""
        said = [turn.content for turn in example.messages]
        row = self.service.supervised(example, self.options.loss_on == "last")
        yield "", row, self._tokens(row, said)
        if self.service.preference is not None:
            for negative in example.negatives:
                row = self.service.preference(example, negative)
                yield "preference-", row, self._tokens(row, [*said, negative])

    def _tokens(self, row: dict[str, Any], said: Sequence[str]) -> int:
        """Tokens of a row: of its turns, and of its tools and calls as they are written.

        Raises:
            BadRow: more than the service takes, which would cut the example without a word.
        """
        called = [turn["tool_calls"] for turn in row.get("messages", ()) if "tool_calls" in turn]
        extra = [part for part in (row.get("tools"), *called) if part]
        texts = [*said, *(orjson.dumps(part).decode() for part in extra)]
        tokens = sum(self.counter.count(text) + MESSAGE_TOKENS for text in texts) + MESSAGE_TOKENS
        limit = self.service.limits.most_tokens
        if tokens > limit:
            found = f"{tokens:,} tokens by {self.counter.name}"
            raise BadRow(Reason.OVER_LONG, "messages", found, f"at most {limit:,}")
        return tokens


def _prompt(item: Item, options: PromptOptions) -> dict[str, Any]:
    """A test item for whoever asks it elsewhere; `tutelage score` takes the answers."""
    example = item.example
    return {
        "messages": chat(turns(example.prompt, options)),
        **({"tools": list(example.tools)} if example.tools else {}),
        "references": list(example.accepted),
        "task": example.task,
        "held_out": item.held_out,
        "file": example.source.file,
        "row": example.source.row,
    }


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("wb") as stream:
        for row in rows:
            stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _described(path: Path, rows: Rows) -> dict[str, int]:
    tokens = [tokens for _, tokens in rows]
    return {
        "examples": len(rows),
        "tokens": sum(tokens),
        "longest": max(tokens),
        "bytes": path.stat().st_size,
    }


def _check_limits(service: Service, files: dict[str, dict[str, int]]) -> None:
    """Hold whole files to what the service documents.

    Raises:
        UserError: too few or too many examples, or too large a file.
    """
    limits = service.limits
    found = files.get("train.jsonl", {"examples": 0})["examples"]
    if found < limits.least_examples:
        raise UserError(
            f"{found} training examples are left, and {service.name} takes no fewer than "
            f"{limits.least_examples}",
            where="data.train",
            fix="add examples, or set aside fewer for validation and test",
        )
    for name, file in files.items():
        most = limits.most_validation if "validation" in name else limits.most_examples
        setting = "data.validation" if "validation" in name else "data.train"
        if most is not None and file["examples"] > most:
            raise UserError(
                f"{name} has {file['examples']:,} examples, and {service.name} takes {most:,}",
                where=setting,
                fix=f"set {setting} to fewer, such as by a source's limit",
            )
        if file["bytes"] > limits.most_bytes:
            raise UserError(
                f"{name} has {file['bytes']:,} bytes, and {service.name} takes "
                f"{limits.most_bytes:,}",
                where=setting,
                fix="take fewer rows with a source's limit",
            )
