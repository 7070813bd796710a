"""The job: read a dataset into parts, examine them, conclude on the whole, write it down.

Rows that cannot be read are findings too, and a file that cannot be read is one: the rest is
audited. What an audit leaves is a folder: `audit.json` and `findings.parquet` to work with,
`rows.parquet` with what is known of every row, and `audit.html` to look at. Where rows were to be
selected, `selection.parquet` says which and why. A model's scores and a judge's replies stay, for
the next audit.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tutelage.curate.check import Conclusion
from tutelage.curate.chosen import Chosen, choose
from tutelage.curate.examine import FINDINGS, in_order, labelled, told
from tutelage.curate.selection import select
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Unread
from tutelage.data.rows import BadRow
from tutelage.errors import UserError
from tutelage.pipeline.audit.dataset import Stored
from tutelage.pipeline.audit.engine import Engine, local, task_of
from tutelage.pipeline.audit.parts import Read, read_items, read_parts
from tutelage.pipeline.audit.summary import summary
from tutelage.pipeline.stages import stage
from tutelage.report.audit_page import render_audit
from tutelage.rundir import made, replacing, write_json, write_text

if TYPE_CHECKING:
    from tutelage.pipeline.audit.judged import Judge
    from tutelage.pipeline.audit.model_scores import Scorer

PARTS = "parts"
"""Folder inside the audit's, while it runs."""

MODEL = "model"
"""The columns of a model's scores, and the folder inside the audit's that keeps them."""

JUDGE = "judge"
"""The same of what a judge says, with the folder that keeps its replies."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found.

    Attributes:
        summary: what `audit.json` holds.
        findings: columns as in `curate.examine.FINDINGS`.
        chosen: the checks that ran.
        selection: the rows that were selected: `row`, `source` and columns as in
            `curate.selection.SELECTION`; None where none were to be.
    """

    summary: dict[str, Any]
    findings: pl.DataFrame
    chosen: Chosen
    selection: pl.DataFrame | None = None


def audit(
    sources: Sequence[SourceOptions],
    out: str | Path,
    options: AuditOptions | None = None,
    *,
    against: Sequence[SourceOptions] = (),
    base: str | Path = Path(),
    engine: Engine = local,
) -> Audited:
    """Audit a dataset.

    Args:
        sources: what to read, as in a recipe.
        out: folder for what is found; what an earlier audit left there is replaced.
        options: which checks, and their settings; by default all that can be run.
        against: evaluation sets that the data must not hold.
        base: folder that relative paths start from.
        engine: what examines the parts.

    Returns:
        Summary and findings, as written.

    Raises:
        UserError: nothing can be read, an option names no check, or a check needs what is not
            there.
    """
    out, base, options = Path(out), Path(base), options or AuditOptions()
    chosen = choose(options, base, bool(against))
    if out.exists() and not out.is_dir():
        raise UserError("a file is in the way", where=f"--out {out}", fix="name a folder")
    with _at_work(out):
        scorer = _scorer(options, base)
        judge = _judge(options, chosen, out)
        scratch = out / PARTS
        scratch.mkdir(exist_ok=True)
        task = task_of(options, base, bool(against))
        sets = _sets(against, base, scratch, options)
        read = Read()
        stage("reading and examining rows")
        parts = engine(read_parts(sources, base, scratch, read), task)
        if not read.rows:
            raise _nothing(read)
        data = Stored(parts, task, sets=sets)
        found = [pl.read_ipc(task.results(part, "findings")) for part in parts]
        concluded: dict[str, Conclusion] = {}
        if scorer is not None:
            scored = scorer.conclude(sources, base, data.places(), out / MODEL)
            concluded[MODEL] = _noted(data, MODEL, scored)
        if judge is not None:
            concluded[JUDGE] = _noted(data, JUDGE, judge.conclude(sources, base, data.places()))
        concluded |= _conclude(data, chosen)
        found.extend(_whole(name, one, data, chosen) for name, one in concluded.items())
        found.append(_unreadable(read.unread))
        findings = in_order(found)
        said = summary(read, findings, chosen, concluded)
        audited = Audited(said, findings, chosen)
        _write(out, audited, data)
        if options.select is not None:  # what was found stays, if it cannot be
            audited = replace(audited, selection=_selection(out, data, findings, options))
        shutil.rmtree(scratch)
    return audited


@contextmanager
def _at_work(out: Path) -> Iterator[None]:
    """Make the audit's folder and hold it; a failure leaves no empty one, nor one inside."""
    with made(out):
        try:
            yield
        except BaseException:
            inside = [path for path in (out / PARTS).rglob("*") if path.is_dir()]
            for folder in (*inside, out / PARTS):
                with suppress(OSError):  # it holds parts to go on from
                    folder.rmdir()
            raise


