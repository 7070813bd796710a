"""Words in capitals, counted as the Penn Treebank's convention divides text into words.

The reference of IFEval tokenizes with NLTK and counts the tokens without a small letter and with
a capital. The convention is public and for that count most of it does not matter; what does is
written here: white space and most marks divide ("A&B" is two), hyphens, slashes and inner periods
do not ("WELL-KNOWN", "U.S." are one), and clitics stand alone ("DON'T" is two, "I'M" is two).
"""

from __future__ import annotations

import re

_DIVIDERS = re.compile(r"""\.{2,}|--|''|[][(){}<>;@#$%&?!"`*«»“”„‘’—–]|[:,](?!\d)|\s+""")
_CLITIC = re.compile(r"(.)('(?:[SsMmDd]|LL|ll|RE|re|VE|ve)|N'T|n't)(?=\.?$)")
_FUSED = re.compile(r"^(?:(can)(not)|(gim|lem)(me)|(gon|wan)(na)|(got)(ta)|(d)('ye))(?=\.?$)", re.I)


def count_capital_words(text: str) -> int:
    """Words that hold a capital letter and no small one; "I" and "A" are such words."""
    likely = (piece for piece in _DIVIDERS.split(text) if piece != piece.lower())
    return sum(part.isupper() for piece in likely for part in _parts(piece))


def _parts(word: str) -> list[str]:
    """The words that the convention makes of one: itself, or two."""
    divided = _CLITIC.sub(r"\1 \2", word)
    return (_FUSED.sub(lambda found: " ".join(filter(None, found.groups())), divided)).split()
