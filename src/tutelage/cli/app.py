"""The command `tutelage`: its verbs, and what becomes of a user's mistake (exit code 2).

What the machine refuses (a full disk, a folder that may not be written) is no bug either and is
said in a line, wherever it happens. Messages quote files of strangers, so control characters in
them are spelled out before they reach a terminal. Of several processes under torchrun, the one
that failed first speaks for all.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tutelage import __version__, ranks
from tutelage.cli import (
    audit,
    chat,
    check,
    demo,
    evaluate,
    export,
    export_data,
    harden,
    init,
    learning_curve,
    report,
    run,
    schema,
    score,
    suites,
    sweep,
    train,
)
from tutelage.errors import UserError, refused_by_machine

app = typer.Typer(
    help="From raw instruction data to a tuned language model, and the proof of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tutelage {__version__}")
        raise typer.Exit


GOING_ON = {
    "sweep": "; `tutelage sweep SWEEP --resume` goes on with it",
    "learning-curve": "; `tutelage learning-curve CURVE --resume` goes on with it",
    "eval": "; the same command goes on: answers to suites and from endpoints are kept",
}
"""What to do after an interruption, by the verb."""

SAY_THEMSELVES = ("train", "run", "demo")
"""The verbs that say where they were interrupted (`arguments.interruptible`)."""

INTERRUPTED = 130
"""The exit code of an interrupted command, which typer makes of Ctrl-C."""

TOGETHER = ("train", "run")
"""The verbs that several processes can do together."""


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From raw instruction data to a tuned language model, and the proof of it."""
    verb = context.invoked_subcommand
    if ranks.size() > 1 and verb not in TOGETHER:
        raise UserError(f"`tutelage {verb}` is done by one process", fix="leave out torchrun")


app.command("init")(init.init)
app.command("audit")(audit.audit)
app.command("harden")(harden.harden)
app.command("check")(check.check)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("suites")(suites.suites)
app.command("compare")(suites.compare)
app.command("run")(run.run)
app.command("report")(report.report)
app.command("chat")(chat.chat)
app.command("score")(score.score)
app.command("export")(export.export)
app.command("schema")(schema.schema)
app.command("export-data")(export_data.export_data)
app.command("sweep")(sweep.sweep)
app.command("learning-curve")(learning_curve.learning_curve)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command; a user's mistake is one message and exit code 2, never a traceback."""
    try:
        app()
    except UserError as error:
        _say(str(error))
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        refusal = refused_by_machine(error)
        if refusal is None:
            _leave_to_the_first(1)
            raise
        _say(str(refusal))
        sys.exit(2)
    except SystemExit as end:
        verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        if end.code == INTERRUPTED and verb not in SAY_THEMSELVES:
            sys.stderr.write(f"\ntutelage: interrupted{GOING_ON.get(verb, '')}\n")
        raise
    except Exception:
        _leave_to_the_first(1)
        raise


def _leave_to_the_first(code: int) -> None:
    """End here if another process has failed before this one: it says why."""
    if not ranks.first_to_fail():
        sys.exit(code)


def _say(message: str) -> None:
    _leave_to_the_first(2)
    from tutelage.report.text import visible

    sys.stderr.write(f"tutelage: {visible(message)}\n")
