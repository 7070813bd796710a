"""Where the log is sent besides `log.jsonl`: one file a service, each an extra.

`trackers` is the registry; an entry opens a tracker for a named run.
"""

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tutelage.errors import missing_extra
from tutelage.registry import Registry
from tutelage.train.trackers.tracker import Tracker

OpenTracker = Callable[[str, Path, dict[str, Any]], Tracker]
"""Open a tracker: name of the run, its folder, the resolved recipe."""

trackers: Registry[OpenTracker] = Registry("tracker", "tutelage.train.trackers")


def check_installed(names: Iterable[str]) -> None:
    """Find a missing extra before training, without opening anything.

    Raises:
        UserError: a tracker's package, which has the tracker's name, is not installed.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise missing_extra(name, name, f"the tracker {name}")


__all__ = ["OpenTracker", "Tracker", "check_installed", "trackers"]
