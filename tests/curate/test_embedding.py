"""Vectors of prompts: as the model's own, whatever the batch."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from in_memory import batch
from tutelage.curate.check import FEATURES
from tutelage.data.audit_options import AuditOptions

wordllama = pytest.importorskip("wordllama")

ROWS = [
    {"instruction": "Name three rivers.", "input": "", "output": "Rhine, Nile, Volga."},
    {"instruction": "Translate into French.", "input": "Good morning!", "output": "Bonjour !"},
    {"instruction": "How do I bake bread? " * 40, "input": "", "output": "Mix, knead, bake."},
]


def vectors(name: str, rows: list[dict[str, str]]) -> np.ndarray:
    feature = FEATURES.get(name)(AuditOptions())
    return feature.of(batch(rows))["vector"].to_numpy()


def test_vectors_are_the_models_own() -> None:
    model = wordllama.WordLlama.load(
        cache_dir=Path(wordllama.__file__).parent, disable_download=True
    )
    texts = ["\n".join((row["instruction"], row["input"])).strip() for row in ROWS]
    assert np.allclose(vectors("embedding", ROWS), model.embed(texts, norm=True), atol=1e-5)
    answers = model.embed([row["output"] for row in ROWS], norm=True)
    assert np.allclose(vectors("response_embedding", ROWS), answers, atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch() -> None:
    together = vectors("embedding", ROWS)
    alone = np.concatenate([vectors("embedding", [row]) for row in ROWS])
    assert np.array_equal(together, alone)


def test_lengths_are_one_and_types_as_agreed() -> None:
    table = FEATURES.get("embedding")(AuditOptions()).of(batch(ROWS))
    assert table.schema == {"vector": pl.Array(pl.Float32, 256)}
    assert np.allclose(np.linalg.norm(table["vector"].to_numpy(), axis=1), 1, atol=1e-6)
