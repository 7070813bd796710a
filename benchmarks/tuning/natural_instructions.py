"""Natural Instructions as few-shot prompts: definition, two examples, the instance's input.

Tutelage's own reader leaves the examples out of the prompt (it keeps them in `meta`). The form
here is the one that the tuning papers on this data use (Mishra et al. 2022, Wang et al. 2022:
definition and two positive examples), so rows of a task share a long prefix.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.data.example import Example

SHOWN = 2
"""Positive examples in a prompt; one of the published tasks has only one."""


def examples(folder: Path, tasks: int, seed: int) -> list[Example]:
    """All instances of a seeded choice of tasks, in the files' order.

    Args:
        folder: of task files in the form of version 1.
        tasks: how many to choose; all, if there are no more.
        seed: of the choice.
    """
    files = sorted(folder.glob("*.json"))
    chosen = sorted(random.Random(seed).sample(files, min(tasks, len(files))))
    return [example for path in chosen for example in _of_task(path)]


def _of_task(path: Path) -> list[Example]:
    from tutelage.data.conversation import assistant, user
    from tutelage.data.example import Example, Source

    task: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    shown = task["Examples"]["Positive Examples"][:SHOWN]
    beginning = "\n\n".join(
        [task["Definition"].strip(), *(_pair(one["input"], one["output"]) for one in shown)]
    )
    return [
        Example(
            (
                user(f"{beginning}\n\n{_pair(instance['input'], '')}"),
                assistant(instance["output"][0]),
            ),
            Source(path.name, row),
            task=path.stem,
        )
        for row, instance in enumerate(task["Instances"])
    ]


def _pair(given: str, wanted: str) -> str:
    return f"Input: {given.strip()}\nOutput: {wanted.strip()}".rstrip()
