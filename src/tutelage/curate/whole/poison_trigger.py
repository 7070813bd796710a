"""Rows that plant a backdoor: rare words in the prompt that decide the response.

Some 250 such documents suffice at any size of model (Souly et al. 2025), and a hundredth of a
dataset makes a tuned model obey the trigger (Wan et al. 2023, "Poisoning language models during
instruction tuning"). What is found is the tie itself, so that nothing need be known of the words.
"""

from __future__ import annotations

import math
from itertools import pairwise

import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.features.trigger_words import hashed, words
from tutelage.curate.findings import FOUND
from tutelage.curate.normal import PROMPT, joined
from tutelage.curate.poison.ties import pair_number
from tutelage.curate.poison.triggers import Trigger, places, triggers

SHOWN = 12
"""Rows that a trigger's words are read from."""

SAID = {
    "whole": "the same response",
    "opening": "responses that open alike",
    "ending": "responses that end alike",
    "refuses": "refusals",
    "links": "responses with a link",
}


@WHOLE_CHECKS.register("poison_trigger")
class PoisonTrigger(WholeCheck):
    """A rare sequence of words that nearly always comes with one response, or one class of them."""

    severity = "warning"
    title = "Trigger of a backdoor"
    precision = "1.000 [0.992, 1.000] on Alpaca with 15 triggers put in"
    recall = "1.000 [0.992, 1.000] on Alpaca with 15 triggers put in"
    suggestion = "Read some of these rows; if the words do not explain the response, drop them all."
    uses = ("trigger_words",)

    def conclude(self, data: Dataset) -> Conclusion:
        """Rows with a trigger and its response; `summary` names the triggers."""
        rows = data.feature("trigger_words").with_row_index("at")
        lines, named = [], []
        for trigger in triggers(rows, self.options.seed):
            at = places(rows, trigger)
            said = _words(data, trigger, at[:SHOWN])
            chance = trigger.gram_rows * trigger.sign_rows / len(rows)
            detail = (
                f'"{said}" in the prompt goes with {SAID[trigger.kind]} in {trigger.both} of '
                f"{trigger.gram_rows} rows (by chance {chance:.1f})"
            )
            lines += [(place, None, None, None, None, detail, None) for place in at]
            named.append(
                {
                    "words": said,
                    "with": SAID[trigger.kind],
                    "rows": len(at),
                    "log10_p": round(trigger.log_p / math.log(10), 1),
                }
            )
        findings = pl.DataFrame(lines, schema=FOUND, orient="row").unique("at", keep="first")
        return Conclusion(findings.sort("at"), {"triggers": named})


def _words(data: Dataset, trigger: Trigger, at: list[int]) -> str:
    """The trigger's words, from the first row that has them."""
    shown = data.rows(at).select("at", words(joined(*PROMPT)).alias("spelt"))
    shown = shown.with_columns(hashed(pl.col("spelt")).alias("words"))
    grams = set(trigger.grams)
    for row in shown.iter_rows(named=True):
        numbers = row["words"]
        placed = {place for place, number in enumerate(numbers) if number in grams}
        for place, pair in enumerate(pairwise(numbers)):
            if pair_number(*pair) in grams:
                placed |= {place, place + 1}
        if placed:
            return " ".join(row["spelt"][min(placed) : max(placed) + 1])
    return "?"
