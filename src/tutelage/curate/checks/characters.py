"""Characters nobody sees: control characters, zero-width ones, and marks that turn direction.

They come from PDF, web pages and word processors, split tokens, and can hide text from a reader
that a model sees (tag characters, direction overrides; Boucher and Anderson 2023, "Trojan Source").
Those that a script or an emoji needs (joiners in Arabic and Indic scripts, direction marks beside
right-to-left letters, tags behind the black flag) are right.
"""

from __future__ import annotations

import re

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import matches

CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
ZERO_WIDTH = (
    r"[\u{200b}\u{2060}-\u{2064}\u{feff}\u{00ad}\u{180e}\u{fff9}-\u{fffb}]"
    r"|(?:\A|[\p{Latin}\p{Greek}\p{Cyrillic}\p{Nd}\s!-/:-@])[\u{200c}\u{200d}]"
    r"|(?:\A|[^\u{1f3f4}\u{e0020}-\u{e007f}])[\u{e0000}-\u{e007f}]"
)
DIRECTION = r"[\u{200e}\u{200f}\u{061c}\u{202a}-\u{202e}\u{2066}-\u{2069}]"
RIGHT_TO_LEFT = r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}]"
TELL = "U+" + pl.col("match").str.slice(-1).map_elements(
    lambda character: f"{ord(character):04X}", return_dtype=pl.String
)

_BREAKS = re.compile(r"[\x0b\x0c\x1c-\x1e]")
_CONTROL = re.compile(CONTROL)
_ZERO_WIDTH = re.compile("[\u200b\u2060-\u2064\ufeff\u00ad\u180e\ufff9-\ufffb]")
_JOINER = re.compile("(?:(?<=[\\sA-Za-z0-9\u00c0-\u052f!-/:-@])|^)[\u200c\u200d]")
_TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")
_DIRECTION = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]")


@CHECKS.register("control_characters")
class ControlCharacters(Check):
    """Characters that are no text: NUL, backspace, escape, vertical tab …"""

    severity = "warning"
    title = "Control characters"
    suggestion = "Remove them (--clean does)."
    precision = "0.998 [0.987, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a field, the first such character the evidence."""
        return matches(batch.texts, CONTROL, TELL)

    def fix(self, text: str) -> str | None:
        """The text without them; those that break lines or pages become line breaks."""
        return _CONTROL.sub("", _BREAKS.sub("\n", text))


@CHECKS.register("invisible_characters")
class InvisibleCharacters(Check):
    """Zero-width characters, soft hyphens, tags, and direction marks in left-to-right text."""

    severity = "warning"
    title = "Invisible characters"
    suggestion = "Remove them (--clean does), and see whether they hid anything."
    precision = "0.993 [0.979, 0.998] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "1.000 [0.991, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a field, the first such character the evidence."""
        text = pl.col("text")
        texts = batch.texts.filter(text.str.contains(f"{ZERO_WIDTH}|{DIRECTION}"))
        left_to_right = ~text.str.contains(RIGHT_TO_LEFT)
        anywhere = matches(texts, ZERO_WIDTH, TELL)
        marks = matches(texts.filter(left_to_right), DIRECTION, TELL)
        return pl.concat([anywhere, marks.join(anywhere, on=["at", "field"], how="anti")])

    def fix(self, text: str) -> str | None:
        """The text without them."""
        for pattern in (_ZERO_WIDTH, _JOINER, _TAGS):
            text = pattern.sub("", text)
        return text if _RIGHT_TO_LEFT.search(text) else _DIRECTION.sub("", text)
