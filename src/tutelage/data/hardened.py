"""How a row says that `tutelage harden` made it, and of which row: so that a copy never trains what
its row tests.

Such a row has a field `hardened` with `how` it was made and `of`, the hash of its row's normalised
prompt (none for a row that is no copy). A split never draws these rows, and leaves out those whose
row it sets aside.
"""

from __future__ import annotations

from collections.abc import Mapping

from tutelage.data.example import Example
from tutelage.data.normalise import prompt_key

FIELD = "hardened"


def was_made(example: Example) -> bool:
    """Whether a row was made by hardening."""
    made = example.meta.get(FIELD)
    return isinstance(made, Mapping) and isinstance(made.get("how"), str)


def family_key(example: Example) -> bytes:
    """The prompt by which a row travels: its own, or that of the row it is a copy of."""
    made = example.meta.get(FIELD)
    of = made.get("of") if isinstance(made, Mapping) else None
    if isinstance(of, str):
        try:
            return bytes.fromhex(of)
        except ValueError:
            pass  # a field of the user's own
    return prompt_key(example)
