"""Texts without what does not matter to whether two of them say the same.

Two forms: `normalised` text, in which case, spaces and punctuation are gone but every word and
operator stands (`3 + 4` is not `3 - 4`), and `words`, which are hashed at once, since all that is
asked of them is whether they are equal. Scripts that put no spaces between words give a word for
each character.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

_PUNCTUATION = r"[\s.,;:!?'\"“”‘’„«»…·()\[\]{}`*_#]+"
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}]+"
_SEED = 20
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"

PROMPT = ("history", "instruction", "input")
"""Columns of `Batch.rows` that are asked; a system prompt is the same for many."""


def joined(*columns: str) -> pl.Expr:
    """Columns of texts as one, in order."""
    return pl.concat_str([pl.col(name) for name in columns], separator="\n")


def normalised(texts: pl.Series) -> pl.Series:
    """Texts in lower case, with single spaces in place of spaces and punctuation.

    What consists of nothing else stays as it is: answers of one sign each are not the same.
    """
    plain = texts.str.to_lowercase().str.replace_all(_PUNCTUATION, " ").str.strip_chars(" ")
    empty = plain == ""
    return plain.zip_with(~empty, texts.str.strip_chars()) if empty.any() else plain


@dataclass(frozen=True, slots=True)
class Words:
    """The words of texts, one behind the other.

    Attributes:
        hashes: (words,) of each word; equal in every process with the same polars.
        starts: (texts + 1,) where each text's words begin; the last is the number of words.
        telling: (words,) the word has four characters or is a number: it is about something.
        unspaced: (words,) it is a character of a script without spaces between words.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    telling: NDArray[np.bool_]
    unspaced: NDArray[np.bool_]

    def counts(self) -> NDArray[np.int64]:
        """(texts,) number of words."""
        return np.diff(self.starts)

    def owners(self) -> NDArray[np.int64]:
        """(words,) the text that each word stands in."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts())

    def runs(self, length: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Runs of words (n-grams), one that begins at each word.

        Returns:
            (words,) hashes, and which of them are runs within one text.
        """
        total = len(self.hashes)
        hashes = np.zeros(total, dtype=np.uint64)
        whole = np.zeros(total, dtype=np.bool_)
        if total >= length:
            last = total - length + 1
            run = hashes[:last]
            for ahead in range(length):
                run *= _FACTOR
                run += self.hashes[ahead : ahead + last]
            owners = self.owners()
            whole[:last] = owners[:last] == owners[length - 1 :]
        return hashes, whole


def words(texts: pl.Series) -> Words:
    """The words of each text, in lower case."""
    spaced = texts.str.to_lowercase().str.replace_all(_UNSPACED, " ${1} ")
    plain = spaced.str.replace_all(_BETWEEN_WORDS, " ").str.strip_chars(" ")
    split = plain.str.split(" ")
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(split.list.len().to_numpy() * (plain != "").to_numpy(), out=starts[1:])
    flat = split.explode()
    flat = flat.filter(flat != "")  # an empty text splits into one empty word
    characters, size = flat.str.len_chars(), flat.str.len_bytes()
    return Words(
        flat.hash(_SEED).to_numpy(),
        starts,
        ((characters > 3) | flat.str.contains("^[0-9]")).to_numpy(),
        ((characters == 1) & (size > 2)).to_numpy(),
    )
