"""`tutelage audit`: what is wrong with a dataset, row by row and as a whole."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.cli.arguments import AsJson, Settings, one_of
from tutelage.errors import UserError


class EngineName(StrEnum):
    """What examines the rows."""

    LOCAL = "local"
    RAY = "ray"


class FailOn(StrEnum):
    """Findings that make the command fail."""

    ERROR = "error"
    WARNING = "warning"


def audit(
    data: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, globs or hub:owner/name; or a recipe."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="An evaluation set that the data must not hold; repeatable."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns of a table, such as instruction=question,response=answer."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is found.")] = Path(
        "audit"
    ),
    only: Annotated[
        list[str] | None, typer.Option(help="Run this check alone (or a pattern); repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(help="Leave this check out (or a pattern); repeatable.")
    ] = None,
    rules_only: Annotated[
        bool, typer.Option("--rules-only", help="Leave out what needs embeddings.")
    ] = False,
    cleaned: Annotated[
        Path | None,
        typer.Option("--clean", help="Write a cleaned copy, in the form of the data."),
    ] = None,
    select: Annotated[
        int | None, typer.Option(min=1, help="Choose so many of the rows, into the folder.")
    ] = None,
    select_by: Annotated[
        str | None, typer.Option(help="facility_location (default), k_centre, ifd or random.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Score rows by this model too: perplexity, and what the prompt helps."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Endpoint of the judge; by default OpenAI's."),
    ] = None,
    judge_model: Annotated[
        str | None, typer.Option(help="Have rows judged by this model at an endpoint.")
    ] = None,
    judge_sample: Annotated[
        int | None, typer.Option(min=1, help="Rows that are judged, drawn at random (200).")
    ] = None,
    settings: Settings = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            help="Exit with 1 where there are such findings.",
            parser=one_of(FailOn, "--fail-on"),
            metavar="error|warning",
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(
            help="Examine rows on this machine, or on a Ray cluster (RAY_ADDRESS; extra ray).",
            parser=one_of(EngineName, "--engine"),
            metavar="local|ray",
        ),
    ] = EngineName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a dataset, row by row, and what is missing as a whole."""
    from tutelage.data.options import SourceOptions
    from tutelage.pipeline.audit import audit as run_audit
    from tutelage.pipeline.audit import (
        check_target,
        clean,
        local,
        on_ray,
        selected_path,
        write_selected,
    )
    from tutelage.pipeline.audit.options import asked

    if not data:
        raise UserError("no data is named", fix="name files or a recipe: tutelage audit data.jsonl")
    named = {
        "only": only,
        "skip": skip,
        "rules_only": rules_only,
        "select": select,
        "select_by": select_by,
        "model": model,
        "judge.url": judge,
        "judge.model": judge_model,
        "judge.sample": judge_sample,
    }
    overrides = [f"data.audit.{key}={json.dumps(value)}" for key, value in named.items() if value]
    if columns is not None:
        mapped = json.dumps(_mapped(columns))
        overrides += [f"data.train.{number}.columns={mapped}" for number in range(len(data))]
    asked_for, base = asked(data, [*overrides, *(settings or [])])
    if (judge or judge_sample) and asked_for.audit.judge.model is None:
        raise UserError("no judge is named", fix="say which model judges: --judge-model NAME")
    if select_by and asked_for.audit.select is None:
        raise UserError("--select-by alone selects nothing", fix="say how many rows: --select K")
    if cleaned is not None:
        check_target(asked_for.train, cleaned, base)
    if asked_for.audit.select is not None:
        selected_path(asked_for.train, out, base)
    found = run_audit(
        asked_for.train,
        out,
        asked_for.audit,
        against=[SourceOptions(path=path) for path in against or []],
        base=base,
        engine=on_ray if engine is EngineName.RAY else local,
    )
    counts = None if cleaned is None else clean(asked_for.train, found, cleaned, base)
    selected = None
    if found.selection is not None:
        selected = write_selected(asked_for.train, found, out, base)
    if as_json:
        typer.echo((out / "audit.json").read_bytes(), nl=False)
    else:
        show(found.summary)
        typer.echo(f"findings: {out / 'findings.parquet'}, {out / 'audit.json'}")
        if counts is not None:
            said = ", ".join(f"{number:,} {fate}" for fate, number in counts.items())
            typer.echo(f"cleaned copy: {cleaned} ({said})")
        if selected is not None:
            typer.echo(f"selected rows: {selected}, {out / 'selection.parquet'}")
    # A file that cannot be read has no rows to count, and is an error all the same.
    bad = set(found.findings["severity"])
    if fail_on and ("error" in bad or (fail_on is FailOn.WARNING and "warning" in bad)):
        raise typer.Exit(1)


def _mapped(columns: str) -> dict[str, str]:
    """Our fields to the data's columns, from `ours=theirs,ours=theirs`."""
    pairs = [part.partition("=") for part in columns.split(",")]
    if not all(ours.strip() and theirs.strip() for ours, _, theirs in pairs):
        raise UserError(
            f"expected our field = your column, found {columns!r}",
            where="--columns",
            fix="for example --columns instruction=question,response=answer",
        )
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def show(summary: dict[str, Any]) -> None:
    """Print the verdict, and every check that found something."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(summary["verdict"], soft_wrap=True)
    table = Table("check", "severity", "rows", "what it is", box=None, pad_edge=False)
    order = {"error": 0, "warning": 1, "info": 2}
    found = [(name, one) for name, one in summary["checks"].items() if one["findings"]]
    for name, one in sorted(found, key=lambda item: (order[item[1]["severity"]], -item[1]["rows"])):
        table.add_row(name, one["severity"], f"{one['rows']:,}", one["title"])
    if found:
        console.print(table)
    for name in summary["first"][:1]:
        console.print(f"first: {name}: {summary['checks'][name]['suggestion']}", soft_wrap=True)
    reasons: dict[str, list[str]] = {}
    for name, reason in summary["skipped"].items():
        if reason not in ("not asked for", "left out on request"):
            reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        console.print(f"left out: {', '.join(names)} ({reason})", soft_wrap=True)
