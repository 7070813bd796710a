"""Numbers as an instruction states them: `1,000`, `12`, `twelve`, `twenty-five`, `a hundred`."""

from __future__ import annotations

import re

_ONE_WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen
"""
_ONES = _ONE_WORDS.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = {"hundred": 100, "thousand": 1000}
_VALUES = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "a": 1,
}
ORDINALS = {
    word: value
    for value, word in enumerate(
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"], 1
    )
}
_UNIT = "|".join(_ONES)
_SIMPLE = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{_UNIT}))?|{_UNIT})"

NUMBER = (
    rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d+|(?:a|{_SIMPLE})[- ](?:hundred|thousand)"
    rf"(?: (?:and )?{_SIMPLE})?|{_SIMPLE})"
)
"""A pattern (case to be ignored) of what `number` reads."""


def number(text: str) -> int:
    """The value of a text that `NUMBER` matches."""
    digits = text.replace(",", "")
    if digits.isdigit():
        return int(digits)
    total = 0
    for word in re.split(r"[- ]", text.lower()):
        if word in _SCALES:
            total = max(total, 1) * _SCALES[word]
        elif word != "and":
            total += _VALUES[word]
    return total
