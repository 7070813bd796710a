"""The selected rows as a dataset of their own, in the form that they were read in.

Rows stand in the order of the data, as they were; `selection.parquet` says which came first and
why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tutelage.data.options import SourceOptions
from tutelage.data.reading import Pending, readings
from tutelage.data.rows import BadRow
from tutelage.data.sources.records import COMPRESSED, SUFFIXES
from tutelage.data.sources.writers import write_rows
from tutelage.pipeline.audit.clean import copies, labels, records
from tutelage.pipeline.audit.job import Audited

NAME = "selected"


def selected_path(sources: Sequence[SourceOptions], out: Path, base: Path) -> Path:
    """Where the selected rows go: a file for one file, else a folder with one for each.

    Raises:
        UserError: rows cannot be written in the form of the data.
    """
    files = labels(sources, base)
    path = out / NAME
    if len(files) == 1:
        known = {*COMPRESSED, *SUFFIXES}
        form = "".join(end for end in Path(files[0]).suffixes if end.lower() in known)
        path = out / f"{NAME}{form}"
    copies(files, path, base, "--select:")
    return path


def write_selected(
    sources: Sequence[SourceOptions], audited: Audited, out: Path, base: Path = Path()
) -> Path:
    """Write the rows that an audit selected.

    Args:
        sources: as they were audited.
        audited: with a selection.
        out: the audit's folder.
        base: folder that relative paths start from.

    Returns:
        The file or folder.

    Raises:
        UserError: rows cannot be written in the form of the data.
    """
    if audited.selection is None:
        raise ValueError("the audit selected no rows")
    chosen = set(audited.selection.select("source", "row").iter_rows())

    def now(pending: Pending) -> Mapping[str, Any] | None:
        if isinstance(pending.values, BadRow) or tuple(pending.source) not in chosen:
            return None
        return pending.values

    path = selected_path(sources, out, base)
    files = list(readings(sources, base, Counter()))
    targets = copies(labels(sources, base), path, base, "--select:")
    sources_of = set(audited.selection["source"])
    for (origin, options), target in zip(files, targets, strict=True):
        if origin.label in sources_of:
            write_rows(target, records(origin, options, now))
        else:
            target.unlink(missing_ok=True)  # of an earlier selection
    return path
