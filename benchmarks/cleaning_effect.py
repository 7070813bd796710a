"""What cleaning is worth: tuning on cleaned against raw rows of equal count, same test items.

    python benchmarks/cleaning_effect.py [--rows 384] [--items 96] [--seeds 2]

Four training sets of as many rows each: `raw`, drawn from Alpaca; `cleaned`, drawn from Alpaca's
rows without an error or a warning, mended where a check mends; `spoilt`, the raw rows with a
quarter made defective (cut off, left out, another row's answer, the prompt's own text); and
`spoilt-cleaned`, drawn from more such rows after the audit. The test items are Alpaca rows
without findings that no set holds. Every difference is over the same items, the scores of an item
averaged over the seeds, with the paired bootstrap's 95 % interval. Cells are kept under
runs/cleaning and resumed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
FOLDER = Path("runs/cleaning")
SPOILT = 0.25
HELD = ("test", "validation")
"""Sets that nobody trains on."""

Row = dict[str, Any]


def spoil(rows: list[Row], seed: int) -> list[Row]:
    """The rows with a share of their responses made useless."""
    draw = random.Random(seed)
    spoilt = []
    for row in rows:
        row = dict(row)
        if draw.random() < SPOILT:
            words = row["output"].split()
            row["output"] = draw.choice(
                [
                    " ".join(words[: max(1, len(words) // 2)]),
                    "N/A",
                    draw.choice(rows)["output"],
                    row["instruction"],
                ]
            )
        spoilt.append(row)
    return spoilt


def passed(rows: list[Row], name: str) -> list[Row]:
    """The rows that an audit finds no error or warning in, mended where it can."""
    source, out = FOLDER / f"{name}.jsonl", FOLDER / f"{name}-audit"
    cleaned = FOLDER / f"{name}-cleaned.jsonl"
    write(source, rows)
    _run("audit", str(source), "--out", str(out), "--clean", str(cleaned))
    findings = pl.read_parquet(out / "findings.parquet").filter(pl.col("severity") != "info")
    ledger = pl.read_parquet(cleaned.with_suffix(".ledger.parquet"))
    # A row that was mended is as good as one that had nothing.
    doubtful = set(findings["row"]) - set(ledger.filter(pl.col("fate") == "changed")["row"])
    kept = ledger.filter(pl.col("new_row").is_not_null() & ~pl.col("row").is_in(list(doubtful)))
    lines = cleaned.read_bytes().splitlines()
    return [orjson.loads(lines[place]) for place in kept["new_row"]]


def write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)) + b"\n")


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "tutelage", *arguments], check=True)


def sets(rows: int, items: int) -> dict[str, list[Row]]:
    """The test items and the training sets, drawn with a fixed seed."""
    every = orjson.loads((DATA / "alpaca_12k.json").read_bytes())
    every = [row for row in every if row["output"].strip()]
    random.Random(0).shuffle(every)
    held, pool = every[:1000], every[1000 : 1000 + 3 * rows]
    spoilt = spoil(pool, seed=1)
    sound = passed(held, "held")
    return {
        "test": sound[:items],
        "validation": sound[items : 2 * items],
        "raw": pool[:rows],
        "cleaned": passed(pool, "pool")[:rows],
        "spoilt": spoilt[:rows],
        "spoilt-cleaned": passed(spoilt, "spoilt-pool")[:rows],
    }


RECIPE = """
name: {name}
model: {{base: smollm2-135m-instruct, precision: float32}}
data:
  train: {train}
  validation: [{validation}]
  test: [{test}]
prompt: {{system: "", max_tokens: 1024}}
train: {{epochs: 2, batch_size: 16, seed: {seed}}}
evaluate: {{metrics: [rougeL], decode: {{max_new_tokens: 96}}}}
"""


def cell(name: str, seed: int) -> tuple[np.ndarray, float]:
    """Scores of a set's model on every item, and its last validation loss."""
    run = FOLDER / f"run-{name}-{seed}"
    if not (run / "predictions/tuned.parquet").exists():
        recipe = FOLDER / f"{name}-{seed}.yaml"
        recipe.write_text(
            RECIPE.format(
                name=name,
                seed=seed,
                train=f"{name}.train.jsonl",
                validation="validation.jsonl",
                test="test.jsonl",
            )
        )
        _run("run", str(recipe), "--out", str(run), "--overwrite")
    scores = pl.read_parquet(run / "predictions/tuned.parquet").sort("row")["score:rougeL"]
    training = json.loads((run / "metrics.json").read_bytes())["training"]
    return scores.to_numpy(), float(training["best_validation_loss"])


def interval(differences: np.ndarray, resamples: int = 10_000) -> tuple[float, float, float]:
    """Mean and 95 % bootstrap interval of paired differences."""
    draws = np.random.default_rng(0).integers(0, len(differences), (resamples, len(differences)))
    low, high = np.quantile(differences[draws].mean(axis=1), [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=384)
    parser.add_argument("--items", type=int, default=96)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    drawn = sets(given.rows, given.items)
    for name, rows in drawn.items():
        write(FOLDER / (f"{name}.jsonl" if name in HELD else f"{name}.train.jsonl"), rows)
    arms = [name for name in drawn if name not in HELD]
    found = {name: [cell(name, seed) for seed in range(given.seeds)] for name in arms}
    scores = {name: np.mean([score for score, _ in cells], axis=0) for name, cells in found.items()}
    print("| trained on | rows | ROUGE-L | validation loss |\n| --- | ---: | ---: | ---: |")
    for name in arms:
        loss = np.mean([loss for _, loss in found[name]])
        print(f"| {name} | {len(drawn[name])} | {scores[name].mean():.3f} | {loss:.3f} |")
    for better, worse in (("cleaned", "raw"), ("spoilt-cleaned", "spoilt"), ("raw", "spoilt")):
        mean, low, high = interval(scores[better] - scores[worse])
        print(f"{better} − {worse}: {mean:+.3f} ROUGE-L ({low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
