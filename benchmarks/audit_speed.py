"""How fast a dataset is audited: each check, the whole at any number of rows, and data-juicer.

    python benchmarks/audit_speed.py checks [--rows 20000]
    python benchmarks/audit_speed.py whole [--rows 1000000] [--out FOLDER]
    python benchmarks/audit_speed.py peer --python VENV/bin/python [--rows 20000]

`checks` times every rule over the same batch, one thread, best of three, as seconds a million rows.
`whole` runs `tutelage audit --rules-only` on made rows (audit_rows.py, 5 % near-duplicates) in a
process of its own and reports wall time, processor time and the largest memory of any of its
processes. `peer` runs the same checks on the same rows here and in data-juicer, in turn, two
processes each: lengths, repetition, mojibake, mail and IP addresses, exact and verified
near-duplicates. data-juicer lives in a virtual environment of its own, because it pins other
versions.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SAME = ("outlying_length", "repetition", "mojibake", "personal_data", "exact_duplicate")
SAME += ("near_duplicate",)
"""Our checks that data-juicer has too."""


def made(rows: int, folder: Path) -> Path:
    """A folder of made rows."""
    out = folder / f"rows-{rows}"
    if not out.exists():
        script = Path(__file__).with_name("audit_rows.py")
        subprocess.run([sys.executable, script, out, "--rows", str(rows)], check=True)
        (out / "near.parquet").unlink()
    return out


def checks(rows: int, folder: Path) -> None:
    """Print a table of each rule's cost."""
    os.environ.update(POLARS_MAX_THREADS="1", OMP_NUM_THREADS="1", RAYON_NUM_THREADS="1")
    from tutelage.curate.batch import batch_of
    from tutelage.curate.chosen import choose
    from tutelage.data.audit_options import AuditOptions
    from tutelage.data.options import SourceOptions
    from tutelage.data.reading import Reading, stream

    source = [SourceOptions(path=str(made(rows, folder)))]
    begun = time.perf_counter()
    readings = [row for row in stream(source, Path()) if isinstance(row, Reading)]
    read = time.perf_counter() - begun
    begun = time.perf_counter()
    batch = batch_of(readings)
    times = {"(reading)": read, "(columns)": time.perf_counter() - begun}
    chosen = choose(AuditOptions(rules_only=True))
    for name, check in chosen.checks.items():
        times[name] = min(_timed(lambda check=check: check.find(batch)) for _ in range(3))
    for name, feature in chosen.features.items():
        times[f"feature {name}"] = min(_timed(lambda it=feature: it.of(batch)) for _ in range(3))
    print(f"| check | seconds a million rows, one thread ({len(batch):,} rows timed) |")
    print("| --- | ---: |")
    for name, seconds in sorted(times.items(), key=lambda item: -item[1]):
        print(f"| {name} | {seconds * 1e6 / len(batch):.1f} |")
    print(f"| together | {sum(times.values()) * 1e6 / len(batch):.0f} |")


def _timed(work: Any) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def whole(rows: int, folder: Path) -> None:
    """Audit made rows by all rules, and say what it took."""
    source = made(rows, folder)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        took = _run([sys.executable, "-m", "tutelage", "audit", str(source), "--rules-only"], out)
    print(json.dumps({"rows": rows, **took}))


def _run(command: list[str], out: str) -> dict[str, float]:
    begun = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "--out", out], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "processor_seconds": round(
            used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, 1
        ),
        "largest_process_gib": round(used.ru_maxrss / 2**20, 2),
    }


PEER = """
import json, sys, time
begun = time.perf_counter()
from data_juicer.config import init_configs
from data_juicer.core import DefaultExecutor
config = init_configs(["--config", sys.argv[1]])
DefaultExecutor(config).run()
print("SECONDS", time.perf_counter() - begun)
"""

PROCESS = """
project_name: same
dataset_path: {data}
export_path: {out}/out.jsonl
np: 2
text_keys: text
open_tracer: false
use_cache: false
process:
  - fix_unicode_mapper:
  - clean_email_mapper:
  - clean_ip_mapper:
  - text_length_filter: {{min_len: 1, max_len: 100000}}
  - character_repetition_filter: {{rep_len: 10, min_ratio: 0.0, max_ratio: 0.5}}
  - word_repetition_filter: {{tokenization: false, rep_len: 10, min_ratio: 0.0, max_ratio: 0.5}}
  - document_deduplicator: {{lowercase: true, ignore_non_character: true}}
  - document_minhash_deduplicator:
      tokenization: space
      window_size: 5
      lowercase: true
      jaccard_threshold: 0.8
"""


def peer(rows: int, folder: Path, python: str, rounds: int) -> None:
    """Run the same checks here and there, in turn, and print both with their ratio."""
    import orjson

    source = made(rows, folder)
    joined = folder / f"peer-{rows}.jsonl"
    with joined.open("wb") as file:
        for path in sorted(source.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                row = orjson.loads(line)
                text = "\n\n".join(filter(None, (row["instruction"], row["input"], row["output"])))
                file.write(orjson.dumps({"text": text}, option=orjson.OPT_APPEND_NEWLINE))
    only = [part for name in SAME for part in ("--only", name)]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder) as out:
            ours = _run([sys.executable, "-m", "tutelage", "audit", str(source), *only], out)
        with tempfile.TemporaryDirectory(dir=folder) as out:
            config = Path(out, "process.yaml")
            config.write_text(PROCESS.format(data=joined.resolve(), out=out))
            begun = time.perf_counter()
            done = subprocess.run(
                [python, "-c", PEER, str(config)], capture_output=True, text=True, check=False
            )
            theirs = time.perf_counter() - begun
            if done.returncode:
                raise SystemExit(done.stderr[-3000:])
        ratio = round(theirs / ours["seconds"], 1)
        print(
            json.dumps(
                {"rows": rows, "ours": ours, "data_juicer": round(theirs, 1), "ratio": ratio}
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("checks", "whole", "peer"))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--python", default="data-juicer/bin/python")
    parser.add_argument("--folder", type=Path, default=Path("runs/audit-speed"))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.what == "checks":
        checks(given.rows or 20_000, given.folder)
    elif given.what == "whole":
        whole(given.rows or 1_000_000, given.folder)
    else:
        peer(given.rows or 20_000, given.folder, given.python, given.rounds)


if __name__ == "__main__":
    main()
