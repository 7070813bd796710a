"""Mojibake: UTF-8 that was read as another encoding ("dÃ©jÃ  vu"), and characters lost on the way.

ftfy (Speer 2019, extra `audit`) knows which sequences are mistakes and how to undo them, at some 50
µs a text. Only texts with a sequence that could be one are given to it: a character that stands for
a first byte of UTF-8 in one of the encodings that text is mistaken for, followed by one that stands
for a continuation byte in the same. U+FFFD marks what is lost for good.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND, matches

ENCODINGS = (
    "latin-1",
    "cp1252",
    "cp1251",
    "cp1250",
    "cp1253",
    "cp1254",
    "cp1257",
    "iso-8859-2",
    "mac-roman",
    "cp437",
)
FIRST_BYTES = bytes(range(0xC2, 0xF5))
NEXT_BYTES = bytes(range(0x80, 0xC0))
ALWAYS = r"[\u{80}-\u{9f}]|Ã[ \u{a0}]|â€|\u{fffd}"
"""C1 control characters stand in no text; the other two have lost the byte that would follow."""

LOST = "\ufffd"


@cache
def suspicious() -> str:
    """A pattern that every text with mojibake matches, and few others."""
    pairs = []
    for encoding in ENCODINGS:
        first, following = (
            "".join(sorted(set(values.decode(encoding, "ignore"))))
            for values in (FIRST_BYTES, NEXT_BYTES)
        )
        pairs.append(f"[{_class(first)}][{_class(following)}]")
    return "|".join([ALWAYS, *pairs])


def _class(characters: str) -> str:
    return "".join(f"\\u{{{ord(character):x}}}" for character in characters)


def mended(text: str) -> str:
    """The text as it was meant, the same text where nothing is wrong with it."""
    import ftfy

    return ftfy.fix_encoding(text)


@CHECKS.register("mojibake")
class Mojibake(Check):
    """Text that was decoded with the wrong encoding."""

    severity = "warning"
    title = "Broken encoding"
    suggestion = "Repair it (--clean does), or read the source as UTF-8 again."
    precision = "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.998 [0.987, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    needs = ("ftfy",)

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a field, what differs from the mended text the evidence."""
        texts = batch.texts.filter(~pl.col("text").str.contains(r"\A[\x00-\x7f]*\z"))
        texts = texts.filter(pl.col("text").str.contains(suspicious()))
        lines = []
        for at, field, text in texts.select("at", "field", "text").iter_rows():
            fixed = mended(text)
            if fixed != text:
                start, end = _difference(text, fixed)
                lines.append((at, field, start, end, None, _detail(text, fixed), None))
        broken = pl.DataFrame(lines, schema=FOUND, orient="row")
        lost = matches(texts, LOST, "a character was lost (U+FFFD)")
        return pl.concat([broken, lost.join(broken, on=["at", "field"], how="anti")])

    def fix(self, text: str) -> str | None:
        """The text as it was meant, where that can be told."""
        fixed = mended(text)
        return None if fixed == text else fixed


def _difference(old: str, new: str) -> tuple[int, int]:
    """The span of the old text outside of what both begin and end with."""
    limit = min(len(old), len(new))
    start = next((i for i in range(limit) if old[i] != new[i]), limit)
    limit -= start
    tail = next((i for i in range(limit) if old[-1 - i] != new[-1 - i]), limit)
    return start, len(old) - tail


def _detail(old: str, new: str) -> str:
    """The first place where the texts differ."""
    start, _ = _difference(old, new)
    return f"“{old[start : start + 12]}” was meant as “{new[start : start + 6]}”"
