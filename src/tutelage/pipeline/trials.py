"""Each stretch of a trial in a process of its own.

A trial that runs out of memory is killed by the system, and takes the process it is in with it; so
that is not the sweep's. It also makes peak memory the trial's own. The processes are forked from a
server that has torch loaded and has computed nothing, which costs a tenth of a second each rather
than five, and they end when the sweep does, however that ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tutelage.errors import UserError, refused_by_machine
from tutelage.rundir import FolderInUse


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Attributes:
        value: what its work gave back, if it ended well.
        mistake: a mistake of the user's.
        refusal: what the machine refused, or that another process is at work there: no fault of
            the work, which may go well the next time.
        failure: anything else that went wrong, in a sentence.
    """

    value: Any = None
    mistake: UserError | None = None
    refusal: UserError | None = None
    failure: str | None = None


def preflight(recipe: str, overrides: list[str], out: str) -> tuple[int, float]:
    """Try everything that a trial would do; its steps, and the seconds they will take.

    Raises:
        UserError: as `check`; or nothing is left to compare trials by.
    """
    from tutelage.pipeline.check import check

    found = check(recipe, overrides, out)
    if not found.splits["validation"]:
        raise no_validation()
    return found.steps, found.seconds_predicted


def no_validation() -> UserError:
    """The error where trials cannot be compared."""
    return UserError(
        "trials are compared by their validation loss, and no examples are left for it",
        where="data.validation",
        fix="set it to a share such as 0.05; `tutelage check` says what became of the rows",
    )


def stretch(recipe: str, run: str, stop_after: int) -> None:
    """Train a trial up to a step, from its beginning or from where it stands."""
    from tutelage.pipeline.train import resume, train

    if (Path(run) / "recipe.yaml").is_file():
        resume(run, stop_after=stop_after)
    else:
        train(recipe, run, stop_after=stop_after)


def in_process(work: Callable[..., Any], *arguments: Any) -> Ended:
    """Do a piece of work in a process of its own, and wait for it.

    As ever with `multiprocessing`, a script that calls this needs `if __name__ == "__main__":`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tutelage.pipeline.check"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        ended: Ended = ours.recv()
    except EOFError:
        process.join()
        ended = Ended(failure=_said_by(process.exitcode or 0))
    process.join()
    return ended


def _child(connection: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        connection.send(Ended(value=work(*arguments)))
    except FolderInUse as error:
        connection.send(Ended(refusal=_plain(error)))
    except UserError as error:
        connection.send(Ended(mistake=_plain(error)))
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:
        if isinstance(error, OSError) and (refusal := refused_by_machine(error)):
            connection.send(Ended(refusal=refusal))
            return
        traceback.print_exc()
        first = str(error).strip().partition("\n")[0]
        connection.send(Ended(failure=f"{type(error).__name__}: {first}"))


def _plain(error: UserError) -> UserError:
    """The same as the plain kind: one with arguments of its own would not survive the way."""
    return UserError(error.what, where=error.where, fix=error.fix)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _said_by(code: int) -> str:
    """What an exit code says of a process that said nothing itself."""
    if code == -signal.SIGKILL:
        return "its process was killed, most likely for want of memory"
    if code < 0:
        return f"its process ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
