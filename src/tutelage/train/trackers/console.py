"""The progress line: loss, supervised tokens a second, time left, peak memory."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from tutelage.train.trackers import trackers

LINES = 20
"""Lines a run prints where the output is a file rather than a terminal."""


class Console:
    """Rewrites one line on a terminal; elsewhere prints about twenty, and every validation."""

    def __init__(self, name: str, folder: Path, recipe: dict[str, Any]) -> None:
        self._stream: TextIO = sys.stderr
        self._recent: deque[tuple[int, int, int, float]] = deque(maxlen=20)
        self._first = self._step = self._tokens = self._computed = 0
        self._validation = ""
        self._head = self._tail = ""

    def record(self, row: Mapping[str, Any]) -> None:
        """Show the row: on a terminal a validation stays in the line until the next one."""
        if row["event"] == "validation":
            self._validation = f"  validation {row['loss']:.4f}{' (best)' if row['best'] else ''}"
            self._show(f"step {row['step']}{self._validation}", due=True)
            return
        step, steps = row["step"], row["steps"]
        named = ("supervised_tokens", "tokens", "computed_tokens", "seconds")
        self._recent.append(tuple(row[name] for name in named))
        supervised, tokens, computed, seconds = map(sum, zip(*self._recent, strict=True))
        self._first, self._step = self._first or step, step
        self._tokens += row["tokens"]
        self._computed += row["computed_tokens"]
        left = seconds / len(self._recent) * (steps - step)
        self._head = f"step {step}/{steps}  loss {row['loss']:.4f}"
        self._tail = (
            f"  {tokens / seconds:.0f} tokens/s ({computed / seconds:.0f} computed, "
            f"{supervised / seconds:.0f} supervised)  {duration(left)} left  "
            f"{row['peak_memory_bytes'] / 2**30:.1f} GiB"
        )
        due = step == steps or step % max(1, steps // LINES) == 0
        self._show(f"{self._head}{self._tail}", due=due)

    def _show(self, line: str, *, due: bool) -> None:
        """All there is to say, on a terminal; elsewhere a line of its own, if it is due."""
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{self._head}{self._validation}{self._tail}")
        elif due:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the last line standing, and say what sharing spared in this sitting."""
        if not self._recent:
            return
        if self._stream.isatty():
            self._stream.write("\n")
        self._stream.write(
            f"steps {self._first} to {self._step}: trained on {self._tokens:,} tokens, computed "
            f"{self._computed:,} (what begins alike is computed once)\n"
        )
        self._stream.flush()


def duration(seconds: float) -> str:
    """Seconds as `42 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return (
        f"{minutes} min {rest:02d} s"
        if minutes < 60
        else f"{minutes // 60} h {minutes % 60:02d} min"
    )


trackers.register("console")(Console)
