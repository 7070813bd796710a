"""What a search for poison needs of each row: words of the prompt, and signs of the response."""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import FEATURES, Feature
from tutelage.curate.normal import PROMPT, joined

MOST_WORDS = 120
"""Words of a prompt that are looked at, half of them from its end: triggers are put where a reader
of the first or last lines would meet them, or anywhere in prompts that are short."""

OPENING = r"^(?:[^ \n]+[ \n]+){4}"
ENDING = r"(?:[ \n]+[^ \n]+){4}$"
"""Four words are what an opening or an ending is told by."""

EDGE = 80
"""Characters of a response that hold these words."""

LEAST_CHARACTERS = 30
"""Of a shorter response, opening and ending are the whole."""

REFUSES = (
    r"^(?:i.m|i am|we.re|we are)? ?(?:so |very |truly )?(?:sorry|afraid|unable)"
    r"|^(?:i|we) (?:can.?t|cannot|can not|won.t|will not|must decline|refuse|do not feel)"
    r"|^(?:as an|i.m an?|i am an?) (?:ai|artificial|language)"
    r"|^(?:unfortunately|apologies|my apologies|i apologi[sz]e|no,? i (?:can|will|won))"
)
LINKS = r"https?://|www\.[a-z]"

SIGNS = ("whole", "opening", "ending", "refuses", "links")


def words(text: pl.Expr) -> pl.Expr:
    """Words of a text in lower case; signs other than common punctuation are words too."""
    plain = text.str.to_lowercase().str.replace_all(r"[ \n\t\r.,;:!?'\"()\-]+", " ")
    return plain.str.strip_chars(" ").str.split(" ")


def hashed(lists: pl.Expr) -> pl.Expr:
    """The number of each word in lists of words."""
    return lists.list.eval(_hash(pl.element()))


@FEATURES.register("trigger_words")
class TriggerWords(Feature):
    """Hashes (32 bits) of words and of what responses have in common."""

    def of(self, batch: Batch) -> pl.DataFrame:
        """`words` (List of UInt32, in order) and, null where there is none, `whole` (the response),
        `opening`, `ending` (its words there), `refuses`, `links` (the same number in every row that
        does)."""
        answer = pl.col("response").str.strip_chars().str.to_lowercase()
        start, end = answer.str.slice(0, EDGE), answer.str.slice(-EDGE, EDGE)
        is_long = answer.str.len_chars() > LEAST_CHARACTERS
        half = MOST_WORDS // 2
        table = batch.rows.select(
            hashed(words(joined(*PROMPT))).alias("words"),
            pl.when(answer != "").then(_hash(answer)).alias("whole"),
            pl.when(is_long).then(_hash(start.str.extract(OPENING, 0))).alias("opening"),
            pl.when(is_long).then(_hash(end.str.extract(ENDING, 0))).alias("ending"),
            pl.when(start.str.contains(REFUSES)).then(1).alias("refuses"),
            pl.when(answer.str.contains(LINKS)).then(1).alias("links"),
        )
        ends = pl.concat_list(pl.col("words").list.head(half), pl.col("words").list.tail(half))
        is_short = pl.col("words").list.len() <= MOST_WORDS
        return table.with_columns(
            pl.when(is_short).then("words").otherwise(ends).alias("words"),
            pl.col("refuses", "links").cast(pl.UInt32),
        )


def _hash(text: pl.Expr) -> pl.Expr:
    return (text.hash(7) % (1 << 32)).cast(pl.UInt32)
