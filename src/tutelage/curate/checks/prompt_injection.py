"""Jailbreaks and injected instructions inside training data.

A model tuned on answers to jailbreaks learns to give them, and one tuned on documents that order
it about learns to obey documents (BIPIA, Yi et al. 2023). Found by weighted signs of wording:
an injected question that reads as any other question is out of reach of rules, and so measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tutelage.curate.batch import Batch, Part
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.safety.attacks import DIRECTIVE, ENOUGH, SIGNS, Sign, attack, sieved

READ_ONLY: tuple[Part, ...] = ("input", "tool")
"""Parts that a model is to read, not to obey."""


@CHECKS.register("prompt_injection")
class PromptInjection(Check):
    """Text that tells a model to drop its rules, or a document that gives it orders."""

    severity = "warning"
    title = "Attack on the model"
    precision = "1.000 [0.886, 1.000] on jailbreaks among Alpaca and XSTest"
    recall = "0.968 [0.838, 0.994] on jailbreaks; 0.833 on orders in e-mails (BIPIA)"
    suggestion = "Drop the row, unless its response shows how to withstand the attack."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a text, at its weightiest sign."""
        documents = batch.of(*READ_ONLY)
        return pl.concat([_found(batch.texts, SIGNS), _found(documents, [DIRECTIVE])])


def _found(texts: pl.DataFrame, signs: Sequence[Sign]) -> pl.DataFrame:
    lines = []
    for at, field, text in sieved(texts, signs).select("at", "field", "text").iter_rows():
        if (seen := attack(text, signs)) is None:
            continue
        detail = "; ".join(sign.name for sign in sorted(seen.signs, key=lambda sign: -sign.weight))
        score = min(1.0, seen.weight / (2 * ENOUGH))
        lines.append((at, field, seen.start, seen.end, score, detail, None))
    return pl.DataFrame(lines, schema=FOUND, orient="row")
