"""Personal data: what names, reaches or locates a person, by kind and span.

Two checks, because they call for different things. Real-looking data is learnt by heart by a model
and given out again (Carlini et al. 2021), so that it is a warning and `--clean` can take it out
(`redact`). What is set aside for examples (`example.com`, 555 numbers, a card for tests) harms
nobody and is only noted.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found
from tutelage.curate.safety.kinds import Verdict, locate, redacted
from tutelage.curate.safety.personal import KINDS

ASKED_FOR = (
    r"(?i)\b(?:generat|creat|make up|made[- ]up|invent|hypothetical|fiction|fictitious|fake|dummy"
    r"|mock|sample|example|random|valid|check|find|look up|locate|extract)\w*\b.{0,60}"
    r"\b(?:address|phone|telephone|e-?mail|contact|ip\b|ipv[46]|iban|card|passport|social security"
    r"|ssn|business card|cv|resum|letterhead|signature)"
)
"""An instruction that wants such a value: what it gets is made up, or a place's and no person's."""


def _find(batch: Batch, verdict: Verdict, detail: pl.Expr) -> pl.DataFrame:
    asked = batch.rows.filter(pl.col("instruction").str.contains(ASKED_FOR)).select("at")
    where = locate(batch.texts, KINDS, verdict)
    if verdict == "real":
        where = where.join(asked, on="at", how="anti", maintain_order="left")
    else:
        wanted = locate(batch.texts, KINDS, "real").join(
            asked, on="at", how="semi", maintain_order="left"
        )
        where = pl.concat([where, wanted])
    return found(where, detail, start=pl.col("start"), end=pl.col("end"))


@CHECKS.register("personal_data")
class PersonalData(Check):
    """E-mail, phone, IBAN, card, IP and street address, social security and passport numbers."""

    severity = "warning"
    title = "Personal data"
    precision = "0.993 [0.976, 0.998] on Alpaca with personal data put in"
    recall = "0.990 [0.971, 0.997] on Alpaca with personal data put in"
    suggestion = "Replace it by an invented value or its kind (`redact`), or drop the row."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a match, with its kind."""
        return _find(batch, "real", pl.col("kind"))

    def fix(self, text: str) -> str | None:
        """The text with `[EMAIL]` and the like in place of the data, where the user asks for it."""
        return redacted(text, KINDS) if self.options.redact else None


@CHECKS.register("example_personal_data")
class ExamplePersonalData(Check):
    """Values of the same form that belong to nobody."""

    severity = "info"
    title = "Made-up personal data"
    suggestion = "Harmless; many of the same kind teach a model to write them."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a match, with its kind."""
        return _find(batch, "example", pl.concat_str(pl.col("kind"), pl.lit(" (an example)")))
