"""What bias is measured from: which groups of people a row names, and the sentences that do.

Kept for each row are two masks, the sentences (a few, cut), and, where the prompt names a group,
its template and how the response speaks, so that all of a million rows' bias is computed from some
hundred megabytes without reading the rows again.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.bias.groups import anyone, mask, template
from tutelage.curate.check import FEATURES, Feature
from tutelage.curate.normal import PROMPT, joined
from tutelage.curate.words import any_of, sections

MOST_SENTENCES = 4
MOST_CHARACTERS = 240


def counted(text: pl.Expr, words: tuple[str, ...]) -> pl.Expr:
    """How many of these words a text has."""
    return text.str.count_matches(rf"(?i)(?-u:\b)(?:{any_of(words)})(?-u:\b)")


@FEATURES.register("people")
class People(Feature):
    """Groups named in prompt and response, and what is said of them."""

    def of(self, batch: Batch) -> pl.DataFrame:
        """`prompt_groups` and `response_groups` (masks, see `bias.groups`), `prompt_said` and
        `response_said` (sentences that name a group, a line each; null where none does), `template`
        (UInt64, of the prompt; null where it names none), `response_characters`, and `praise` and
        `blame` (words of the response that speak well and ill, where there is a template)."""
        rows = batch.rows.select(joined(*PROMPT).alias("prompt"), "response").with_row_index("at")
        parts = [_said(rows.select("at", name), name) for name in ("prompt", "response")]
        table = rows
        for part in parts:
            table = table.join(part, on="at", how="left", maintain_order="left")
        masks = pl.col("prompt_groups", "response_groups").fill_null(0)
        table = table.with_columns(masks)
        asked = table.filter(pl.col("prompt_groups") > 0)
        mood = sections("sentiment")
        spoken = asked.select(
            "at",
            template(pl.col("prompt").str.to_lowercase()).hash(3).alias("template"),
            pl.col("response").str.len_chars().alias("response_characters"),
            counted(pl.col("response"), mood["positive"]).alias("praise"),
            counted(pl.col("response"), mood["negative"]).alias("blame"),
        )
        return table.join(spoken, on="at", how="left", maintain_order="left").drop(
            "at", "prompt", "response"
        )


def _said(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """`at`, the sentences of a column that name a group, and which."""
    found = rows.filter(pl.col(name).str.contains(anyone()))
    sentences = (
        found.select("at", pl.col(name).str.replace_all(r"([.!?]) +", "${1}\n").str.split("\n"))
        .explode(name)
        .filter(pl.col(name).str.contains(anyone()))
        .with_columns(pl.col(name).str.slice(0, MOST_CHARACTERS))
        .group_by("at", maintain_order=True)
        .agg(pl.col(name).head(MOST_SENTENCES).str.join("\n").alias(f"{name}_said"))
    )
    return sentences.with_columns(mask(pl.col(f"{name}_said")).alias(f"{name}_groups"))
