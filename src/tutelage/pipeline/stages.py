"""A line on standard error for each stage of a job, so that a long one is never silent."""

from __future__ import annotations

import sys

from tutelage import ranks


def stage(doing: str) -> None:
    """Say what begins now, once for all processes; standard output stays for results."""
    if ranks.leads():
        print(f"… {doing}", file=sys.stderr, flush=True)
