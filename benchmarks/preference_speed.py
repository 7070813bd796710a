"""How fast does DPO go, and in how much memory? Tutelage against TRL's DPOTrainer.

    python benchmarks/preference_speed.py [--works hh demo] [--steps 6] [--rounds 1] [--only NAME …]

SmolLM2-135M (or the model in TUTELAGE_MODEL), LoRA of rank 16 on all linear layers, float32, 8
pairs an optimizer step, on the preference pairs of hh_rlhf and of `formats/dpo_en_demo.json` (in
TUTELAGE_DATA, by default ../shared/data). All compare the same tokens in the same steps from the
same weights with the same AdamW, and what they did is checked afterwards: the pairs and response
tokens of every step, and that the losses agree to within `AGREE`. See `preferences/`.

Each cell (a contender on a work) is a process of its own; the clock holds the reference model's
log-probabilities and every step, and starts after a warm-up. Contenders take turns. Finished cells
are kept in --folder until our source, the benchmark or a library changes: a benchmark that was cut
off goes on where it stood.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from preferences.workload import Pairs, prepare
from tuning.cells import surroundings
from tuning.tables import Table, above_needed, by_contender, peak_memory, rich
from tuning.workload import Settings
from tuning.works import ALPHA, OURS, RANK, SEED

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TUTELAGE_DATA", HERE.parent / "../shared/data"))
MODEL = os.environ.get("TUTELAGE_MODEL", "smollm2-135m-instruct")
WORKS = {"hh": "hh_rlhf/harmless_test.jsonl.gz", "demo": "formats/dpo_en_demo.json"}
CONTENDERS = (OURS, "trl-tuned", "trl-single", "trl-default")
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
PARTS = ("preferences", "tuning/workload.py", "tuning/watch.py")
ROOMS = ("train", "model", "prompt")

LEARNING_RATE = 1e-4
"""Twenty times what DPO is used with, so that a few steps show whether the gradients agree."""

AGREE = 1e-3
"""How far a step's loss may be from ours, in nats: float32 sums of some hundred log-probabilities,
and what a few steps make of the difference."""


class Cell(NamedTuple):
    """A contender on a work, once."""

    work: str
    contender: str
    turn: int


def run_cell(name: str, folder: Path) -> None:
    """In a process of its own: one contender, or the preparation."""
    if name == "prepare":
        prepare(Settings(**_state(folder)["settings"]), folder)
        return
    work = Pairs.read(folder)
    if name == OURS:
        from preferences.ours import tune

        report = tune(work, folder)
    else:
        from preferences.trl import tune as tune_trl

        report = tune_trl(work, folder, name)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def start(name: str, folder: Path, threads: int) -> None:
    """Run a cell in a new process; what it says goes into a log.

    Raises:
        SystemExit: it did not end well.
    """
    environment = surroundings(name, threads)
    log = folder / f"{name}.log"
    command = [sys.executable, __file__, "--cell", name, "--folder", str(folder)]
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise SystemExit(f"{tail}\n{name} failed; see {log}")


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def code(contender: str) -> str:
    """What a contender runs: our source as it is now; a peer's is known by its version."""
    if contender != OURS:
        return ""
    source = importlib.util.find_spec("tutelage")
    assert source is not None and source.origin is not None
    return _digest([Path(source.origin).parent / room for room in ROOMS])


