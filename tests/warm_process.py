"""Run `tutelage` commands as processes of their own that need not import torch again.

Importing torch and transformers takes five seconds of processor time here, a command on the tiny
model a tenth of that. This script imports them once, then forks for every line it is sent: the
child takes over the streams named there, becomes `tutelage ARGUMENTS`, and ends with its exit code.
Nothing has been computed before the fork, so no thread or state is shared but the loaded modules.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from tutelage import cli
from tutelage.pipeline import chat as _chat  # noqa: F401
from tutelage.pipeline import export as _export  # noqa: F401
from tutelage.pipeline import run as _run  # noqa: F401
from tutelage.pipeline import score as _score  # noqa: F401


def become(command: dict[str, Any]) -> int:
    """Be the command; its exit code."""
    os.chdir(command["cwd"])
    os.environ.update(command["environment"])
    for descriptor, (path, flags) in enumerate(
        [
            (command["stdin"], os.O_RDONLY),
            (command["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (command["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ]
    ):
        os.dup2(os.open(path, flags), descriptor)
    sys.argv = ["tutelage", *command["arguments"]]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Answer each line of standard input, a command, with a line that holds its exit code."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = become(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
