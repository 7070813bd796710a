"""Make the rows that harden a model, beside the data they are made of. Behind `tutelage harden`.

Only what is made is written, as conversations: the data stays as it is, and a recipe lists both
files. What a row was made of and how stands in the row and in a ledger, and a split of both files
keeps copies with their rows (`data/hardened.py`), so that no test item is trained on in disguise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tutelage.data.example import Example
from tutelage.data.hardened import FIELD, was_made
from tutelage.data.normalise import prompt_key
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream
from tutelage.data.sources import origins
from tutelage.data.sources.writers import check_writable, write_rows
from tutelage.errors import UserError
from tutelage.evaluate.harmful_requests import read_requests, read_wrappers
from tutelage.evaluate.refused import refused
from tutelage.evaluate.text_lines import text_lines
from tutelage.pipeline.hardening.making import (
    Made,
    drawn,
    injected,
    look_alikes,
    noisy,
    refusal,
    wrapped,
)
from tutelage.rundir import check_replaceable, replacing

LEDGER = ".ledger.parquet"
COLUMNS: dict[str, type[pl.DataType]] = {
    "source": pl.String,
    "row": pl.Int64,
    "new_row": pl.Int64,
    "how": pl.String,
}
"""Columns of the ledger: the row that a new one is a copy of (null where it is none), its place in
the new file, and how it was made."""


@dataclass(frozen=True, slots=True)
class HardenOptions:
    """How much of what is made.

    Attributes:
        noise: share of the rows that get a copy with noise.
        strength: share of words that noise changes.
        injections: share of the rows that get a copy with an injected instruction.
        refuse: file of requests to refuse: lines of a `.txt`, or AdvBench's columns.
        wrappers: file of jailbreak prompts, columns `name` and `prompt`.
        seed: for all that is drawn.
    """

    noise: float = 0.2
    strength: float = 0.1
    injections: float = 0.1
    refuse: Path | None = None
    wrappers: Path | None = None
    seed: int = 0


def harden(
    sources: Sequence[SourceOptions],
    out: Path,
    options: HardenOptions,
    base: Path = Path(),
    data_seed: int = 0,
) -> dict[str, Any]:
    """Write what is made of the data's rows, and a ledger beside it.

    Args:
        sources: the training data.
        out: the file to write.
        options: how much of what.
        base: folder that relative paths start from.
        data_seed: the run's `data.seed`, by which a source's `limit` draws the rows it trains on.

    Returns:
        `rows` (read, and of them usable and unread), and `made` by how.

    Raises:
        UserError: nothing can be read or made, or `out` cannot be written or is another's file.
    """
    check_writable(out)
    for source in sources:
        if out.resolve() in {(base / origin.label).resolve() for origin in origins(source, base)}:
            raise UserError("would overwrite the data", where=str(out), fix="name another --out")
    check_replaceable(out, out.with_suffix(LEDGER).is_file(), "--out")
    requests = _requests(options.refuse)
    wrappers = read_wrappers(_there(options.wrappers)) if options.wrappers else {}
    read, usable = 0, []
    for reading in stream(sources, base, data_seed):
        read += 1
        if isinstance(reading, Reading) and _can_be_copied(reading.example):
            usable.append(reading.example)
    if not usable:
        raise UserError(
            f"none of {read} rows ends in a question and its answer",
            where=", ".join(source.path for source in sources),
            fix="give rows with a prompt and a response",
        )
    made = _made(usable, requests, wrappers, options)
    if not made:
        raise UserError("nothing is made", fix="raise --noise or --injections, or give --refuse")
    write_rows(out, (_row(one, options) for one in made))
    ledger = [
        (*(one.parent.source if one.parent else (None, None)), number, one.how)
        for number, one in enumerate(made)
    ]
    with replacing(out.with_suffix(LEDGER)) as temporary:
        pl.DataFrame(ledger, schema=COLUMNS, orient="row").write_parquet(temporary)
    return {
        "rows": {"read": read, "usable": len(usable), "not": read - len(usable)},
        "made": dict(sorted(Counter(one.how.split(":")[0] for one in made).items())),
        "options": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(options).items()
        },
    }


def _made(
    examples: Sequence[Example],
    requests: Sequence[str],
    wrappers: dict[str, str],
    options: HardenOptions,
) -> list[Made]:
    """All new rows; as many harmless ones as there are refusals, or as many as can be had."""
    seed = options.seed
    noise = [
        noisy(one, seed, options.strength) for one in drawn(examples, options.noise, seed, "noise")
    ]
    made = [one for one in noise if one is not None]
    made += [injected(one, seed) for one in drawn(examples, options.injections, seed, "injection")]
    says_no = refused([one.messages[-1].content for one in examples])
    refusals = [one for request in requests for one in refusal(request, wrappers, seed)]
    if wrappers:
        refusals += [
            wrapped(one, wrappers, seed, "refusal")
            for one, no in zip(examples, says_no, strict=True)
            if no
        ]
    harmless = look_alikes()[: len(refusals)]
    if wrappers:
        answered = [one for one, no in zip(examples, says_no, strict=True) if not no]
        left = len(refusals) - len(harmless)
        share = min(1.0, left / max(len(answered), 1))
        harmless += [
            wrapped(one, wrappers, seed, "harmless")
            for one in drawn(answered, share, seed, "harmless")
        ]
    return [*made, *refusals, *harmless]


def _can_be_copied(example: Example) -> bool:
    """Whether a row ends in a question and its answer, and is not itself such a copy."""
    ends = example.response and example.prompt and example.prompt[-1].role == "user"
    return bool(ends) and not was_made(example)


def _row(made: Made, options: HardenOptions) -> dict[str, Any]:
    turns = []
    for message in made.messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            turn["tool_calls"] = list(message.tool_calls)
        if message.name is not None:
            turn["name"] = message.name
        turns.append(turn)
    parent = made.parent
    hardened = {
        "how": made.how,
        "of": None if parent is None else prompt_key(parent).hex(),
        "source": None if parent is None else parent.source.file,
        "row": None if parent is None else parent.source.row,
        "seed": options.seed,
    }
    row = {"messages": turns, "task": made.task, FIELD: hardened}
    if parent is not None and parent.tools:
        row["tools"] = list(parent.tools)
    return row


def _requests(path: Path | None) -> list[str]:
    if path is None:
        return []
    if _there(path).suffix != ".txt":
        return [one.text for one in read_requests(path)]
    return [line for line, _ in text_lines(path, "write one request a line")]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UserError("no such file", where=str(path))
    return path
