"""Secrets: keys, tokens and passwords that open something.

Found by the forms that issuers publish, by structure (a JSON web token's header is read, a private
key has a body), and by names that secrets are assigned to. What stands for a key to be put in
(`YOUR_API_KEY`, AWS's `…EXAMPLE`) is none.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found
from tutelage.curate.safety.kinds import locate, redacted
from tutelage.curate.safety.secret_kinds import KINDS


@CHECKS.register("secret")
class Secret(Check):
    """AWS, GitHub, Slack and other keys, private keys, web tokens, assigned passwords."""

    severity = "error"
    title = "Secret"
    precision = "1.000 [0.987, 1.000] on Alpaca with secrets put in"
    recall = "1.000 [0.987, 1.000] on Alpaca with secrets put in"
    suggestion = "Revoke it where it is valid, and take it out of the data."

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a match, with its kind."""
        where = locate(batch.texts, KINDS, "real")
        return found(where, pl.col("kind"), start=pl.col("start"), end=pl.col("end"))

    def fix(self, text: str) -> str | None:
        """The text with `[SECRET]` in its place."""
        return redacted(text, KINDS)
