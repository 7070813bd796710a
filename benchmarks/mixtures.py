"""Does a mixture of tasks pay? Against tuning for one task, and on tasks nobody trained on.

`python benchmarks/mixtures.py [--quick]` tunes the embedded decoder with LoRA on six tasks of
Natural Instructions, every run an epoch of fresh examples drawn by `data.mixture` budgets:

- one run a task, each on a sixth of the examples (the same as the mixture has of it),
- runs on 1, 2, 4 and 6 tasks with the same number of examples in all: more tasks, not more data.

All are asked the same items (ROUGE-L, the measure of Natural Instructions), those of two held-out
tasks among them, and compared with paired bootstrap intervals. Runs are kept in a file, each with
all that decides it: a benchmark that was stopped goes on, one with another plan (`--quick`) or
version begins anew.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage import __version__
from tutelage.data.example import Example
from tutelage.data.load import load
from tutelage.data.options import DataOptions, MixtureOptions, SourceOptions, TaskBudget
from tutelage.evaluate.comparison import compare_answers
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import Item
from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions
from tutelage.model.options import ModelOptions
from tutelage.pipeline.prepare import prepare, read
from tutelage.pipeline.train import make_loop
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.prompt.options import PromptOptions
from tutelage.recipe import Recipe
from tutelage.rundir import RunFolder, TrainLog
from tutelage.train.options import TrainOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", "../shared/data")) / "natural_instructions"
TRAINED = (
    "subtask041_qasc_answer_generation",
    "subtask021_mctaco_grammatical_logical",
    "subtask033_winogrande_answer_generation",
    "subtask044_essential_terms_identifying_essential_words",
    "subtask007_mctaco_answer_generation_transient_stationary",
    "subtask013_mctaco_answer_generation_absolute_timepoint",
)
"""In the order in which they join: forms of answer first, relatives of a held-out task last."""
HELD_OUT = (
    "subtask004_mctaco_answer_generation_event_duration",
    "subtask047_misc_answering_science_questions",
)
COUNTS = (1, 2, 4, 6)
ANSWER_TOKENS = 24


@dataclass(frozen=True)
class Plan:
    """How much is done: examples a run (a multiple of 12), items a task, and which runs."""

    examples: int
    items: int
    counts: tuple[int, ...]


FULL, QUICK = Plan(168, 24, COUNTS), Plan(72, 12, (1, 2, 6))


@dataclass(frozen=True)
class Rows:
    """A task's rows, divided once for all runs."""

    pool: list[Example]
    asked: list[Example]


def rows(plan: Plan) -> dict[str, Rows]:
    """Every task's rows: so many are asked, and no run trains on them."""
    found = {}
    for task in (*TRAINED, *HELD_OUT):
        source = SourceOptions(path=str(DATA / f"{task}.json"), task=task)
        splits = load(DataOptions(train=[source], validation=0, test=plan.items), Path())
        found[task] = Rows(splits.train, splits.test)
    return found


def write(path: Path, examples: Sequence[Example]) -> SourceOptions:
    """The examples as a source of a recipe."""
    lines = [
        json.dumps({"messages": [{"role": m.role, "content": m.content} for m in one.messages]})
        for one in examples
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return SourceOptions(path=str(path), task=path.stem)


def tuned(
    plan: Plan, tasks: Sequence[str], asked: Sequence[str], examples: int, seed: int
) -> dict[str, Any]:
    """Tune once, every task with an equal budget; the answers by task, and what it took."""
    everything = rows(plan)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recipe = Recipe(
            model=ModelOptions(precision="float32", device="cpu"),
            data=DataOptions(
                train=[write(folder / f"{task}.jsonl", everything[task].pool) for task in tasks],
                validation=0,
                test=0,
                mixture=MixtureOptions(
                    tasks=dict.fromkeys(tasks, TaskBudget(examples=examples // len(tasks) or 1))
                ),
                cache=False,
            ),
            prompt=PromptOptions(system="", max_tokens=512),
            train=TrainOptions(epochs=1, batch_size=8, learning_rate=1e-3, seed=seed),
            evaluate=EvaluateOptions(general_text=None),
        )
        bench = from_recipe(recipe)
        prepared = prepare(recipe, read(recipe), bench.renderer)
        run = RunFolder(folder)
        if examples:
            make_loop(bench, prepared, run).run(resume=False)
        steps = TrainLog(run.log).rows("step")
    trained = time.perf_counter() - started
    said = iter(answers(bench, [one for task in asked for one in everything[task].asked]))
    return {
        "answers": {task: [next(said) for _ in everything[task].asked] for task in asked},
        "steps": len(steps),
        "tokens": sum(row["tokens"] for row in steps),
        "supervised_tokens": sum(row["supervised_tokens"] for row in steps),
        "train_seconds": trained,
        "seconds": time.perf_counter() - started,
    }


def answers(bench: Workbench, examples: Sequence[Example]) -> list[str]:
    prompts = bench.renderer.prompts(examples)
    requests = [
        Request(tuple(ids), ANSWER_TOKENS, key=at)
        for at, ids in enumerate(prompts)
        if isinstance(ids, list)
    ]
    found = bench.decoder(DecodeOptions(max_new_tokens=ANSWER_TOKENS)).run(requests)
    return [bench.renderer.answer(answer.ids) for answer in found]


def runs(plan: Plan) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], int]]:
    """Every run: name, tasks trained on and asked, examples; the untuned model is the first."""
    everything = (*TRAINED, *HELD_OUT)
    yield "untuned", TRAINED[:1], everything, 0
    for count in plan.counts:
        asked = everything if count == len(TRAINED) else HELD_OUT
        yield f"{count} tasks", TRAINED[:count], asked, plan.examples
    for task in TRAINED:
        yield f"only {task}", (task,), (task,), plan.examples // len(TRAINED)


