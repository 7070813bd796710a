"""Many rows to audit: Alpaca's, recombined, some of them near-duplicates of others.

    python benchmarks/audit_rows.py FOLDER [--rows 1000000] [--files 20]

A row keeps the shape of one of Alpaca's (fields, lines, lengths) with the phrases of others in
place of its own: every phrase of two to six words is replaced by one that ends in the same mark
and was drawn from the same field of all rows. So the words are as frequent as in Alpaca, rows are
as long, and no two are alike unless made so. A share is repeated with 5 to 20 % of words changed
(`near.parquet` says which rows, by their place over all files). The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from defects import words_changed

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
FIELDS = ("instruction", "input", "output")
NEAR = 0.05
WINDOW = 50_000
"""A near-duplicate is of one of so many rows before it, which bounds what is kept in memory."""

_PHRASE = re.compile(r"(?:\S+[^\S\n]+){1,5}\S+\s*|\S+\s*")


def rows(count: int, seed: int) -> Iterator[tuple[dict[str, Any], int | None]]:
    """Rows, each with the place of the row that it is a near-duplicate of, if it is one."""
    draw = random.Random(seed)
    source = orjson.loads((DATA / "alpaca_12k.json").read_bytes())
    shapes = [{name: _PHRASE.findall(row[name]) for name in FIELDS} for row in source]
    pool: dict[tuple[str, str], list[str]] = {}
    for shape in shapes:
        for name in FIELDS:
            for phrase in shape[name]:
                pool.setdefault(_kind(name, phrase), []).append(phrase)
    shapes = [shape for shape in shapes if shape["output"]]
    kinds = [
        {name: [pool[_kind(name, p)] for p in shape[name]] for name in FIELDS} for shape in shapes
    ]
    recent: list[dict[str, Any]] = []
    for place in range(count):
        if recent and draw.random() < NEAR:
            back = draw.randrange(len(recent))
            row = _changed(recent[back], draw)
            yield row, place - len(recent) + back
        else:
            chosen = kinds[draw.randrange(len(kinds))]
            row = {name: "".join(map(draw.choice, chosen[name])) for name in FIELDS}
            yield row, None
        recent.append(row)
        if len(recent) > 2 * WINDOW:
            del recent[:WINDOW]


def _kind(name: str, phrase: str) -> tuple[str, str]:
    """Phrases of one kind may stand for one another: field, words, last mark and space."""
    bare = phrase.rstrip()
    mark = bare[-1] if not bare[-1:].isalnum() else ""
    return name, f"{min(len(bare.split()), 3)}{mark}{phrase[len(bare) :]}"


def _changed(row: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    share = draw.uniform(0.05, 0.2)
    other = row["output"].split() or ["other"]
    return {name: words_changed(text, share, other, draw) for name, text in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    made = rows(given.rows, given.seed)
    near = []
    for number in range(given.files):
        first, end = (given.rows * (number + step) // given.files for step in (0, 1))
        with (given.folder / f"rows_{number:03}.jsonl").open("wb") as file:
            for place in range(first, end):
                row, original = next(made)
                file.write(orjson.dumps(row) + b"\n")
                if original is not None:
                    near.append((place, original))
    table = pl.DataFrame(near, schema={"row": pl.Int64, "original": pl.Int64}, orient="row")
    table.write_parquet(given.folder / "near.parquet")


if __name__ == "__main__":
    main()
