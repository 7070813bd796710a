"""Finished cells as tables: speed and memory, the losses step by step, and the machine."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from tuning.workload import Workload

OURS = "ours"
GB = 1e9

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


def check(cell: Cell, work: Workload) -> None:
    """Stop if a cell did other work than was asked: steps, samples and supervised tokens.

    Raises:
        SystemExit: it did.
    """
    trained = sorted(row for step in cell["rows"] for row in step)
    supervised = [sum(work.rows[row].supervised for row in step) for step in cell["rows"]]
    if (
        len(cell["rows"]) != len(work.order)
        or trained != list(range(len(work.rows)))
        or cell["supervised"] != supervised
        or not all(map(math.isfinite, cell["losses"]))
    ):
        raise SystemExit(
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


def above_loaded(cell: Cell) -> float:
    """Peak memory beyond what the process held when the model was loaded, in GB."""
    return float(cell["peak_bytes"] - cell["loaded_bytes"]) / GB


def speeds(cells: Sequence[Cell], work: Workload) -> dict[str, float]:
    """Median tokens a second of each contender."""
    return {
        name: work.tokens / statistics.median(cell["seconds"] for cell in found)
        for name, found in by_contender(cells).items()
    }


def speed_table(cells: Sequence[Cell], work: Workload) -> Table:
    """Speed, memory and what was learned; medians over the rounds."""
    speed = speeds(cells, work)
    best = max((speed[name] for name in speed if name != OURS), default=math.nan)
    rows = []
    for name, found in by_contender(cells).items():
        each = sorted(work.tokens / cell["seconds"] for cell in found)
        busy = statistics.median(cell["cpu_seconds"] / cell["seconds"] for cell in found)
        rows.append(
            (
                name,
                f"{speed[name]:.0f}",
                f"{each[0]:.0f}–{each[-1]:.0f} ({len(each)})",
                f"{speed[name] / best:.2f}",
                f"{statistics.median(map(above_loaded, found)):.2f}",
                f"{statistics.median(map(peak_memory, found)):.2f}",
                f"{busy:.2f}",
                f"{found[0]['held_out_loss']:.4f}",
            )
        )
    return Table(
        f"{len(work.rows)} rows, {work.tokens} tokens ({work.supervised} supervised), "
        f"{len(work.order)} steps for everyone",
        (
            "contender",
            "tokens/s",
            "range (rounds)",
            "× best peer",
            "memory above loaded, GB",
            "peak, GB",
            "busy threads",
            "held-out loss",
        ),
        rows,
    )


def loss_table(cells: Sequence[Cell]) -> Table:
    """Mean loss a supervised token of every step; first round."""
    first = {name: found[0] for name, found in by_contender(cells).items()}
    steps = max(len(cell["losses"]) for cell in first.values())
    rows = [
        (str(step + 1), *(f"{cell['losses'][step]:.4f}" for cell in first.values()))
        for step in range(steps)
    ]
    mean = ("mean", *(f"{statistics.mean(cell['losses']):.4f}" for cell in first.values()))
    return Table("Loss a step", ("step", *first), [*rows, mean])


def verdict(cells: Sequence[Cell], work: Workload) -> list[str]:
    """The comparison in sentences."""
    speed, found = speeds(cells, work), by_contender(cells)
    peers = [name for name in speed if name != OURS]
    said = []
    if OURS in speed and peers:
        best = max(peers, key=speed.__getitem__)
        above, peak = (
            statistics.median(map(held, found[OURS])) / statistics.median(map(held, found[best]))
            for held in (above_loaded, peak_memory)
        )
        said.append(
            f"Ours has {speed[OURS] / speed[best]:.2f} times the tokens/s of the best peer "
            f"({best}), in {above:.2f} times its memory above the loaded model ({peak:.2f} times "
            "its peak)."
        )
        said += [_difference(found[OURS][0], found[name][0]) for name in peers]
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


def machine(folder: Path, work: Workload) -> str:
    """Where and with what it was measured."""
    found = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    names = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    cpu, commit = found["cpu"], found["commits"]["tutelage"]
    sets = [flag for flag in cpu["flags"] if flag in ("avx2", "avx512f", "amx_bf16")]
    return (
        f"{found['date'][:10]}, {cpu['model']} ({', '.join(sets)}; {cpu['cores']} cores), "
        f"{work.settings.threads} threads, float32, Python {found['python']}, {versions}, "
        f"Tutelage {commit or version('tutelage')}"
    )
