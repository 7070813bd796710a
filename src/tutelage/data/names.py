"""Task names and the patterns that stand for a cluster of them.

Large collections name related tasks alike (`subtask003_mctaco_question_generation_…`), so a shell
pattern (`*_mctaco_*`) is the shortest way to speak of a cluster. A name is tried as it is first:
one that has brackets or asterisks of its own still means itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(task: str, patterns: Iterable[str]) -> bool:
    """Whether a task is one of the names, or matches one of the patterns (`*`, `?`, `[abc]`)."""
    return any(task == pattern or fnmatchcase(task, pattern) for pattern in patterns)
