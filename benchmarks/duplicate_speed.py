"""Exact and near-duplicates among many rows: time, memory, and how many are found.

    python benchmarks/audit_rows.py FOLDER --rows 1000000
    python benchmarks/duplicate_speed.py FOLDER

Times are of the two features (in batches, one after the other) and the two checks, with all texts
in memory; an audit computes features in parallel and keeps texts on disk. Files are read before
the clock starts. Missed near-duplicates are compared with their originals, which tells those that
are no longer alike from those that were not looked at, or whose original was itself left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from in_memory import InMemory
from tutelage.curate.batch import ROWS, Batch
from tutelage.curate.check import FEATURES
from tutelage.curate.duplicates.overlap import overlaps
from tutelage.data.audit_options import AuditOptions

T = TypeVar("T")
BATCH = 8192


def timed(name: str, work: Callable[[], T]) -> T:
    """Do the work and print a line of the table."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    load = os.getloadavg()[0]
    print(f"| {name} | {wall:.1f} | {processor:.1f} | {most:.2f} | {load:.1f} |", flush=True)
    return result


def rows(folder: Path) -> pl.DataFrame:
    """All rows as lines of `Batch.rows`, without reading them as an audit does."""
    table = pl.concat(pl.read_ndjson(path) for path in sorted(folder.glob("*.jsonl")))
    known = table.select("instruction", "input", pl.col("output").alias("response"))
    place = pl.int_range(pl.len())
    known = known.with_columns(
        place.alias("at"), place.alias("row"), pl.lit("made").alias("source")
    )
    texts = ("system", "history")
    lines = known.with_columns(
        pl.lit("" if name in texts else None).alias(name) for name in ROWS if name not in known
    )
    return lines.select(list(ROWS)).cast(ROWS)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    table, options = rows(given.folder), AuditOptions()
    data = InMemory(Batch(table, pl.DataFrame()), options)
    print("| part | wall s | processor s | most memory GiB | load |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in ("content", "minhash"):
        feature = FEATURES.get(name)(options)
        parts = (Batch(part, pl.DataFrame()) for part in table.iter_slices(BATCH))
        data.features[name] = timed(name, lambda: pl.concat(map(feature.of, parts)))  # noqa: B023
    exact = timed("exact_duplicate", lambda: data.conclude("exact_duplicate")).findings["at"]
    near = timed("near_duplicate", lambda: data.conclude("near_duplicate"))
    found = set(exact) | set(near.findings["at"])
    made = pl.read_parquet(given.folder / "near.parquet")
    missed = made.filter(~pl.col("row").is_in(list(found))).select("original", "row").to_numpy()
    counts = data.feature("minhash")["words"].to_numpy()
    alike = overlaps(missed, data.rows, counts) >= options.near_duplicate
    print(f"\n{len(table):,} rows, {len(made):,} near-duplicates made; compared:", near.summary)
    print(f"found {len(made) - len(missed):,}; missed {alike.sum()} alike, {(~alike).sum()} not")
    print(f"found besides: {len(found - set(made['row'])):,}")


if __name__ == "__main__":
    main()
