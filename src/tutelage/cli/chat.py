"""`tutelage chat`: talk to a run's model."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tutelage.cli.arguments import Run
from tutelage.errors import UserError

HELP = "/base: the untuned model · /tuned: the tuned one · /new: begin anew · /quit"


def chat(
    run: Run,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", min=1)] = 256,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the samples.", min=0)] = 0,
) -> None:
    """Chat with the tuned model; /base switches to the untuned one to compare."""
    from tutelage.infer.options import DecodeOptions
    from tutelage.pipeline.chat import open_chat

    options = DecodeOptions(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    talk = open_chat(run, options)
    typer.echo(HELP)
    while True:
        try:
            said = input(f"{'base' if talk.base else 'tuned'}> ").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo()
            return
        if said == "/quit":
            return
        if said == "/new":
            talk.forget()
        elif said in ("/base", "/tuned"):
            talk.base = said == "/base"
        elif said.startswith("/"):
            typer.echo(f"unknown command {said.split()[0]}; {HELP}")
        elif said:
            try:
                talk.ask(said, _write)
            except UserError as error:  # such as a conversation that has grown too long
                typer.echo(f"{error}\n  /new begins anew", nl=False)
            typer.echo()


def _write(text: str) -> None:
    from tutelage.report.text import visible

    sys.stdout.write(visible(text))  # a model may say escape sequences
    sys.stdout.flush()
