"""How fast does tuning go, and in how much memory? Tutelage against TRL's SFTTrainer.

    python benchmarks/tuning_speed.py [--rows 128] [--rounds 3] [--threads 2] [--only NAME …]

SmolLM2-135M (or the model in TUTELAGE_MODEL), LoRA of rank 16 on all linear layers, 8 rows of
alpaca_12k (in TUTELAGE_DATA, by default ../shared/data) an optimizer step, float32. All train the
same tokens from the same weights with the same AdamW, and the same work is checked afterwards:
steps, samples and supervised tokens. See `tuning/` for each contender.

Each cell (a contender in a round) is a process of its own; the clock runs from its training
loop's beginning to the end of its last step, after two steps of warm-up. Contenders take turns.
Finished cells are kept in --folder: a benchmark that was cut off goes on where it stood.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from tuning import tables
from tuning.workload import Settings, Workload, prepare

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TUTELAGE_DATA", HERE.parent / "../shared/data"))
MODEL = os.environ.get("TUTELAGE_MODEL", "smollm2-135m-instruct")
CONTENDERS = ("ours", "trl-default", "trl-tuned", "trl-flat", "trl-packed")
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")


def run_cell(name: str, folder: Path) -> None:
    """In a process of its own: one contender, or the preparation."""
    if name == "prepare":
        prepare(Settings(**read_state(folder)["settings"]), folder)
        return
    work = Workload.read(folder)
    if name == tables.OURS:
        from tuning.ours import tune

        report = tune(work, folder)
    else:
        from tuning.trl import tune as tune_trl

        report = tune_trl(work, folder, name)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def start_cell(name: str, folder: Path, threads: int) -> None:
    """Run a cell in a new process; what it says goes into a log."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "GOMP_SPINCOUNT": "1000",  # Tutelage's own setting; all get it
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    log = folder / f"{name}.log"
    command = [sys.executable, __file__, "--cell", name, "--folder", str(folder)]
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise SystemExit(f"{tail}\n{name} failed; see {log}")


def code(*folders: Path) -> str:
    """SHA-256 of all source in some folders."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def code_of(name: str) -> str:
    """What a contender runs: our source as it is now; a peer's is known by its version."""
    if name != tables.OURS:
        return ""
    source = importlib.util.find_spec("tutelage")
    assert source is not None and source.origin is not None
    return code(*(Path(source.origin).parent / room for room in ("train", "model", "prompt")))


def state_of(settings: Settings) -> dict[str, Any]:
    """All that decides what every cell measures; cells of another state are not mixed in."""
    versions = {name: version(name) for name in PACKAGES}
    return {"settings": asdict(settings), "versions": versions, "benchmark": code(HERE / "tuning")}


def read_state(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return state


def open_folder(folder: Path, settings: Settings, *, fresh: bool) -> Workload:
    """Go on in the benchmark's folder, or begin it.

    Raises:
        SystemExit: it holds cells of other settings, versions or benchmark.
    """
    state = state_of(settings)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    if not (folder / "workload.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        start_cell("prepare", folder, settings.threads)
    found = read_state(folder)
    if changed := [key for key in state if found[key] != state[key]]:
        raise SystemExit(f"{folder} has cells of another {', '.join(changed)}; begin with --fresh")
    return Workload.read(folder)


def turns(contenders: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Rounds and contenders; each round begins with another one."""
    for turn in range(rounds):
        shift = turn % len(contenders)
        for name in (*contenders[shift:], *contenders[:shift]):
            yield turn, name


def finished(folder: Path) -> list[dict[str, Any]]:
    """The cells done so far, less those of our source before it was changed."""
    path = folder / "cells.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [cell for cell in map(json.loads, lines) if cell["code"] == code_of(cell["contender"])]


def keep(cells: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write the finished cells, all or as before."""
    unfinished = folder / "cells.unfinished"
    unfinished.write_text("".join(json.dumps(cell) + "\n" for cell in cells), encoding="utf-8")
    unfinished.replace(folder / "cells.jsonl")


def measure(arguments: argparse.Namespace, work: Workload, console: Console) -> None:
    """Run the cells that are missing, as long as there is time."""
    folder = arguments.folder
    for turn, name in turns(arguments.only, arguments.rounds):
        cells = finished(folder)
        if any((cell["round"], cell["contender"]) == (turn, name) for cell in cells):
            continue
        spent = sum(cell["wall"] for cell in cells)
        alike = [cell["wall"] for cell in cells if cell["contender"] == name]
        if spent + max(alike, default=0.0) > arguments.minutes * 60:
            console.print(f"Stopped before {name} of round {turn + 1}: the time is up.")
            return
        started, source = time.perf_counter(), code_of(name)
        start_cell(name, folder, arguments.threads)
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        wall = time.perf_counter() - started
        cell = {"contender": name, "round": turn, "code": source, "wall": wall, **report}
        tables.check(cell, work)
        keep([*cells, cell], folder)
        console.print(
            f"round {turn + 1}  {name:12} {work.tokens / cell['seconds']:6.1f} tokens/s  "
            f"{tables.above_loaded(cell):6.2f} GB above loaded  "
            f"{cell['cpu_seconds'] / cell['seconds']:.2f} threads busy (load before: "
            f"{cell['load_average']:.1f})  {(spent + wall) / 60:5.1f} min in all"
        )


def show(arguments: argparse.Namespace, work: Workload, console: Console) -> None:
    """The tables, on the screen and as Markdown."""
    cells = [cell for cell in finished(arguments.folder) if cell["contender"] in arguments.only]
    if missing := set(arguments.only) - {cell["contender"] for cell in cells}:
        why = "not run yet, or its source has changed since: run again to complete"
        console.print(f"No cell of {', '.join(sorted(missing))} ({why}).")
    if not cells:
        return
    cells.sort(key=lambda cell: (arguments.only.index(cell["contender"]), cell["round"]))
    where = tables.machine(arguments.folder, work)
    said = tables.verdict(cells, work)
    shown = [tables.speed_table(cells, work), tables.loss_table(cells)]
    for table in shown:
        rich = RichTable(title=table.title)
        for at, heading in enumerate(table.headings):
            rich.add_column(heading, justify="right" if at else "left")
        for row in table.rows:
            rich.add_row(*row)
        console.print(rich)
    console.print("\n".join([*said, where]))
    if arguments.markdown:
        parts = [f"{where}.", *(f"{t.title}:\n\n{t.markdown()}" for t in shown)]
        parts.append("\n".join(f"- {sentence}" for sentence in said))
        arguments.markdown.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of tuning, against TRL.")
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60, help="begin no cell beyond these")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--folder", type=Path, default=HERE.parent / "runs/benchmarks/tuning")
    parser.add_argument("--fresh", action="store_true", help="forget the finished cells")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        run_cell(arguments.cell, arguments.folder)
        return
    settings = Settings(
        data=str((DATA / "alpaca_12k.json").resolve()),
        base=MODEL,
        rows=arguments.rows,
        batch_size=8,
        rank=16,
        alpha=32.0,
        threads=arguments.threads,
        seed=0,
    )
    console = Console(width=max(120, Console().width))
    work = open_folder(arguments.folder, settings, fresh=arguments.fresh)
    measure(arguments, work, console)
    show(arguments, work, console)


if __name__ == "__main__":
    main()
