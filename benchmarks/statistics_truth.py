"""Do the statistics keep their word? Coverage, power, and a model compared with itself.

    python benchmarks/statistics_truth.py [--only coverage|power|untouched] [--answers FILE]

Coverage: how often a 95 % interval holds the truth, of shares (by counts), of means with items that
share a source, aware of it and blind to it. Power: how often the permutation test finds the effect
that is called detectable. Untouched: 100 times, two sets of answers are drawn from the stored
answers of one model and compared as `tutelage eval` does, over ten tasks; a repeat counts if any
task is called significantly changed. Answers are made up (right with a chance of the item's own)
unless a file has them: JSON Lines of {"task", "references": [...], "answers": [...]}.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from tutelage.evaluate.comparison import compare_answers
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import Item
from tutelage.metrics.metric import mean_of_sums, mean_statistics
from tutelage.statistics import (
    Interval,
    Measurement,
    bootstrap,
    detectable,
    detectable_share,
    paired_draws,
    percentile_interval,
    value_interval,
    wilson,
)
from tutelage.statistics.intervals import PairedShares

Floats = npt.NDArray[np.float64]
REPEATS = 2000
STORED = 8
"""Answers stored for each made-up item."""


def mean_of(values: Floats) -> Measurement:
    return Measurement(mean_statistics(values), mean_of_sums)


def held(intervals: Iterable[Interval], truth: float) -> str:
    """The share of intervals that hold the truth."""
    return f"{100 * np.mean([low <= truth <= high for low, high in intervals]):.1f}"


def shares_table() -> Table:
    """Wilson and Newcombe against the percentile bootstrap, on 0/1 items."""
    table = Table("items", "true shares", "statistic", "bootstrap, %", "ours, %")
    for items in (20, 50, 200):
        for base, tuned in ((0.02, 0.02), (0.1, 0.3), (0.5, 0.6), (0.95, 0.97)):
            generator = np.random.default_rng(items)
            # Right by one latent ability, so that the two agree more than by chance.
            ability = generator.random((REPEATS, items))
            other = np.where(generator.random((REPEATS, items)) < 0.5, ability, 1 - ability)
            one, two = (ability < base).astype(float), (other < tuned).astype(float)
            plain: list[tuple[Interval, Interval]] = []
            ours: list[tuple[Interval, Interval]] = []
            for seed, (first, second) in enumerate(zip(one[:500], two[:500], strict=True)):
                draws = bootstrap(
                    [mean_of(first), mean_of(second)], resamples=1000, seed=[items, seed]
                )
                differences = draws[:, 1] - draws[:, 0]
                plain.append(
                    (percentile_interval(differences, 0.95), percentile_interval(draws[:, 1], 0.95))
                )
            for first, second in zip(one, two, strict=True):
                found = PairedShares.of(mean_of(first), mean_of(second))
                assert found is not None
                ours.append((found.difference(0.95), wilson(second.sum(), items, 0.95)))
            for name, column, truth in (("difference", 0, tuned - base), ("tuned", 1, tuned)):
                table.add_row(
                    *(str(items), f"{base} {tuned}", name),
                    held((each[column] for each in plain), truth),
                    held((each[column] for each in ours), truth),
                )
    return table


def clusters_table() -> Table:
    """Means of items of which half the variance is their source's."""
    table = Table("sources", "items of each", "blind, %", "aware, %")
    for sources, most in ((10, 7), (20, 7), (50, 7), (150, 7), (20, 39)):
        generator = np.random.default_rng(sources)
        found: dict[bool, list[Interval]] = {False: [], True: []}
        for seed in range(REPEATS):
            sizes = generator.integers(1, most + 1, sources)
            source = np.repeat(np.arange(sources), sizes)
            values = generator.normal(0, 1, sources)[source] + generator.normal(0, 1, len(source))
            for aware, intervals in found.items():
                draws = bootstrap(
                    [mean_of(values)],
                    resamples=1000,
                    seed=seed,
                    clusters=source.tolist() if aware else None,
                )
                intervals.append(value_interval(mean_of(values), draws[:, 0], 0.95))
        table.add_row(
            *(str(sources), f"1 to {most}"), *(held(each, 0.0) for each in found.values())
        )
    return table


