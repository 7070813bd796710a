"""Insults, threats, contempt for groups, slurs and floods of swear words.

Rules with context (`curate/safety/toxicity.py`) and no model: they say why, and run on a laptop at
a million rows. Sarcasm and contempt in polite words are out of their reach.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.safety.toxicity import ENOUGH, sieves, toxic


@CHECKS.register("toxicity")
class Toxicity(Check):
    """Text that insults, threatens or despises somebody."""

    severity = "warning"
    title = "Toxic text"
    precision = "0.958 [0.798, 0.993] on 26 sentences of ours among Alpaca and XSTest"
    recall = "0.885 [0.710, 0.960] on 26 sentences of ours"
    suggestion = "Drop the row, unless it is there to be judged or answered with restraint."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a text, at its worst place."""
        lines = []
        passed = batch.texts
        for sieve in sieves():
            passed = passed.filter(pl.col("text").str.contains(sieve))
        for at, field, text in passed.select("at", "field", "text").iter_rows():
            if (seen := toxic(text)) is None:
                continue
            score = min(1.0, seen.weight / (2 * ENOUGH))
            lines.append((at, field, seen.start, seen.end, score, "; ".join(seen.names), None))
        return pl.DataFrame(lines, schema=FOUND, orient="row")
