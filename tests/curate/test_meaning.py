"""The same asked in other words: rows like rows, and rows like evaluation items."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory import batch, dataset
from tutelage.curate.duplicates import similar as module
from tutelage.curate.duplicates.similar import cosines, similar
from tutelage.curate.rare_words import in_common, weights

ROWS = [
    {"instruction": "Describe how volcanoes form under the ocean.", "output": "Slowly."},
    {"instruction": "Convert 8 pounds to kilograms.", "output": "3.63"},
    {"instruction": "Please describe how volcanoes form under an ocean.", "output": "By heat."},
    {"instruction": "Convert 12 pounds to kilograms.", "output": "5.44"},
    {"instruction": "Write a haiku about the autumn rain.", "output": "Drops."},
    {"instruction": "Write a haiku about the silent desert.", "output": "Sand."},
]


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_prompts_in_other_words_are_found_and_other_numbers_or_themes_are_not() -> None:
    pytest.importorskip("wordllama")
    turned = {"instruction": "Describe how volcanoes do not form under the ocean.", "output": "?"}
    found = dataset([*ROWS, turned]).conclude("semantic_duplicate").findings
    assert found.select("at", "detail").rows() == [(2, "asks much the same as row 0 of made.jsonl")]


def test_items_in_other_words_are_found() -> None:
    pytest.importorskip("wordllama")
    item = "Describe under which conditions volcanoes form below an ocean."
    items = [{"instruction": item, "output": "-"}]
    concluded = dataset(ROWS, {"exam": items}).conclude("paraphrased_contamination")
    assert concluded.findings["at"].to_list() == [0, 2]
    assert concluded.findings["detail"][0].startswith("asks what row 0 of exam.jsonl asks")
    assert concluded.summary["exam"]["found"] == 1


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_row_is_paired_with_the_first_and_the_most_alike(seed: int, count: int) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 3)))
    pairs = similar(vectors, 0.9, seed=0)
    partners = {row: set(pairs[pairs[:, 1] == row, 0].tolist()) for row in range(count)}
    exact = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    for row in range(count):
        like = [other for other in range(row) if exact[other, row] >= 0.9 + 1e-6]
        assert all(exact[other, row] >= 0.9 - 1e-6 for other in partners[row])
        if like:
            assert like[0] in partners[row]
            assert max(like, key=lambda other: exact[other, row]) in partners[row]
    assert cosines(vectors, pairs) == pytest.approx(exact[pairs[:, 0], pairs[:, 1]], abs=1e-5)


def test_cells_lose_few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    centre = draw.normal(size=(40, 64))
    whole = np.repeat(centre, 50, axis=0)
    near = unit(whole + 0.25 * draw.normal(size=whole.shape))
    everything = {tuple(pair) for pair in similar(near, 0.9, seed=1).tolist()}
    later = {row for _, row in everything}
    monkeypatch.setattr(module, "EXACT", 500)
    monkeypatch.setattr(module, "CELL_ROWS", 100)
    celled = {row for _, row in similar(near, 0.9, seed=1).tolist()}
    assert celled <= later
    assert len(celled) >= 0.97 * len(later)


def test_rare_words_weigh_more_than_common_ones() -> None:
    asked = [f"Explain the word number{chr(97 + n) * 4} now" for n in range(8)]
    rows = [{"instruction": text, "output": "-"} for text in [*asked, "Explain photosynthesis"]]
    data = dataset(rows)
    texts = batch(rows).rows["instruction"]
    pairs = np.array([[0, 1], [0, 0], [0, 8]])
    got = in_common(pairs, lambda at: texts[at], lambda at: texts[at], weights(data))
    explain, word, number = math.log(9 / 9), math.log(9 / 8), math.log(9 / 1)
    assert got == pytest.approx(
        [
            (explain + word) / (explain + word + 2 * number),
            1.0,
            explain / (explain + word + number + math.log(9 / 1)),
        ]
    )
    assert pl.Series(got).is_between(0, 1).all()