def power_table() -> Table:
    """How often the permutation test finds what is called detectable four times in five."""
    table = Table("items", "tests", "kind", "detectable", "found, %")
    for items in (24, 50, 200, 1000):
        for tests in (1, 8):
            for kind, difference, draw in kinds(items, tests):
                generator, found = np.random.default_rng(items), 0
                repeats = REPEATS if items < 1000 else REPEATS // 4
                for seed in range(repeats):
                    change = draw(generator)
                    draws = paired_draws(
                        [mean_of(np.zeros(items))],
                        [mean_of(change)],
                        resamples=1000 if tests == 1 else 3000,
                        seed=seed,
                    )
                    found += draws[0].p_value < 0.05 / tests
                table.add_row(
                    *(str(items), str(tests), kind),
                    f"{difference:.3f}",
                    f"{100 * found / repeats:.1f}",
                )
    return table


def kinds(
    items: int, tests: int
) -> Iterator[tuple[str, float, Callable[[np.random.Generator], Floats]]]:
    """Each kind of score, what is detectable of it, and a draw of differences that large."""
    size = detectable(items, 0.25, confidence=0.95, tests=tests)
    if size is not None:
        yield "graded", size, lambda generator: generator.normal(size, 0.25, items)
    share = detectable_share(items, 0.25, confidence=0.95, tests=tests)
    if share is not None:
        ahead, either = (max(0.25, share) + share) / 2, max(0.25, share)

        def right_or_wrong(generator: np.random.Generator) -> Floats:
            drawn = generator.random(items)
            return np.where(drawn < ahead, 1.0, np.where(drawn < either, -1.0, 0.0))

        yield "right or wrong", share, right_or_wrong


def untouched_table(path: Path | None) -> Table:
    """Alarms in 100 comparisons of one model's stored answers, drawn twice."""
    rows = stored(path)
    items = [Item(row["task"], False, tuple(row["references"])) for row in rows]
    table = Table("metric", "tasks", "repeats with an alarm, of 100")
    for metric in ("exact_match", "token_f1", "chrf"):
        options = EvaluateOptions(metrics=[metric], resamples=2000)
        alarms = 0
        for seed in range(100):
            draw = random.Random(seed)
            base, tuned = ([draw.choice(row["answers"]) for row in rows] for _ in range(2))
            outcome = compare_answers(items, base, tuned, options).verdict.trained
            alarms += bool(outcome.improved or outcome.worsened)
        table.add_row(metric, str(len({item.task for item in items})), str(alarms))
    return table


def stored(path: Path | None) -> list[dict[str, Any]]:
    """Items with several answers of one model each."""
    if path is not None:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    draw, words = random.Random(0), [f"word{number}" for number in range(50)]
    rows = []
    for number in range(240):
        truth, chance = draw.choices(words, k=4), draw.betavariate(0.6, 0.6)
        answers = [
            " ".join(word if draw.random() < chance**0.25 else draw.choice(words) for word in truth)
            for _ in range(STORED)
        ]
        rows.append(
            {"task": f"task{number % 10}", "references": [" ".join(truth)], "answers": answers}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage, power, and false alarms.")
    parser.add_argument("--only", choices=("coverage", "power", "untouched"))
    parser.add_argument("--answers", type=Path, help="Stored answers of one model, JSON Lines.")
    arguments = parser.parse_args()
    console = Console()
    if arguments.only in (None, "coverage"):
        console.print(shares_table())
        console.print(clusters_table())
    if arguments.only in (None, "power"):
        console.print(power_table())
    if arguments.only in (None, "untouched"):
        console.print(untouched_table(arguments.answers))


if __name__ == "__main__":
    main()
