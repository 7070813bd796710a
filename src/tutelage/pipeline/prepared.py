"""Prepared data: rendered and tokenized once, then read memory-mapped by every later command.

An entry is a folder named by a digest of everything that decides what is in it: every byte of the
data files, how they are named, the options, tokenizer, template, and the source code and libraries
that read and render. So a stale entry is not found rather than found out; there is no clock and no
version number to forget to raise. An entry holds Arrow, Parquet and JSON, which cannot run code,
and the SHA-256 of each file: one that is torn or altered is removed and made again. It is written
aside and renamed, so any number of processes may make and read entries at the same time.

Entries that nothing has used for 30 days go when a new one is written, then the least recently
used until 10 GiB are left. Removing the folder at any time is safe: what is mapped stays mapped.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.data.ledger import Ledger
from tutelage.errors import UserError
from tutelage.model.embedded import cache_folder
from tutelage.model.new_folder import new_folder
from tutelage.pipeline import items
from tutelage.pipeline.columns import Columns
from tutelage.rundir import read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa

UNUSED_DAYS = 30
"""Entries that were last used longer ago are removed."""

LIMIT_BYTES = 10 * 2**30
"""Most that all entries may take; the least recently used go first."""

MANIFEST = "manifest.json"
TRAIN, VALIDATION, ITEMS, LEDGER = (
    "train.arrow",
    "validation.arrow",
    "items.arrow",
    "ledger.parquet",
)


@dataclass(frozen=True)
class Entry:
    """What is kept of a recipe's data.

    Attributes:
        train: examples to train on.
        validation: examples to validate on.
        items: all test examples.
        ledger: the fate of every row.
    """

    train: Columns
    validation: Columns
    items: list[items.Item]
    ledger: Ledger


def prepared_folder() -> Path:
    """Where prepared data is kept: `prepared` in `$TUTELAGE_CACHE`, else in ~/.cache/tutelage."""
    return cache_folder().with_name("prepared")


def holds(data_key: str) -> bool:
    """Whether these rows were prepared before, with whatever tokenizer: they can be read."""
    return any((prepared_folder() / data_key).glob(f"*/{MANIFEST}"))


def find(data_key: str, key: str) -> Entry | None:
    """The entry of a key, memory-mapped; None if there is none, or only what was one."""
    folder = prepared_folder() / data_key / key
    if not folder.is_dir():
        return None
    try:
        entry = _read(folder)
    except (UserError, OSError, ValueError, KeyError, TypeError):  # ValueError: Arrow's and JSON's
        with suppress(OSError):
            shutil.rmtree(folder)
        return None
    with suppress(OSError):  # a folder that may only be read
        (folder / MANIFEST).touch()
    return entry


def keep(data_key: str, key: str, entry: Entry) -> Entry:
    """Write an entry, and give it back memory-mapped; then remove entries nobody uses.

    One that cannot be written (no room, a value that JSON does not have) is given back as it is.
    """
    folder = prepared_folder() / data_key / key
    try:
        with new_folder(folder) as made:
            _write(made, entry)
    except (OSError, TypeError, ValueError):
        pass  # if another process was first, its entry is the same
    prune(prepared_folder())
    with suppress(OSError):
        train, validation = (_mapped(folder / name) for name in (TRAIN, VALIDATION))
        return replace(
            entry, train=Columns.of_batch(train), validation=Columns.of_batch(validation)
        )
    return entry


def prune(place: Path) -> None:
    """Remove what has long been unused, what is too much, and what killed processes left."""
    oldest = time.time() - UNUSED_DAYS * 86_400
    with suppress(OSError):  # another process may be at it too
        for left in place.glob("*/.*"):
            if left.stat().st_mtime < time.time() - 86_400:
                shutil.rmtree(left, ignore_errors=True)
        used = sorted((path.stat().st_mtime, path.parent) for path in _manifests(place))[::-1]
        total = 0
        for at, (last, folder) in enumerate(used):
            total += sum(file.stat().st_size for file in folder.iterdir())
            if at and (total > LIMIT_BYTES or last < oldest):
                shutil.rmtree(folder)
                with suppress(OSError):
                    folder.parent.rmdir()  # unless it holds others


def _manifests(place: Path) -> Iterator[Path]:
    return place.glob(f"[!.]*/[!.]*/{MANIFEST}")


def _write(folder: Path, entry: Entry) -> None:
    """Write an entry's files.

    Raises:
        ValueError: something would come back as something else.
    """
    _write_table(folder / TRAIN, entry.train.table())
    _write_table(folder / VALIDATION, entry.validation.table())
    _write_table(folder / ITEMS, items.to_table(entry.items))
    entry.ledger.write(folder / LEDGER)
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, digests)


def _read(folder: Path) -> Entry:
    """Read an entry's files, each proved to be whole.

    Raises:
        ValueError: a file is not what was written.
    """
    digests = read_json(folder / MANIFEST)
    for name in (TRAIN, VALIDATION, ITEMS, LEDGER):
        if _digest(folder / name) != digests[name]:
            raise ValueError(f"{name} is not what was written")
    return Entry(
        train=Columns.of_batch(_mapped(folder / TRAIN)),
        validation=Columns.of_batch(_mapped(folder / VALIDATION)),
        items=items.of_batch(_mapped(folder / ITEMS)),
        ledger=Ledger.read(folder / LEDGER),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_table(path: Path, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        # One batch, or the columns would not be whole when they are mapped.
        writer.write_table(table.combine_chunks(), max_chunksize=max(len(table), 1))
        if not len(table):
            writer.write_batch(pa.RecordBatch.from_pylist([], table.schema))


def _mapped(path: Path) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
