"""A warm process that becomes `tutelage ARGUMENTS` in forks which may be killed.

Importing torch and transformers takes longer than a tiny run. This script imports them once. For
each line of standard input, a JSON object, it forks a child that runs the command and prints the
child's process id. At the next line it waits for the child and prints its exit code (minus the
signal if it was killed); until then the id is the child's, even if it has ended. Nothing has been
computed before the fork, so nothing but loaded modules is shared.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import tutelage.pipeline.train  # noqa: F401 - what the command will need
from tutelage import cli


def become(arguments: list[str], output: str) -> int:
    """Be the command; its exit code."""
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.argv = ["tutelage", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    """Answer a command with its process id, and an empty line with its exit code."""
    while line := sys.stdin.readline():
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            code = become(command["arguments"], command["output"])
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        print(child, flush=True)
        sys.stdin.readline()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
