"""Divide text into sentences by rules: the same count everywhere, on every day.

IFEval counts with NLTK's Punkt model, whose file changes with NLTK's version. On English its
decisions come down to a few: `!`, `?` and a period end a sentence where white space follows; the
period of an abbreviation or an initial does not, unless what follows can only open a sentence; an
ellipsis does if a capital follows; a line break alone never does. How often the counts agree is
measured in benchmarks/RESULTS.md, "IFEval".
"""

from __future__ import annotations

import re
from itertools import pairwise

_MARK = re.compile(r"""(?<![.!?])(?P<mark>[.!?]++)["'”’)\]}*_]*+(?=\s)""")
_NEXT = re.compile(r"""[\s"'“‘(\[{*_]*(\S)""")
_LAST_WORD = re.compile(r"""[^\s"'“‘(\[{*_]+$""")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_ABBREVIATIONS = """
mr mrs ms messrs dr prof rev hon gen col lt capt sgt gov sen rep pres st mt ft jr sr vs no vol fig
inc ltd corp co bros dept est approx e.g i.e a.m p.m ph.d jan feb mar apr aug sept oct nov dec ave
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
"""Lower-cased words that keep the period after them."""
_OPENERS = """
the a an this that these those it he she we they you in on at for from with if when while as after
before however but and although there here what who how why where our their his her
"""
OPENERS = frozenset(_OPENERS.split())
"""Lower-cased words that, with a capital, can hardly be a name."""


def sentences(text: str) -> list[str]:
    """The sentences of a text, none of them blank, each without the space around it."""
    cuts = [0, *(found.end() for found in _MARK.finditer(text) if _ends(text, found)), len(text)]
    parts = (text[start:end].strip() for start, end in pairwise(cuts))
    return [part for part in parts if part]


def count_sentences(text: str) -> int:
    """How many sentences a text has."""
    return len(sentences(text))


def _ends(text: str, found: re.Match[str]) -> bool:
    """Whether the mark found ends a sentence."""
    mark = found["mark"]
    if "!" in mark or "?" in mark:
        return True
    follows = _NEXT.match(text, found.end())
    if follows is None:
        return True
    capital = follows[1].isupper()
    if len(mark) > 1:
        return capital
    word = _LAST_WORD.search(text, max(0, found.start() - 40), found.start())
    last = word[0] if word else ""
    if last == "etc":
        return not follows[1].islower()
    if last.lower() in ABBREVIATIONS or (_INITIALS.fullmatch(last) and last != "I"):
        start = re.match(r"\w+", text[follows.start(1) : follows.start(1) + 20])
        return capital and start is not None and start[0].lower() in OPENERS
    return True
