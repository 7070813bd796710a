"""Finished cells as tables: the summary, and of each work speed, memory and losses."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table as RichTable

from tuning.workload import LONGEST, Workload
from tuning.works import OURS, Work

GB = 1e9
HALF, THIRD = 0.5, 0.33
"""The memory asked for and hoped for, as a share of the fastest peer's."""

Cell = Mapping[str, Any]


class Table(NamedTuple):
    """Headings and rows, ready to be shown in any form."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As a Markdown table."""
        rules = ["---"] + ["---:"] * (len(self.headings) - 1)
        lines = [self.headings, rules, *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rich(table: Table) -> RichTable:
    """As the terminal shows it."""
    shown = RichTable(title=table.title)
    for at, heading in enumerate(table.headings):
        shown.add_column(heading, justify="right" if at else "left")
    for row in table.rows:
        shown.add_row(*row)
    return shown


def check(cell: Cell, work: Workload) -> None:
    """Refuse a cell that did other work than was asked: steps, samples and supervised tokens.

    Raises:
        ValueError: it did.
    """
    trained = sorted(row for step in cell["rows"] for row in step)
    supervised = [sum(work.rows[row].supervised for row in step) for step in cell["rows"]]
    if (
        len(cell["rows"]) != len(work.order)
        or trained != list(range(len(work.rows)))
        or cell["supervised"] != supervised
        or not all(map(math.isfinite, cell["losses"]))
    ):
        raise ValueError(
            f"{cell['contender']} took {len(cell['rows'])} steps on {len(trained)} rows with "
            f"{sum(cell['supervised'])} supervised tokens, not {len(work.order)} on "
            f"{len(work.rows)} with {work.supervised}, or its loss is not finite"
        )


def by_contender(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells of each contender."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell["contender"], []).append(cell)
    return found


def peak_memory(cell: Cell) -> float:
    """Most memory the process held, in GB."""
    return float(cell["peak_bytes"]) / GB


def above_needed(cell: Cell) -> float:
    """Peak memory beyond libraries, weights, gradients and optimizer state, in GB.

    What any trainer of this model by this method holds is taken off alike, so what is left is
    what the way of training needs: activations, logits, padding, copies. Weights are counted, not
    read off the process: those that transformers maps from the file are not resident until used.
    """
    return float(cell["peak_bytes"] - cell["runtime_bytes"] - cell["weight_bytes"]) / GB


def arithmetic(cell: Cell) -> float:
    """Share of the rate that this machine's matrix products reach at the same shapes."""
    return float(cell["seconds_at_peak"] / cell["seconds"])


def speeds(cells: Sequence[Cell], work: Workload) -> dict[str, float]:
    """Median tokens a second of each contender."""
    return {
        name: work.tokens / statistics.median(cell["seconds"] for cell in found)
        for name, found in by_contender(cells).items()
    }


def speed_table(name: str, cells: Sequence[Cell], work: Workload) -> Table:
    """Speed, memory and what was learned; medians over the rounds."""
    speed = speeds(cells, work)
    best = max((speed[name] for name in speed if name != OURS), default=math.nan)
    rows = []
    for contender, found in by_contender(cells).items():
        each = sorted(work.tokens / cell["seconds"] for cell in found)
        busy = statistics.median(cell["cpu_seconds"] / cell["seconds"] for cell in found)
        rows.append(
            (
                contender,
                f"{speed[contender]:.0f}",
                f"{each[0]:.0f}–{each[-1]:.0f} ({len(each)})",
                f"{speed[contender] / best:.2f}",
                f"{statistics.median(map(above_needed, found)):.2f}",
                f"{statistics.median(map(peak_memory, found)):.2f}",
                f"{busy:.2f}",
                f"{found[0]['held_out_loss']:.4f}",
            )
        )
    return Table(
        f"{name}: {len(work.rows)} rows, {work.tokens} tokens ({work.supervised} supervised), "
        f"{len(work.order)} steps for everyone",
        (
            "contender",
            "tokens/s",
            "range (rounds)",
            "× best peer",
            "memory above needed, GB",
            "peak, GB",
            "busy threads",
            "held-out loss",
        ),
        rows,
    )


def loss_table(name: str, cells: Sequence[Cell]) -> Table:
    """Mean loss a supervised token of every step; first round."""
    first = {contender: found[0] for contender, found in by_contender(cells).items()}
    steps = max(len(cell["losses"]) for cell in first.values())
    rows = [
        (str(step + 1), *(f"{cell['losses'][step]:.4f}" for cell in first.values()))
        for step in range(steps)
    ]
    mean = ("mean", *(f"{statistics.mean(cell['losses']):.4f}" for cell in first.values()))
    return Table(f"{name}: loss a step", ("step", *first), [*rows, mean])


def verdict(cells: Sequence[Cell], work: Workload) -> list[str]:
    """The comparison in sentences."""
    speed, found = speeds(cells, work), by_contender(cells)
    peers = [name for name in speed if name != OURS]
    said = []
    if OURS in speed and peers:
        best = max(peers, key=speed.__getitem__)
        above, peak = (
            statistics.median(map(held, found[OURS])) / statistics.median(map(held, found[best]))
            for held in (above_needed, peak_memory)
        )
        said.append(
            f"Ours has {speed[OURS] / speed[best]:.2f} times the tokens/s of the best peer "
            f"({best}), in {above:.2f} times its memory above what any trainer needs ({peak:.2f} "
            "times its peak)."
        )
        said += [_difference(found[OURS][0], found[name][0]) for name in peers]
    if OURS in found:
        said.append(_arithmetic(found[OURS], work))
    if repeated := [same for same in found.values() if len(same) > 1]:
        spread = max(
            abs(again - first)
            for same in repeated
            for cell in same[1:]
            for again, first in zip(cell["losses"], same[0]["losses"], strict=True)
        )
        said.append(f"A step's loss differs by at most {spread:.1g} between rounds.")
    return said


def _difference(ours: Cell, peer: Cell) -> str:
    """How far the losses are apart, in steps that had the same samples, and on other rows."""
    pairs = zip(ours["rows"], peer["rows"], ours["losses"], peer["losses"], strict=True)
    apart = [abs(a - b) for our_rows, rows, a, b in pairs if our_rows == rows]
    held_out = abs(ours["held_out_loss"] - peer["held_out_loss"])
    same = f"at most {max(apart):.1g} apart" if apart else "not compared"
    return (
        f"Loss against {peer['contender']}: {same} in the {len(apart)} of {len(ours['rows'])} "
        f"steps that have the same samples, {held_out:.1g} apart on held-out rows at the end."
    )


def _arithmetic(cells: Sequence[Cell], work: Workload) -> str:
    """How much was computed, how fast, and how fast it could be."""
    first = cells[0]
    tokens, seconds = first["computed"]["tokens"], statistics.median(c["seconds"] for c in cells)
    return (
        f"Ours computed {tokens} of {work.tokens} tokens ({work.tokens / tokens:.2f} logical ones "
        f"for each) in {first['computed']['packs']} packs: {first['flops'] / 1e9:.0f} GFLOP at "
        f"{first['flops'] / seconds / 1e9:.0f} GFLOP/s, "
        f"{100 * statistics.median(map(arithmetic, cells)):.0f} % of the rate of the same matrix "
        f"products alone ({first['flops'] / first['seconds_at_peak'] / 1e9:.0f} GFLOP/s)."
    )


def summary(works: Mapping[str, tuple[Work, Workload, Sequence[Cell]]]) -> Table:
    """One line a work: ours, the fastest peer, and what was asked for."""
    rows = []
    for name, (work, workload, cells) in works.items():
        speed, found = speeds(cells, workload), by_contender(cells)
        peers = [peer for peer in speed if peer != OURS]
        best = max(peers, key=speed.__getitem__, default=None)
        ours = found.get(OURS)
        row = [name, f"{len(workload.rows)} in {len(workload.order)}"]
        row.append(f"{speed[OURS]:.0f} ({len(ours)})" if ours else "")
        row.append(f"{best} {speed[best]:.0f} ({len(found[best])})" if best else "")
        row.append(f"{speed[OURS] / speed[best]:.2f}" if ours and best else "")
        row.append(f"{work.least:g} / {work.hoped:g}")
        row.append(
            f"{_median(above_needed, ours) / _median(above_needed, found[best]):.2f}"
            if ours and best
            else ""
        )
        row.append(f"{100 * _median(arithmetic, ours):.0f}" if ours else "")
        rows.append(row)
    return Table(
        "Summary: median tokens/s (rounds)",
        (
            "work",
            "rows in steps",
            "ours",
            "best peer",
            "×",
            "asked / hoped ×",
            f"memory above needed, × ({HALF:g} / {THIRD:g})",
            "% of matmul peak (80 / 90)",
        ),
        rows,
    )


def _median(figure: Callable[[Cell], float], cells: Sequence[Cell]) -> float:
    return statistics.median(map(figure, cells))


def machine(*works: tuple[Path, Workload]) -> str:
    """Where and with what it was measured; the rows that were too long, of all works."""
    (folder, work), *_ = works
    found = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    names = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    cpu, commit = found["cpu"], found["commits"]["tutelage"]
    sets = [flag for flag in cpu["flags"] if flag in ("avx2", "avx512f", "amx_bf16")]
    too_long = sum(work.too_long for _, work in works)
    return (
        f"{found['date'][:10]}, {cpu['model']} ({', '.join(sets)}; {cpu['cores']} cores), "
        f"{work.settings.threads} threads, float32, Python {found['python']}, {versions}, "
        f"Tutelage {commit or version('tutelage')}; {too_long} rows of more than {LONGEST} tokens "
        "passed over"
    )
