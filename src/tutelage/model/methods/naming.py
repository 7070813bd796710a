"""What a name in `target_modules` means."""

from __future__ import annotations


def means(target: str, name: str) -> bool:
    """PEFT's rule for names in a list: the whole name, or its end after a dot."""
    return name == target or name.endswith(f".{target}")
