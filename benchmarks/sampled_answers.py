"""Several sampled answers of one tuned model to each test item of a run, for statistics_truth.py.

    python benchmarks/sampled_answers.py RUN --out answers.jsonl [--answers 6] [--temperature 1]

Rows are {"task", "references", "answers"}. Every set of answers has a seed of its own.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import polars as pl

from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.workbench import from_run
from tutelage.recipe import load
from tutelage.rundir import RunFolder


def sampled(
    run: RunFolder, count: int, temperature: float, longest: int, every: int
) -> list[dict[str, object]]:
    """A row for each item that the run asked."""
    bench = from_run(run, load(run.recipe).resolved())
    items = pl.read_parquet(run.tuned_predictions).gather_every(every)
    requests = [
        Request(tuple(ids), longest, key=key)
        for key, ids in enumerate(items["prompt_ids"].to_list())
    ]
    sets = []
    for seed in range(count):
        options = DecodeOptions(max_new_tokens=longest, temperature=temperature, seed=seed)
        sets.append(
            [bench.renderer.answer(found.ids) for found in bench.decoder(options).run(requests)]
        )
    return [
        {"task": task, "references": references, "answers": list(answers)}
        for task, references, answers in zip(
            items["task"], items["references"].to_list(), zip(*sets, strict=True), strict=True
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Sample answers of a run's tuned model.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=6)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--longest", type=int, default=48, help="Tokens of an answer.")
    parser.add_argument("--every", type=int, default=1, help="Take one item of so many.")
    arguments = parser.parse_args()
    rows = sampled(
        RunFolder.open(arguments.run),
        arguments.answers,
        arguments.temperature,
        arguments.longest,
        arguments.every,
    )
    arguments.out.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
