"""Datasets of the Hugging Face hub, through the `datasets` package (extra `hub`).

`hub:owner/name` or `hub:owner/name/configuration`. Code in a dataset's repository is never run:
`datasets` does so only if asked, and is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from tutelage.data.sources.records import Origin, Record
from tutelage.errors import UserError, missing_extra

PREFIX = "hub:"


def hub_origin(path: str, split: str | None) -> Origin:
    """The dataset that a path with the prefix names.

    Raises:
        UserError: the path is not `hub:owner/name` or `hub:owner/name/configuration`.
    """
    parts = path.removeprefix(PREFIX).split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UserError(
            "not the id of a dataset",
            where=path,
            fix="write hub:owner/name, or hub:owner/name/configuration",
        )
    owner, name, *configuration = parts
    chosen = split or "train"

    def records() -> Iterator[Record]:
        return _records(f"{owner}/{name}", configuration, chosen, path)

    return Origin(f"{path}#{chosen}", name, records)


def _records(name: str, configuration: list[str], split: str, label: str) -> Iterator[Record]:
    try:
        import datasets
    except ImportError:
        raise missing_extra("datasets", "hub", f"reading {label}") from None
    try:
        rows = datasets.load_dataset(name, *configuration, split=split)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        raise UserError(f"cannot be loaded: {error}", where=f"{label}, split {split}") from error
    for number, values in enumerate(rows):
        yield Record(number, values)
