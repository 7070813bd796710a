"""Word lists of ours, in plain text: a heading in brackets, then words or phrases between commas.

They are data, so that who audits can read what was looked for. Lines that begin with `#` are notes.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """A list's words under their headings, in the file's order; a heading may come twice.

    Args:
        name: of the file, without `.txt`.
    """
    found: dict[str, list[str]] = {}
    heading = ""
    for line in files(__package__).joinpath(f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            heading = line.strip("[] ")
            found.setdefault(heading, [])
        elif line.strip() and not line.startswith("#"):
            found[heading] += [word.strip() for word in line.split(",") if word.strip()]
    return {heading: tuple(words) for heading, words in found.items()}


def any_of(words: tuple[str, ...]) -> str:
    """A pattern that matches any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
