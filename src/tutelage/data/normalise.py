"""When two prompts count as the same, and a seeded order that no other row can change.

Prompts are equal if they are after NFKC, case folding and reducing white space: what a copy and
paste changes is no difference. The order of rows for splits and draws is that of a keyed hash
of their content, so it depends on the seed and the row alone.
"""

from __future__ import annotations

import hashlib
import unicodedata

from tutelage.data.example import Example


def normalised(text: str) -> str:
    """The text after NFKC, case folding and reducing white space to single spaces.

    NFKC and case folding can each undo the other's work (U+0345, say), so they are applied as
    Unicode's NFKC_Casefold does it: fold, compose, and once more.
    """
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        folded = unicodedata.normalize("NFKC", folded.casefold())
    return " ".join(folded.split())


def prompt_key(example: Example) -> bytes:
    """16 bytes, equal for two examples exactly if their normalised prompts are."""
    # A line break separates, because normalised text has none.
    turns = (f"{message.role}\n{normalised(message.content)}" for message in example.prompt)
    return hashlib.blake2b("\n".join(turns).encode(), digest_size=16).digest()


def rank(seed: int, key: bytes) -> bytes:
    """The place of a key in the seeded order: sort by it."""
    return hashlib.blake2b(b"%d\0" % seed + key, digest_size=16).digest()
