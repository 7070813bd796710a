"""Where the log is sent besides `log.jsonl`: one file a service, each an extra.

`trackers` is the registry; an entry opens a tracker for a named run.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tutelage.registry import Registry
from tutelage.train.trackers.tracker import Tracker

OpenTracker = Callable[[str, Path, dict[str, Any]], Tracker]
"""Open a tracker: name of the run, its folder, the resolved recipe."""

trackers: Registry[OpenTracker] = Registry("tracker", "tutelage.train.trackers")

__all__ = ["OpenTracker", "Tracker", "trackers"]