def _state(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return state


def open_work(folder: Path, settings: Settings) -> Pairs:
    """The work's pairs; chosen anew where anything that decides the cells has changed."""
    state = {
        "settings": asdict(settings),
        "versions": {name: version(name) for name in PACKAGES},
        "benchmark": _digest([HERE / part for part in PARTS]),
    }
    if not (folder / "workload.json").exists() or _state(folder) != state:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        start("prepare", folder, settings.threads)
    return Pairs.read(folder)


def finished(folder: Path) -> list[dict[str, Any]]:
    """The cells done so far, less those of our source before it was changed."""
    path = folder / "cells.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [cell for cell in map(json.loads, lines) if cell["code"] == code(cell["contender"])]


def keep(folder: Path, cells: Sequence[dict[str, Any]]) -> None:
    """Write the finished cells, all or as before."""
    unfinished = folder / "cells.unfinished"
    unfinished.write_text("".join(json.dumps(cell) + "\n" for cell in cells), encoding="utf-8")
    unfinished.replace(folder / "cells.jsonl")


def plan(works: Sequence[str], only: Sequence[str], rounds: int) -> Iterator[Cell]:
    """Cells in turn; each round begins with another contender."""
    for turn in range(rounds):
        for work in works:
            shift = turn % len(only)
            for contender in (*only[shift:], *only[:shift]):
                yield Cell(work, contender, turn)


def check(cell: dict[str, Any], work: Pairs, others: Sequence[dict[str, Any]]) -> None:
    """Refuse a cell that did other work than was asked, or whose losses are not everyone's.

    Raises:
        SystemExit: it did, or they are not.
    """
    order = [sorted(step) for step in work.order]
    compared = [sum(work.pairs[at].compared for at in step) for step in order]
    if cell["rows"] != order or cell["supervised"] != compared:
        raise SystemExit(f"{cell['contender']} compared other pairs or tokens than was asked")
    for other in others:
        pairs = zip(cell["losses"], other["losses"], strict=True)
        if (apart := max(abs(a - b) for a, b in pairs)) > AGREE:
            names = f"{cell['contender']} and {other['contender']}"
            raise SystemExit(f"the losses of {names} are {apart:.2g} nats apart")


def tables(name: str, cells: Sequence[dict[str, Any]], work: Pairs) -> list[Table]:
    """Speed and memory of a work's contenders, and their losses; medians over the rounds."""
    found = by_contender(cells)
    speed = {
        contender: work.tokens / statistics.median(cell["seconds"] for cell in some)
        for contender, some in found.items()
    }
    best = max((speed[peer] for peer in speed if peer != OURS), default=float("nan"))
    rows = [
        (
            contender,
            f"{speed[contender]:.0f} ({len(some)})",
            f"{speed[contender] / best:.2f}",
            f"{statistics.median(map(above_needed, some)):.2f}",
            f"{statistics.median(map(peak_memory, some)):.2f}",
            f"{statistics.median(cell['cpu_seconds'] / cell['seconds'] for cell in some):.2f}",
            f"{max(cell['load_average'] for cell in some):.1f}",
        )
        for contender, some in found.items()
    ]
    title = (
        f"{name}: {len(work.pairs)} pairs in {len(work.order)} steps, {work.tokens} tokens "
        f"({sum(pair.compared for pair in work.pairs)} of responses)"
    )
    headings = (
        "contender",
        "tokens/s (rounds)",
        "× best peer",
        "memory above needed, GB",
        "peak, GB",
        "busy threads",
        "load before",
    )
    losses = [
        (str(step + 1), *(f"{some[0]['losses'][step]:.5f}" for some in found.values()))
        for step in range(len(work.order))
    ]
    return [
        Table(title, headings, rows),
        Table(f"{name}: loss a pair, step by step", ("step", *found), losses),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of DPO, against TRL.")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=HERE.parent / "runs/benchmarks/preferences")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        run_cell(arguments.cell, arguments.folder)
        return
    console = Console(width=max(120, Console().width), highlight=False)
    folders = {name: arguments.folder / f"{name}-{arguments.steps}" for name in arguments.works}
    works = {
        name: open_work(
            folder,
            Settings(
                data=str((DATA / WORKS[name]).resolve()),
                tasks=None,
                base=MODEL,
                method="lora",
                learning_rate=LEARNING_RATE,
                rows=8 * arguments.steps,
                batch_size=8,
                rank=RANK,
                alpha=ALPHA,
                threads=arguments.threads,
                seed=SEED,
            ),
        )
        for name, folder in folders.items()
    }
    for cell in plan(arguments.works, arguments.only, arguments.rounds):
        folder, work = folders[cell.work], works[cell.work]
        done = finished(folder)
        if any((one["contender"], one["round"]) == cell[1:] for one in done):
            continue
        source = code(cell.contender)
        start(cell.contender, folder, arguments.threads)
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        one = {"contender": cell.contender, "round": cell.turn, "code": source, **report}
        check(one, work, done)
        keep(folder, [*done, one])
        console.print(
            f"{cell.work:6}{cell.contender:12} {work.tokens / one['seconds']:6.1f} tokens/s  "
            f"{above_needed(one):5.2f} GB above needed  (load before: {one['load_average']:.1f})"
        )
    shown = [
        table
        for name in arguments.works
        for table in tables(name, finished(folders[name]), works[name])
    ]
    for table in shown:
        console.print(rich(table))
    if arguments.markdown:
        parts = [f"{table.title}:\n\n{table.markdown()}" for table in shown]
        arguments.markdown.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
