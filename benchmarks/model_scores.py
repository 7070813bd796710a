"""What scores by a small model tell of a dataset, and what they cost.

`python benchmarks/model_scores.py [--model NAME] [--rows N] [--other-half]` scores N rows of the
held-back half of alpaca_12k, then the same rows with each other's responses (each has that of the
row seven places on), and the first tenth with the words of their responses in another order. It
prints rows a second, the area under the curve by which each score tells the two apart, and what
the two checks find.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from audit_quality.source import Half
from in_memory import dataset
from tutelage.curate.check import Conclusion
from tutelage.curate.findings import none
from tutelage.curate.scores.likelihood import scores
from tutelage.curate.scores.responses import responses
from tutelage.data.example import Example, Message, Source
from tutelage.model.families import families
from tutelage.pipeline.audit.model_scores import scorer

Row = dict[str, str]
PLACES_ON = 7
DRAWS = 2000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--model", default="smollm2-135m-instruct")
    options.add_argument("--rows", type=int, default=200)
    options.add_argument("--other-half", action="store_true")
    given = options.parse_args()
    held = Half(not given.other_half).read("alpaca_12k.json")
    rows = [row for row in held if row["output"].strip()][: given.rows]
    answers = [row["output"] for row in rows]
    moved = [
        {**row, "output": answer}
        for row, answer in zip(rows, answers[PLACES_ON:] + answers[:PLACES_ON], strict=True)
    ]
    draw = np.random.default_rng(0)
    mixed = [
        {**row, "output": " ".join(draw.permutation(row["output"].split()).tolist())}
        for row in rows[: len(rows) // 10]
    ]
    by = scorer(given.model, Path())

    def score(some: Sequence[Row]) -> pl.DataFrame:
        texts = [one for one in responses(_examples(some), by.renderer) if one is not None]
        return scores(texts, families.get(by.loaded.family), by.loaded.model)

    start = time.perf_counter()
    good = score(rows)
    seconds = time.perf_counter() - start
    print(f"{len(rows) / seconds:.2f} rows a second ({by.loaded.dtype}, {seconds:.0f} s)")
    bad = score(moved)
    for name in ("ifd", "loss"):
        print(f"moved responses by {name}: {_area(good[name], bad[name])}")
    both = _found("prompt_does_not_help", [*rows, *moved], pl.concat([good, bad]))
    _print("prompt_does_not_help", both, len(rows), len(moved))
    torn = _found("high_perplexity", [*rows, *mixed], pl.concat([good, score(mixed)]))
    _print("high_perplexity, words in another order", torn, len(rows), len(mixed))


def _examples(rows: Iterable[Row]) -> Iterator[Example]:
    for at, row in enumerate(rows):
        asked = "\n\n".join(filter(None, (row["instruction"], row["input"])))
        turns = (Message("user", asked), Message("assistant", row["output"]))
        yield Example(turns, Source("alpaca", at))


def _area(good: pl.Series, bad: pl.Series) -> str:
    """Share of pairs in which the bad one is higher, with a bootstrap interval over rows."""
    low, high = good.to_numpy(), bad.to_numpy()
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    draw = np.random.default_rng(0)
    places = draw.integers(len(low), size=(DRAWS, len(low)))
    areas = [wins[np.ix_(some, some)].mean() for some in places]
    first, last = np.quantile(areas, [0.025, 0.975])
    return f"{wins.mean():.3f} [{first:.3f}, {last:.3f}]"


def _found(check: str, rows: Sequence[Row], table: pl.DataFrame) -> set[int]:
    data = dataset(rows)
    data.concluded["model"] = Conclusion(none(), {}, table)
    return set(data.conclude(check).findings["at"])


def _print(name: str, found: set[int], good: int, bad: int) -> None:
    right = sum(at >= good for at in found)
    print(f"{name}: finds {right} of {bad}, and {len(found) - right} of {good} others")


if __name__ == "__main__":
    main()
