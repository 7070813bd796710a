"""The code in an answer: what stands between fences, as chat models write it."""

from __future__ import annotations

from tutelage.constraints.parts import prose_and_code


def fenced_code(answer: str) -> list[str]:
    """The fenced blocks of an answer; an answer that was cut short within its only one has it."""
    blocks = prose_and_code(answer)[1] or prose_and_code(f"{answer}\n```")[1]
    return ["\n".join(block.lines) for block in blocks if "".join(block.lines).strip()]