def _selection(
    out: Path, data: Stored, findings: pl.DataFrame, options: AuditOptions
) -> pl.DataFrame:
    stage(f"selecting {options.select:,} rows")
    rows = select(data, findings, options)
    selection = data.places().select("row", "source", "at").join(rows, on="at").sort("rank")
    with replacing(out / "selection.parquet") as temporary:
        selection.drop("at").write_parquet(temporary)
    return selection


def _sets(
    against: Sequence[SourceOptions], base: Path, scratch: Path, options: AuditOptions
) -> dict[str, Stored]:
    """The evaluation sets, with the features they are compared by."""
    features = task_of(options, base, True, features_only=True)
    sets = {}
    for number, source in enumerate(against):
        stage(f"reading {source.path}")
        folder = scratch / f"against-{number}"
        folder.mkdir(exist_ok=True)
        read = Read()
        parts = local(read_items(source, base, folder, read), features)
        if not read.rows:
            raise _nothing(read)
        if read.unread:
            stage(f"{len(read.unread):,} items of {source.path} cannot be read, so are not found")
        sets[source.path] = Stored(parts, features)
    return sets


def _conclude(data: Stored, chosen: Chosen) -> Iterable[tuple[str, Conclusion]]:
    for name, check in chosen.whole.items():
        stage(f"{name.replace('_', ' ')}: all rows together")
        with told(name, check):
            conclusion = check.conclude(data)
        yield name, _noted(data, name, conclusion)


def _noted(data: Stored, name: str, conclusion: Conclusion) -> Conclusion:
    """A conclusion, once its columns can be read by those that build on it."""
    if conclusion.columns is not None:
        data.concluded[name] = conclusion.columns
    return conclusion


def _scorer(options: AuditOptions, base: Path) -> Scorer | None:
    """The model that rows are scored by, if there is to be one: loaded before rows are read, since
    it may fail; imported here, since nobody else is to wait for torch."""
    if options.model is None:
        return None
    from tutelage.pipeline.audit.model_scores import scorer

    return scorer(options.model, base)


def _judge(options: AuditOptions, chosen: Chosen, out: Path) -> Judge | None:
    """The judge, if a check wants to know what it says: its key may be missing, so it is looked for
    before rows are read; imported here, since nobody else is to wait for the network's code."""
    wanted = {check.judged for check in chosen.whole.values() if check.judged is not None}
    if not wanted:
        return None
    from tutelage.pipeline.audit.judged import judge_of

    return judge_of(options, wanted, out / JUDGE, out)


def _whole(name: str, concluded: Conclusion, data: Stored, chosen: Chosen) -> pl.DataFrame:
    """The findings of a check of the whole, in full."""
    found = concluded.findings
    if found.is_empty():
        return pl.DataFrame(schema=FINDINGS)
    rows = data.rows(found["at"].unique(maintain_order=True))
    texts = pl.concat(
        rows.select("at", field=f"{part}_field", text=part)
        for part in ("system", "instruction", "input", "response")
    ).drop_nulls("field")
    return labelled(found, name, chosen, rows, texts)


def _unreadable(unread: Iterable[Unread]) -> pl.DataFrame:
    """A finding for each row, or file, that could not be read."""
    lines = [
        {
            "row": None if one.source.row < 0 else one.source.row,
            "source": one.source.file,
            "check": one.defect.reason.code
            if isinstance(one.defect, BadRow)
            else "unreadable_file",
            "severity": "error",
            "field": one.defect.field if isinstance(one.defect, BadRow) else None,
            "detail": one.defect.detail if isinstance(one.defect, BadRow) else one.defect.what,
            "suggestion": _advice(one.defect),
        }
        for one in unread
    ]
    return pl.DataFrame(lines, schema=FINDINGS)


def _advice(defect: BadRow | UserError) -> str:
    if isinstance(defect, UserError):
        return defect.fix or "repair the file, or leave it out"
    return "repair the row, or leave it out (--clean does)"


def _nothing(read: Read) -> UserError:
    """The error of a dataset of which no row can be read."""
    if not read.unread:
        return UserError("the data holds no rows")
    first = read.unread[0]
    if isinstance(first.defect, UserError):
        return first.defect
    where = f"{first.source.file}, row {first.source.row}"
    return UserError(
        f"none of {len(read.unread):,} rows can be read; the first: {first.defect.detail}",
        where=where,
    )


def _write(out: Path, audited: Audited, data: Stored) -> None:
    with replacing(out / "findings.parquet") as temporary:
        audited.findings.drop("id").write_parquet(temporary)
    (out / "selection.parquet").unlink(missing_ok=True)  # of an earlier audit
    listed = audited.findings.drop("id").to_dicts()
    write_json(out / "audit.json", {**audited.summary, "findings": listed})
    page = render_audit(audited.summary, audited.findings, data, data.concluded)
    write_text(out / "audit.html", page)
    known = [
        table.select(pl.all().name.prefix(f"{name}.")) for name, table in data.concluded.items()
    ]
    with replacing(out / "rows.parquet") as temporary:
        pl.concat([data.places(), *known], how="horizontal").write_parquet(temporary)
