"""OpenAI's preference files: a prompt under `input`, and a preferred and another output."""

from __future__ import annotations

from collections.abc import Mapping

from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.formats import preference
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row, wrong


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row: the same pair as in the format `preference`, under other names."""
    asked = row.get("input")
    if not isinstance(asked, Mapping):
        raise wrong("input", asked, "an object with messages")
    pair = Row(
        {
            "messages": asked.get("messages"),
            "tools": asked.get("tools"),
            "chosen": row.get("preferred_output"),
            "rejected": row.get("non_preferred_output"),
        }
    )
    draft = preference.read(pair, options)
    row.changes.extend(pair.changes)
    return draft


FORMATS.register("openai_preference")(
    Format(
        "openai_preference",
        (frozenset({"input", "preferred_output", "non_preferred_output"}),),
        read,
    )
)
