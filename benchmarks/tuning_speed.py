"""How fast does tuning go, and in how much memory? Tutelage against TRL's SFTTrainer.

    python benchmarks/tuning_speed.py [--works alpaca ni8 …] [--quick] [--minutes 45] [--only …]

SmolLM2-135M (or the model in TUTELAGE_MODEL) on data in TUTELAGE_DATA (by default ../shared/data),
float32. The works (`tuning/works.py`): alpaca_12k in steps of 8, Natural Instructions with
definition and two examples in steps of 64 (8 tasks) and 128 (all), with LoRA of rank 16 on all
linear layers; the first two with full fine-tuning as well. On each, all contenders train the same
tokens from the same weights with the same AdamW, and what they did is checked afterwards: steps,
samples and supervised tokens. See `tuning/` for each contender.

Each cell (a contender on a work) is a process of its own; the clock runs from its training loop's
beginning to the end of its last step, after a step to warm up. Every cell of a peer has one of ours
beside it. The most important cells come first, until --minutes are up; finished ones are kept in
--folder, so that the next call goes on where this one stood.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tuning import cells, tables
from tuning.workload import Workload
from tuning.works import CONTENDERS, OURS, WORKS

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TUTELAGE_DATA", HERE.parent / "../shared/data"))
MODEL = os.environ.get("TUTELAGE_MODEL", "smollm2-135m-instruct")

AROUND = 40.0
"""Seconds of a cell outside its clock: imports, loading, warm-up, loss on held-out rows."""


class Planned(NamedTuple):
    """A cell to run."""

    work: str
    contender: str
    turn: int


def plan(works: Sequence[str], only: Sequence[str], rounds: int, most: int) -> Iterator[Planned]:
    """Cells in order of importance: each work with its first peer, then with its second, and so on.

    Ours runs beside every cell of a peer, by turns before and after it.

    Args:
        works: the most important first.
        only: contenders to run.
        rounds: how often each peer runs.
        most: of each work's peers that run.
    """
    for turn in range(rounds):
        for place in range(most):
            for work in works:
                peers = [peer for peer in WORKS[work].peers if peer in only][:most]
                at = turn * len(peers or [OURS]) + place
                ours = [Planned(work, OURS, at)] if OURS in only else []
                if place < len(peers):
                    pair = [*ours, Planned(work, peers[place], turn)]
                    yield from pair if at % 2 == 0 else reversed(pair)
                elif place == 0:
                    yield from ours


def estimate(cell: Planned, work: Workload, done: Sequence[cells.Cell]) -> float:
    """Seconds that a cell will take: as its like did, or by the speeds we know."""
    alike = [one["wall"] for one in done if one["contender"] == cell.contender]
    ours, peer = WORKS[cell.work].speeds
    return max(alike, default=AROUND + work.tokens / (ours if cell.contender == OURS else peer))


def missing(
    planned: Sequence[Planned], folders: Mapping[str, cells.WorkFolder]
) -> list[tuple[Planned, float]]:
    """Cells that are not done, and the seconds each will take."""
    done = {name: folder.finished() for name, folder in folders.items()}
    known = {(name, one["contender"], one["round"]) for name in done for one in done[name]}
    return [
        (cell, estimate(cell, folders[cell.work].workload(), done[cell.work]))
        for cell in planned
        if cell not in known
    ]


def measure(
    planned: Sequence[Planned],
    folders: Mapping[str, cells.WorkFolder],
    minutes: float,
    console: Console,
) -> bool:
    """Run the cells that are missing, as long as there is time; whether all that ran did well."""
    started = time.perf_counter()
    todo = missing(planned, folders)
    whole = sum(seconds for _, seconds in todo) / 60
    console.print(f"{len(todo)} cells to run, about {whole:.0f} min; {minutes:.0f} min are given.")
    failed = False
    for cell, seconds in todo:
        if time.perf_counter() - started + seconds > minutes * 60:
            console.print(f"Passed over {cell.contender} on {cell.work}: {seconds / 60:.0f} min.")
            continue
        folder = folders[cell.work]
        work = folder.workload()
        try:
            found = folder.measure(cell.contender, cell.turn)
            tables.check(found, work)
        except (cells.CellError, ValueError) as error:
            console.print(f"{cell.contender} on {cell.work}: {error}", markup=False)
            failed = True
            continue
        folder.keep(found)
        console.print(
            f"{cell.work:12}{cell.contender:13} {work.tokens / found['seconds']:6.1f} tokens/s  "
            f"{tables.above_needed(found):6.2f} GB above needed  "
            f"{found['cpu_seconds'] / found['seconds']:.2f} threads busy (load before: "
            f"{found['load_average']:.1f})  {(time.perf_counter() - started) / 60:5.1f} min in all"
        )
    return not failed


def show(folders: Mapping[str, cells.WorkFolder], markdown: Path | None, console: Console) -> None:
    """The tables, on the screen and as Markdown."""
    done = {
        name: (WORKS[name], folder.workload(), _sorted(folder.finished()))
        for name, folder in folders.items()
        if folder.finished()
    }
    if not done:
        console.print("No cell is finished.")
        return
    parts = []
    for name, (_, work, found) in done.items():
        for table in (tables.loss_table(name, found), tables.speed_table(name, found, work)):
            console.print(tables.rich(table))
            parts.append(f"{table.title}:\n\n{table.markdown()}")
        said = tables.verdict(found, work)
        console.print("\n".join(said))
        parts.append("\n".join(f"- {sentence}" for sentence in said))
    where = tables.machine(*((folders[name].path, work) for name, (_, work, _) in done.items()))
    whole = tables.summary(done)
    console.print(tables.rich(whole), where)
    if markdown:
        parts = [f"{where}.", f"{whole.title}:\n\n{whole.markdown()}", *parts]
        markdown.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _sorted(found: Sequence[cells.Cell]) -> list[cells.Cell]:
    return sorted(found, key=lambda cell: (CONTENDERS.index(cell["contender"]), cell["round"]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of tuning, against TRL.")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, help="contenders to run")
    parser.add_argument("--quick", action="store_true", help="fewer steps, two peers a work")
    parser.add_argument("--steps", type=int, help="of every work, to try it out")
    parser.add_argument("--rounds", type=int, default=1, help="cells of each peer")
    parser.add_argument("--minutes", type=float, default=90, help="end no cell beyond these")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=HERE.parent / "runs/benchmarks/tuning")
    parser.add_argument("--fresh", action="store_true", help="forget the finished cells")
    parser.add_argument("--prepare", action="store_true", help="only choose the rows")
    parser.add_argument("--show", action="store_true", help="only show the finished cells")
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        cells.run(arguments.cell, arguments.folder)
        return
    console = Console(width=max(130, Console().width), highlight=False)
    size = f"{arguments.steps}-steps" if arguments.steps else "quick" if arguments.quick else "full"
    folder = arguments.folder / size
    if arguments.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folders = {
        name: cells.WorkFolder(
            folder / name,
            WORKS[name].settings(
                DATA,
                MODEL,
                arguments.threads,
                arguments.steps or (WORKS[name].quick if arguments.quick else WORKS[name].steps),
            ),
        )
        for name in arguments.works
    }
    only = arguments.only or cells.installed()
    peers = 2 if arguments.quick and not arguments.only else len(CONTENDERS)
    well = True
    if not arguments.show:
        try:
            for one in folders.values():
                one.workload()
        except cells.CellError as error:
            raise SystemExit(str(error)) from None
        if not arguments.prepare:
            planned = list(plan(arguments.works, only, arguments.rounds, peers))
            well = measure(planned, folders, arguments.minutes, console)
    if not arguments.prepare:
        show(folders, arguments.markdown, console)
    raise SystemExit(not well)


if __name__ == "__main__":
    main()
