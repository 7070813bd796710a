"""Labelled rows for the checks of clarity: defects put into Alpaca rows that look clean.

Rows with the defects that Alpaca is known for (inputs that say there is none, merged rows, links)
are left out first, by rules cruder than those of the checks. Other real defects of the data that a
check finds count as false alarms here, so that precision is at least what the table says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from audit_quality.source import SOURCES, Half, Labelled
from defects import Injected
from prompt_defects import (
    inject_contradictory_demands,
    inject_dangling_reference,
    inject_fused_tasks,
    inject_lost_input,
    inject_merged_rows,
    inject_misplaced_instruction,
    inject_placeholder_input,
    inject_underspecified_instruction,
    inject_unreachable_link,
    inject_vague_instruction,
)

KNOWN = re.compile(
    r"(?i)https?://|www\.|\bno ?input\b"
    r"|^\W*(?:n/?a|none)\W*$|^\s*[\[(<][A-Za-z ]+[\])>]\s*$|\d\. ?(?:Instruction|Input|Output):"
)

SOURCES_OF: dict[str, tuple[Callable[..., Injected], float, str]] = {
    "placeholder_input/alpaca, inputs that say none": (inject_placeholder_input, 0.1, ""),
    "dangling_reference/alpaca, inputs taken away": (
        inject_lost_input,
        0.2,
        "some can be followed without",
    ),
    "dangling_reference/alpaca, our instructions": (inject_dangling_reference, 0.05, ""),
    "vague_instruction/alpaca, our instructions": (inject_vague_instruction, 0.05, ""),
    "underspecified_instruction/alpaca, our instructions": (
        inject_underspecified_instruction,
        0.2,
        "Alpaca's own count as false alarms",
    ),
    "fused_tasks/alpaca, two instructions joined": (inject_fused_tasks, 0.1, ""),
    "merged_rows/alpaca, another row behind": (inject_merged_rows, 0.05, ""),
    "contradictory_demands/alpaca, our demands": (inject_contradictory_demands, 0.05, ""),
    "misplaced_instruction/alpaca, fields exchanged": (inject_misplaced_instruction, 0.1, ""),
    "unreachable_link/alpaca, texts made links": (inject_unreachable_link, 0.3, ""),
}


def clean(half: Half) -> list[dict[str, Any]]:
    """Alpaca rows without its best-known defects."""
    return [
        row
        for row in half.read("alpaca_12k.json")
        if row["output"].strip() and not any(KNOWN.search(text) for text in row.values())
    ]


def _source(name: str) -> Callable[[Half], Labelled]:
    inject, rate, note = SOURCES_OF[name]

    def source(half: Half) -> Labelled:
        rows, broken = inject(clean(half), rate, seed=3)
        return Labelled(name.partition("/")[0], rows, broken, note=note)

    return source


for _name in SOURCES_OF:
    SOURCES.register(_name)(_source(_name))
