"""What a row's prompt, and its response, is about: a vector of 256 numbers by WordLlama.

Vectors of words distilled from a language model's token table, averaged over a text: the wheel
carries the weights (16 MB), and 12,000 Alpaca prompts take 0.9 s on one core. Words are not
weighed by order, so vectors tell what texts are about, not what they say of it; what must tell more
looks at the texts again. Averages are sums over a text's own tokens as a sparse product, so a row's
vector does not depend on its batch, nor memory on the longest text.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.batch import Batch
from tutelage.curate.check import FEATURES, Feature
from tutelage.curate.normal import joined

WIDTH = 256

CHARACTERS = 4000
"""Longer texts are cut: what a text is about stands at its beginning, or it is a pasted page."""

Vectors = NDArray[np.float32]
"""(texts, WIDTH), each of length 1; zeros for a text without words."""


@FEATURES.register("embedding")
class Embedding(Feature):
    """`vector` of the instruction and its input."""

    needs = ("wordllama", "scipy")
    slow = True

    def of(self, batch: Batch) -> pl.DataFrame:
        """One vector a row, of length 1 (zeros where nothing is asked)."""
        prompt = joined("instruction", "input").str.strip_chars()
        return _table(batch.rows.select(prompt).to_series())


@FEATURES.register("response_embedding")
class ResponseEmbedding(Feature):
    """`vector` of the response."""

    needs = ("wordllama", "scipy")
    slow = True

    def of(self, batch: Batch) -> pl.DataFrame:
        """One vector a row, of length 1 (zeros where nothing is answered)."""
        return _table(batch.rows["response"])


def embed(texts: pl.Series) -> Vectors:
    """Vectors of texts."""
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    model = _model()
    cut = texts.str.slice(0, CHARACTERS).to_list()
    encoded = model.tokenizer.encode_batch_fast(cut, add_special_tokens=False)
    tokens = [np.asarray(one.ids, dtype=np.int32) for one in encoded]
    starts = np.zeros(len(tokens) + 1, dtype=np.int64)
    np.cumsum([len(ids) for ids in tokens], out=starts[1:])
    flat = np.concatenate([np.zeros(0, dtype=np.int32), *tokens])
    shape = (len(tokens), len(model.embedding))
    counts = csr_matrix((np.ones(len(flat), dtype=np.float32), flat, starts), shape=shape)
    sums = counts @ model.embedding
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    vectors: Vectors = (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return vectors


def _table(texts: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"vector": pl.Series(embed(texts), dtype=pl.Array(pl.Float32, WIDTH))})


@lru_cache(maxsize=1)
def _model() -> Any:
    """The model from its wheel, once a process; nothing is downloaded."""
    import wordllama  # type: ignore[import-untyped]

    folder = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    model.tokenizer.no_padding()
    return model
