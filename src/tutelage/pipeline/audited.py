"""The audit of training data: made once, and obeyed by every command that reads the data.

What `data.audit.before_training: drop` leaves out must be left out by every command alike, or a
run's test items would not be those it is evaluated on. So the rows are read here, and the audit is
kept beside prepared data under a digest of all that decides it. What audits is imported where there
is something to audit: no other command waits for it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tutelage.data.audit_options import AuditOptions, JudgeOptions
from tutelage.data.example import Source
from tutelage.data.fates import REASONS
from tutelage.data.load import load
from tutelage.data.options import DataOptions, SubsetOptions
from tutelage.data.splits import Splits
from tutelage.model.embedded import cache_folder
from tutelage.model.new_folder import new_folder
from tutelage.pipeline.prepared_key import audit_digest, digest, rows_key
from tutelage.pipeline.stages import stage
from tutelage.rundir import read_json


def load_rows(options: DataOptions) -> Splits:
    """Read a resolved recipe's data, without what its audit leaves out.

    Raises:
        UserError: the data cannot be read or audited.
    """
    drops = options.audit.before_training == "drop"
    return load(options, Path(), _errors(audited(options)) if drops else None)


def audited(options: DataOptions) -> Path:
    """The folder of the audit of a resolved recipe's training data, made if it is not there.

    Raises:
        UserError: the data cannot be audited.
    """
    from tutelage.pipeline.audit import audit

    key = rows_key(options.model_copy(update={"subset": SubsetOptions()}))  # all is audited
    if key is None:  # rows of a hub are known only by reading them
        folder = Path(tempfile.mkdtemp(prefix="tutelage-audit-"), "audit")
    else:
        folder = _kept() / digest([key, audit_digest(options.audit)])
    if not folder.exists():
        stage("auditing the training data")
        tests = options.test if isinstance(options.test, list) else []
        try:
            with new_folder(folder) as made:
                audit(options.train, made, _without_judge(options.audit), against=tests)
        except OSError:
            if not folder.exists():  # else another process was first, and its audit is the same
                raise
        stage(read_json(folder / "audit.json")["verdict"])
    return folder


def _without_judge(options: AuditOptions) -> AuditOptions:
    """The options of an audit that costs nothing: no run spends money on the side."""
    return options.model_copy(update={"judge": JudgeOptions()})


def keep_audit(options: DataOptions, folder: Path) -> None:
    """Copy the audit of a run's data into the run, if there is to be one."""
    if options.audit.before_training != "no":
        shutil.copytree(audited(options), folder, dirs_exist_ok=True)


def _errors(folder: Path) -> Mapping[Source, str]:
    """Rows in which the audit found an error, with the checks that found it."""
    import polars as pl

    findings = pl.read_parquet(folder / "findings.parquet")
    # Rows that cannot be read are lost by reading, and count as lost.
    read = ~pl.col("check").is_in(list(REASONS))
    wrong = findings.filter((pl.col("severity") == "error") & read).drop_nulls("row")
    named = wrong.group_by("source", "row").agg(pl.col("check").unique().sort())
    return {Source(file, row): ", ".join(checks) for file, row, checks in named.iter_rows()}


def _kept() -> Path:
    """Where audits are kept."""
    return cache_folder().with_name("audits")
