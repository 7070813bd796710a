"""`tutelage chat`: talk to a run's model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.arguments import Run
from tutelage.errors import UserError

HELP = "/base: the untuned model · /tuned: the tuned one · /new: begin anew · /quit"
OTHERS = "{names}: a tuning given with --adapter"


def chat(
    run: Run,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", min=1)] = 256,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the samples.", min=0)] = 0,
    adapter: Annotated[
        list[str] | None,
        typer.Option(help="NAME=RUN: another tuning of the same base; repeatable. /NAME asks it."),
    ] = None,
) -> None:
    """Chat with the tuned model; /base switches to the untuned one to compare."""
    from tutelage.infer.options import DecodeOptions
    from tutelage.pipeline.chat import open_chat

    adapters = _named(adapter or [])
    options = DecodeOptions(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    talk = open_chat(run, options, adapters)
    others = " · ".join(f"/{name}" for name in adapters)
    shown = f"{OTHERS.format(names=others)} · {HELP}" if adapters else HELP
    typer.echo(shown)
    while True:
        try:
            said = input(f"{talk.speaker}> ").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo()
            return
        if said == "/quit":
            return
        if said == "/new":
            talk.forget()
        elif said.removeprefix("/") in talk.speakers and said.startswith("/"):
            talk.speaker = said.removeprefix("/")
        elif said.startswith("/"):
            typer.echo(f"unknown command {said.split()[0]}; {shown}")
        elif said:
            try:
                talk.ask(said, _write)
            except UserError as error:  # such as a conversation that has grown too long
                typer.echo(f"{error.what}\n  fix: /new begins anew", nl=False)
            typer.echo()


def _named(adapters: list[str]) -> dict[str, str | Path]:
    """The run folders by name."""
    found: dict[str, str | Path] = {}
    for text in adapters:
        name, equals, run = text.partition("=")
        if not equals or not name.isidentifier() or name in ("new", "quit"):
            raise UserError(
                f"expected NAME=RUN with a name of letters, found '{text}'", where="--adapter"
            )
        if name in found:
            raise UserError(f"two tunings are called '{name}'", where="--adapter")
        found[name] = run
    return found


def _write(text: str) -> None:
    from tutelage.report.text import visible

    sys.stdout.write(visible(text))  # a model may say escape sequences
    sys.stdout.flush()
