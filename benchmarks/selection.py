"""How well the selection methods' rows stand for a dataset, and how much they differ.

`python benchmarks/selection.py FILE [K]` chooses K of the rows by each method, with no findings,
and prints seconds, the mean likeness of all rows to the nearest chosen one, the Vendi score of the
chosen, and how many of the kinds of task they hold.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import orjson
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from in_memory import dataset
from tutelage.curate.diversity.spread import vendi
from tutelage.curate.examine import FINDINGS
from tutelage.curate.selection import METHODS, select
from tutelage.data.audit_options import AuditOptions


def main() -> None:
    rows = [row for row in orjson.loads(Path(sys.argv[1]).read_bytes()) if row["output"].strip()]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    data = dataset(rows)
    vectors = data.feature("embedding")["vector"].to_numpy()
    print("| method | s | mean likeness to the nearest | least | Vendi score |")
    for name in METHODS.names():
        if METHODS.get(name).scored:
            continue  # by a model; see benchmarks/model_scores.py
        start = time.perf_counter()
        options = AuditOptions(select=count, select_by=name)
        chosen = select(data, pl.DataFrame(schema=FINDINGS), options)["at"].to_numpy()
        seconds = time.perf_counter() - start
        near = (vectors @ vectors[chosen].T).max(axis=1)
        near = near[np.linalg.norm(vectors, axis=1) > 0]
        score = vendi(vectors[chosen])
        print(f"| {name} | {seconds:.1f} | {near.mean():.3f} | {near.min():.3f} | {score:.1f} |")


if __name__ == "__main__":
    main()
