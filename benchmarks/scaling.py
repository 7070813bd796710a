"""Does the cost of tuning grow as the work does? Ours alone, LoRA on the real model.

    python benchmarks/scaling.py [--rounds 2] [--threads 2]

Rows: one optimizer step of 8 rows of alpaca_12k, then of 16, 32, 64 and 128. To be exactly so many
times the work, the other rows are the first 8 again with their token ids permuted: the same lengths
and supervised tokens, and nothing shared between the copies. Cost is to be linear within 5 %.

Sharing: 32 rows of 256 random tokens, the last 4 supervised, that begin alike for so long that no
token, a quarter, ... and nine tenths of them all need not be computed. Cost is to be proportional
to the tokens computed within 10 %.

Seconds are those of the whole step: packing, forward and backward passes, clipping and AdamW. Each
cell is kept in --folder as soon as it is done; the next call goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from tuning import cells, tables
from tuning.ours import loop_over
from tuning.workload import IGNORED, Row, choose, recipe
from tuning.works import OURS, WORKS
from tutelage.pipeline.workbench import Workbench, from_recipe

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TUTELAGE_DATA", HERE.parent / "../shared/data"))
MODEL = os.environ.get("TUTELAGE_MODEL", "smollm2-135m-instruct")

TIMES = (1, 2, 4, 8, 16)
LINEAR_WITHIN = 5
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
PROPORTIONAL_WITHIN = 10
ROWS, LENGTH, SUPERVISED = 32, 256, 4
"""Of the rows that share: how many, their tokens, and how many of these are supervised."""


class Cell(NamedTuple):
    """What is measured: a size, in a round, perhaps several times as it is short."""

    kind: str
    size: float
    turn: int


def plan(rounds: int) -> list[Cell]:
    """All cells; small ones as often as makes every size train as many rows, up to 8 times."""
    rows = [
        Cell("rows", size, turn)
        for turn in range(TIMES[-1] // 2)
        for size in TIMES
        if turn < max(1, TIMES[-2] // size) * rounds / 2
    ]
    return rows + [Cell("sharing", share, turn) for turn in range(rounds) for share in SHARES]


def copies(rows: Sequence[Row], times: int, vocabulary: int) -> list[Row]:
    """The rows, and so many copies in other tokens as make `times` of them."""
    found = list(rows)
    for copy in range(1, times):
        permuted = np.random.default_rng(copy).permutation(vocabulary)
        for row in rows:
            labels = [label if label == IGNORED else int(permuted[label]) for label in row.labels]
            found.append(Row(permuted[row.ids].tolist(), labels))
    return found


def sharing(share: float, vocabulary: int) -> list[Row]:
    """Rows of random tokens of which this share need not be computed, all in one pack."""
    shared = round(share * LENGTH * ROWS / (ROWS - 1))
    draw = np.random.default_rng(0)
    beginning = draw.integers(vocabulary, size=shared)
    rows = []
    for _ in range(ROWS):
        ids = np.concatenate([beginning, draw.integers(vocabulary, size=LENGTH - shared)]).tolist()
        rows.append(Row(ids, [IGNORED] * (LENGTH - SUPERVISED) + ids[-SUPERVISED:]))
    return rows


class LastStep:
    """A tracker that keeps the last step's figures."""

    def record(self, row: Mapping[str, Any]) -> None:
        """A step has ended."""
        self.row = row

    def close(self) -> None:
        """Nothing to close."""


def measure(bench: Workbench, rows: Sequence[Row]) -> dict[str, float]:
    """Train one optimizer step on all rows; its seconds and tokens."""
    last = LastStep()
    with tempfile.TemporaryDirectory() as folder:
        # At a learning rate of 0, so that every cell works on the same weights.
        loop = loop_over(bench, rows, Path(folder), [last], batch_size=len(rows), learning_rate=0.0)
        loop.run(resume=False)
    return {key: last.row[key] for key in ("seconds", "tokens", "computed_tokens")}


def tables_of(found: Sequence[Mapping[str, Any]]) -> list[tables.Table]:
    """Both curves: medians, and how far each size is from what it should cost."""
    made = []
    for kind, basis, within in (
        ("rows", "tokens", LINEAR_WITHIN),
        ("sharing", "computed_tokens", PROPORTIONAL_WITHIN),
    ):
        sizes = sorted({cell["size"] for cell in found if cell["kind"] == kind})
        rows: list[Sequence[str]] = []
        first = None
        for size in sizes:
            same = [cell for cell in found if (cell["kind"], cell["size"]) == (kind, size)]
            seconds = statistics.median(cell["seconds"] for cell in same)
            cost = seconds / same[0][basis]
            first = first or cost
            name = f"{size:g}×" if kind == "rows" else f"{100 * size:g} %"
            rows.append(
                (
                    name,
                    f"{same[0]['tokens']}",
                    f"{same[0]['computed_tokens']}",
                    f"{seconds:.2f} ({len(same)})",
                    f"{1000 * cost:.3f}",
                    f"{100 * (cost / first - 1):+.1f} %",
                )
            )
        if rows:
            unit, off = f"ms a {basis[:-1].replace('_', ' ')}", f"off (within {within} %)"
            headings = (kind, "tokens", "computed", "seconds (cells)", unit, off)
            made.append(tables.Table(f"Cost against {kind}", headings, rows))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=HERE.parent / "runs/benchmarks/scaling")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    kept = arguments.folder / "cells.jsonl"
    code = cells.code(OURS)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    found = [cell for cell in map(json.loads, lines) if cell["code"] == code]
    done = {Cell(cell["kind"], cell["size"], cell["turn"]) for cell in found}
    console = Console(width=120, highlight=False)
    if todo := [cell for cell in plan(arguments.rounds) if cell not in done]:
        settings = WORKS["alpaca"].settings(DATA, MODEL, arguments.threads, steps=1)
        bench = from_recipe(recipe(settings, MODEL))
        rows, _ = choose(settings, bench.renderer)
        rows = rows[: settings.rows]
        vocabulary = bench.model.config.vocab_size
        measure(bench, copies(rows, 2, vocabulary))  # warms up
        for cell in todo:
            made = (
                copies(rows, int(cell.size), vocabulary)
                if cell.kind == "rows"
                else sharing(cell.size, vocabulary)
            )
            figures = {**cell._asdict(), **measure(bench, made), "code": code}
            found.append(figures)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures) + "\n")
            console.print(f"{cell.kind:8} {cell.size:5g}  {figures['seconds']:6.2f} s")
    made_tables = tables_of(found)
    for table in made_tables:
        console.print(tables.rich(table))
    if arguments.markdown:
        parts = [f"{table.title}:\n\n{table.markdown()}" for table in made_tables]
        arguments.markdown.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
