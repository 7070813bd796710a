"""`tutelage` as tests run it: real commands in processes of their own, that start at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent / "warm_process.py"


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed for a program to read; it must have ended well."""
        assert self.code == 0, self.err
        return json.loads(self.out)


class Commands:
    """Runs `tutelage` commands, each in a process forked from one that has torch loaded."""

    def __init__(self, streams: Path) -> None:
        self.streams = streams
        streams.mkdir()
        # Tests never reach a network, and two threads on a model this small only wait.
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.server = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __call__(
        self, *arguments: str | Path, cwd: Path, said: str = "", **environment: str
    ) -> Finished:
        """Run a command in a folder, with `said` on its standard input."""
        (self.streams / "stdin").write_text(said, encoding="utf-8")
        streams = {name: str(self.streams / name) for name in ("stdin", "stdout", "stderr")}
        command = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "environment": environment,
            **streams,
        }
        assert self.server.stdin and self.server.stdout
        self.server.stdin.write(json.dumps(command) + "\n")
        self.server.stdin.flush()
        code = int(self.server.stdout.readline())
        out, err = (
            (self.streams / name).read_text(encoding="utf-8") for name in ("stdout", "stderr")
        )
        return Finished(code, out, err)

    def close(self) -> None:
        """End the process that commands are forked from."""
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait()
