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
    as_json: AsJson = False,
) -> None:
    """Write the model for plain transformers or PEFT, reloaded and proven equal."""
    from dataclasses import asdict

    import orjson

    from tutelage.pipeline.export import export as job

    parity = job(run, out, to.value)
    if as_json:
        typer.echo(orjson.dumps({"folder": str(out), "parity": asdict(parity)}).decode())
        return
    typer.echo(
        f"wrote {out}: reloaded, its logits differ by at most {parity.logit_difference:.1e} of the "
        f"largest on {parity.prompts} prompts, its {parity.greedy_tokens} greedy tokens are equal"
    )
