"""Cells: one contender on one work, once, in a process of its own; kept as soon as it is done.

A work's folder holds its rows, the first matrices, and a line for every finished cell. A cell
counts only as long as what it ran is what would run now: our source, this benchmark's part in it,
and the versions of everything. So a benchmark that was cut off goes on where it stood, and after a
change of ours only our cells are measured again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuning.workload import Settings, Workload, prepare
from tuning.works import CONTENDERS, OURS
from tutelage.waiting import turns

HERE = Path(__file__).parent
PROGRAM = HERE.parent / "tuning_speed.py"
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")

LLAMA_FACTORY = "TUTELAGE_LLAMA_FACTORY"
"""Variable that names the Python of an environment with LLaMA-Factory: its pins need their own."""

_ROOMS = ("train", "model", "prompt", "ranks.py")
"""Of our source, what a training step runs."""
_SHARED = ("workload.py", "watch.py", "natural_instructions.py")
_PARTS = {OURS: ("ours.py", "flops.py", "matmul_peak.py"), "llama-factory": ("llama_factory.py",)}

Cell = dict[str, Any]


def run(name: str, folder: Path) -> None:
    """In a process of its own: one contender, or the preparation."""
    if name == "prepare":
        prepare(Settings(**_state(folder)["settings"]), folder)
        return
    work = Workload.read(folder)
    if name == OURS:
        from tuning.ours import tune

        report = tune(work, folder)
    elif name == "llama-factory":
        from tuning.llama_factory import tune as tune_llama_factory

        report = tune_llama_factory(work, folder)
    else:
        from tuning.trl import tune as tune_trl

        report = tune_trl(work, folder, name)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def surroundings(contender: str, threads: int) -> dict[str, str]:
    """Environment variables of a cell's process."""
    found = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "GOMP_SPINCOUNT": str(turns()),  # Tutelage's own setting; all get it
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if contender == OURS:  # set by `import tutelage`, too late here: torch has been loaded by then
        found.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    return found


class WorkFolder:
    """What is known of one work.

    Args:
        path: the folder, made if need be.
        settings: of the work.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.settings = settings
        self._state = {
            "settings": asdict(settings),
            "versions": {name: version(name) for name in PACKAGES},
            "workload": _digest([HERE / name for name in _SHARED]),
        }

    @property
    def prepared(self) -> bool:
        """Whether the rows are there, and are those that would be chosen now."""
        return (self.path / "workload.json").exists() and _state(self.path) == self._state

    def workload(self) -> Workload:
        """The work; prepared if it was not, which forgets the cells of another."""
        if not self.prepared:
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
            (self.path / "state.json").write_text(json.dumps(self._state), encoding="utf-8")
            self._start("prepare")
        return Workload.read(self.path)

    def finished(self) -> list[Cell]:
        """The cells done so far that count."""
        path = self.path / "cells.jsonl"
        if not (self.prepared and path.exists()):
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        return [cell for cell in map(json.loads, lines) if cell["code"] == code(cell["contender"])]

    def measure(self, contender: str, turn: int) -> Cell:
        """Run a cell.

        Raises:
            CellError: it did; its log is named.
        """
        started, now = time.perf_counter(), code(contender)
        self._start(contender)
        report = json.loads((self.path / "report.json").read_text(encoding="utf-8"))
        wall = time.perf_counter() - started
        return {"contender": contender, "round": turn, "code": now, "wall": wall, **report}

    def keep(self, cell: Cell) -> None:
        """Add a finished cell; those that no longer count go."""
        unfinished = self.path / "cells.unfinished"
        lines = (json.dumps(one) + "\n" for one in [*self.finished(), cell])
        unfinished.write_text("".join(lines), encoding="utf-8")
        unfinished.replace(self.path / "cells.jsonl")

    def _start(self, name: str) -> None:
        """Run a cell in a new process; what it says goes into a log."""
        environment = surroundings(name, self.settings.threads)
        python = os.environ[LLAMA_FACTORY] if name == "llama-factory" else sys.executable
        log = self.path / f"{name}.log"
        (self.path / "report.json").unlink(missing_ok=True)
        command = [python, str(PROGRAM), "--cell", name, "--folder", str(self.path)]
        with log.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise CellError(f"{tail}\n{name} ended with {done.returncode}; see {log}")


class CellError(Exception):
    """A cell's process did not end well: its last words, and where its log is."""


def _state(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return state


def code(contender: str) -> str:
    """SHA-256 of what a cell runs and that has no version: ours, and the benchmark's own part."""
    files = [HERE / name for name in _PARTS.get(contender, ("trl.py",))]
    if contender == OURS:
        source = importlib.util.find_spec("tutelage")
        assert source is not None and source.origin is not None
        rooms = [Path(source.origin).parent / room for room in _ROOMS]
        files += [path for room in rooms for path in (room, *sorted(room.rglob("*.py")))]
    return _digest(files)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def installed() -> list[str]:
    """Contenders that can run here: LLaMA-Factory only where its environment is named."""
    return [name for name in CONTENDERS if name != "llama-factory" or LLAMA_FACTORY in os.environ]
