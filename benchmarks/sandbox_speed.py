"""Programs a second through the sandbox, beside the same programs in bare interpreters.

The bare way is the usual one without isolation: a new interpreter for the program with its tests.

    python benchmarks/sandbox_speed.py
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tutelage.metrics.code import CodeTask, humaneval_task, program_of
from tutelage.sandbox import Trial, judge_all

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "shared" / "data"))


def main() -> None:
    """Measure, and print a table."""
    with gzip.open(DATA / "humaneval" / "HumanEval.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    tasks = [humaneval_task(row["prompt"], row["test"], row["entry_point"]) for row in rows]
    programs = [
        program_of(row["canonical_solution"], task) for row, task in zip(rows, tasks, strict=True)
    ]
    trials = [
        Trial(program, task.tests, task.names, task.prompt)
        for program, task in zip(programs, tasks, strict=True)
    ]
    print(f"load {os.getloadavg()[0]:.1f}; {len(trials)} programs")
    for workers in (1, 2, 4):
        began = time.perf_counter()
        passed = sum(verdict.passed for verdict in judge_all(trials, workers=workers))
        seconds = time.perf_counter() - began
        print(f"sandboxes {workers}: {passed} passed, {len(trials) / seconds:.1f} a second")
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        passed = sum(pool.map(_bare, programs, tasks))
    seconds = time.perf_counter() - began
    print(f"bare interpreters, 2: {passed} passed, {len(trials) / seconds:.1f} a second")


def _bare(program: str, task: CodeTask) -> bool:
    command = [sys.executable, "-s", "-S", "-P", "-c", f"{program}\n{task.tests}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