def cells(plan: Plan, out: Path, seeds: int) -> dict[tuple[str, int], dict[str, Any]]:
    """Every run's answers, made where they are missing."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = out.read_text().splitlines() if out.exists() else []
    kept = list(map(json.loads, lines))
    done = {}
    for seed in range(seeds):
        for name, tasks, asked, examples in runs(plan):
            work = {
                **{"version": __version__, "items": plan.items, "answer_tokens": ANSWER_TOKENS},
                **{"tasks": [*tasks], "asked": [*asked], "examples": examples, "seed": seed},
            }
            cell = next((cell for cell in kept if cell.get("work") == work), None)
            if cell is None:
                cell = {"run": name, "work": work, **tuned(plan, tasks, asked, examples, seed)}
                with out.open("a") as stream:
                    stream.write(json.dumps(cell) + "\n")
                print(f"{name}, seed {seed}: {cell['seconds']:.0f} s", flush=True)
            done[name, seed] = cell
    return done


def show(plan: Plan, done: dict[tuple[str, int], dict[str, Any]], seeds: int) -> None:
    """Print both tables; the items of all seeds are scored together."""
    everything = rows(plan)

    def items(tasks: Sequence[str]) -> list[Item]:
        return [
            Item(task, task in HELD_OUT, example.accepted)
            for _ in range(seeds)
            for task in tasks
            for example in everything[task].asked
        ]

    def said(names: dict[str, str]) -> list[str]:
        """The answers to the items of some tasks, each from the run of that name."""
        return [
            answer
            for seed in range(seeds)
            for task, name in names.items()
            for answer in done[name, seed]["answers"][task]
        ]

    def of(name: str, tasks: Sequence[str]) -> list[str]:
        return said(dict.fromkeys(tasks, name))

    alone = said({task: f"only {task}" for task in TRAINED})
    mixed, before = of("6 tasks", TRAINED), of("untuned", TRAINED)
    untuned = rows_of(items(TRAINED), before, alone)
    print("| task | untuned | tuned for it alone | mixture of 6 | mixture less alone, 95 % |")
    print("| --- | ---: | ---: | ---: | --- |")
    for key, row in rows_of(items(TRAINED), alone, mixed).items():
        print(
            f"| {key[0]} | {untuned[key].base:.3f} | {row.base:.3f} | {row.tuned:.3f} | "
            f"{row.difference:+.3f} ({row.interval[0]:+.3f} to {row.interval[1]:+.3f}) |"
        )
    print("\n| trained on |", " | ".join(HELD_OUT), "| both, less untuned, 95 % | tokens |")
    print("| --- | ---: | ---: | --- | ---: |")
    for name in ("untuned", *(f"{count} tasks" for count in plan.counts)):
        row = rows_of(items(HELD_OUT), of("untuned", HELD_OUT), of(name, HELD_OUT))
        scores = " | ".join(f"{row[task, True].tuned:.3f}" for task in HELD_OUT)
        both = row["overall", True]
        print(
            f"| {name} | {scores} | {both.difference:+.3f} ({both.interval[0]:+.3f} to "
            f"{both.interval[1]:+.3f}) | {done[name, 0]['tokens']:,} |"
        )
    print(f"\n{sum(cell['seconds'] for cell in done.values()):.0f} s in all runs")


def rows_of(items: Sequence[Item], base: Sequence[str], other: Sequence[str]) -> dict[Any, Any]:
    """The primary rows of a comparison, by task and side."""
    changes = compare_answers(items, base, other, EvaluateOptions(metrics=["rougeL"])).changes
    return {(row.task, row.held_out): row for row in changes if row.primary}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: under 10 minutes")
    parser.add_argument("--out", type=Path, default=Path("runs/mixtures.jsonl"))
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is not there: set TUTELAGE_DATA to the folder that holds it")
    chosen = QUICK if given.quick else FULL
    show(chosen, cells(chosen, given.out, given.seeds), given.seeds)
