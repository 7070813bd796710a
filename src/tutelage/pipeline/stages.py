"""A line on standard error for each stage of a job, so that a long one is never silent."""

from __future__ import annotations

import sys


def stage(doing: str) -> None:
    """Say what begins now; standard output stays for results."""
    print(f"… {doing}", file=sys.stderr, flush=True)
