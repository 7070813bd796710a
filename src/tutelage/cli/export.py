"""`tutelage export`: hand a tuned model on, with proof that it is the same elsewhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import AsJson, Run, one_of


class Form(StrEnum):
    """What is written."""

    MERGED = "merged"
    ADAPTER = "adapter"


class Reader(StrEnum):
    """Whom it is written for besides."""

    LM_EVAL = "lm-eval"


def export(
    run: Run,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    to: Annotated[
        Form,
        typer.Option(
            parser=one_of(Form, "--to"),
            metavar="[merged|adapter]",
            help="One plain model, or the adapter alone.",
        ),
    ] = Form.MERGED,
    reader: Annotated[
        Reader | None,
        typer.Option(
            "--for",
            parser=one_of(Reader, "--for"),
            metavar="lm-eval",
            help="Add what suites asked, as tasks of lm-evaluation-harness.",
        ),
    ] = None,
    suites: Annotated[
        list[str] | None,
        typer.Option("--suite", help="With --for: which suites; repeatable. Default: all it can."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the model for plain transformers or PEFT, reloaded and proven equal."""
    from dataclasses import asdict

    import orjson

    from tutelage.errors import UserError
    from tutelage.pipeline.export import export as job
    from tutelage.pipeline.export import export_for_lm_eval

    if reader is None and suites:
        raise UserError("suites are written for a harness alone", fix="add --for lm-eval")
    if reader is not None and to is not Form.MERGED:
        raise UserError("lm_eval is given a whole model", fix="leave out --to adapter")
    scorable = None if reader is None else export_for_lm_eval(run, out, suites or ())
    parity = job(run, out, to.value) if scorable is None else scorable.parity
    if as_json:
        harness = {"tasks": scorable.tasks, "command": scorable.command} if scorable else {}
        said = {"folder": str(out), "parity": asdict(parity), **harness}
        typer.echo(orjson.dumps(said).decode())
        return
    typer.echo(
        f"wrote {out}: reloaded, its logits differ by at most {parity.logit_difference:.1e} of the "
        f"largest on {parity.prompts} prompts, its {parity.greedy_tokens} greedy tokens are equal"
    )
    if scorable is not None:
        typer.echo(f"score its suites with lm_eval:\n  {scorable.command}")
