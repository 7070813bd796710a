"""What a dataset is made of: kinds of task, roots, spread, topics and the map."""

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory import dataset
from tutelage.curate.diversity.layout import SAMPLE, layout
from tutelage.curate.diversity.spread import self_bleu, vendi
from tutelage.curate.diversity.task_types import TYPES, ruled
from tutelage.curate.diversity.topics import clusters, names
from tutelage.curate.diversity.verbs import Root, root
from tutelage.curate.whole.diversity import coverage
from tutelage.curate.words import sections

DRAW = np.random.default_rng(0)


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)


def groups(count: int, each: int, width: int = 16, noise: float = 0.1) -> np.ndarray:
    """Vectors in `count` groups around random directions, group by group."""
    middles = unit(DRAW.normal(size=(count, width)))
    return unit(np.repeat(middles, each, axis=0) + noise * DRAW.normal(size=(count * each, width)))


@pytest.mark.parametrize(
    ("instruction", "given_input", "kind"),
    [
        ("Translate the sentence into German.", "I am here.", "translation"),
        ("Write a Python function that reverses a list.", "", "code"),
        ("Classify this tweet as angry or calm.", "Argh!", "classification"),
        ("Is a tomato a fruit or a vegetable?", "", "classification"),
        ("Calculate the area of a circle of radius 3.", "", "reasoning"),
        ("Summarize the article.", "Once …", "summarising"),
        ("Extract all dates from the text.", "On 3 May …", "extraction"),
        ("List the cities.", "We saw Rome and Pisa.", "extraction"),
        ("Rewrite the sentence in the passive voice.", "Tom ate.", "rewriting"),
        ("Write a short story about a lighthouse.", "", "creative writing"),
        ("Suggest five names for a bakery.", "", "brainstorming"),
        ("Hello, how are you?", "", "chat"),
        ("Who painted the Night Watch?", "", "question answering"),
    ],
)
def test_plain_instructions_have_their_kind(instruction: str, given_input: str, kind: str) -> None:
    table = pl.DataFrame({"instruction": [instruction], "input": [given_input]})
    assert table.select(ruled(pl.col("instruction"), pl.col("input"))).item() == kind


def test_every_kind_has_examples() -> None:
    assert set(sections("task_types")) == set(TYPES)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Write a short story about rain.", ("write", "story")),
        ("Please give me three tips for sleeping well.", ("give", "tip")),
        ("Given a list of numbers, compute the mean value of it.", ("compute", "value")),
        ("Come up with two slogans", ("come up with", "slogan")),
        ("Can you rewrite this paragraph, using simpler words?", ("rewrite", "paragraph")),
        ("Name the countries that border Chad", ("name", "country")),
        ("Explain why the sky is blue", ("explain", None)),
        ("What is the capital of Chad?", (None, None)),
        ("", (None, None)),
        ("42", (None, None)),
    ],
)
def test_roots_of_instructions(instruction: str, expected: tuple[str | None, str | None]) -> None:
    assert root(instruction) == Root(*expected)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_a_root_or_none(text: str) -> None:
    assert isinstance(root(text), Root)


def test_vendi_is_that_of_the_whole_matrix() -> None:
    vectors = groups(7, 30, width=24, noise=0.3)
    exact = vectors.astype(np.float64)
    values = np.linalg.eigvalsh(exact @ exact.T / len(exact))
    values = values[values > 1e-12]
    assert vendi(vectors) == pytest.approx(np.exp(-np.sum(values * np.log(values))), rel=1e-6)


def test_vendi_counts_what_differs() -> None:
    different = np.eye(5, 8, dtype=np.float32)
    assert vendi(different) == pytest.approx(5)
    assert vendi(np.repeat(different, 40, axis=0)) == pytest.approx(5)
    assert vendi(different[:1]) == pytest.approx(1)
    assert vendi(np.zeros((3, 8), dtype=np.float32)) == 0


def test_self_bleu_is_one_where_all_is_the_same_and_none_for_one() -> None:
    assert self_bleu(["Tell me of the sea and the wind."] * 3) == pytest.approx(1)
    assert self_bleu(["one text"]) is None
    apart = self_bleu(["Tell me of the sea.", "Compute 3 + 4 now.", "Hum an old song."])
    assert apart is not None
    assert apart < 0.2


def test_clusters_are_the_groups_the_largest_first_the_same_again() -> None:
    vectors = np.concatenate([groups(1, 60), groups(1, 40)])
    labels = clusters(vectors, seed=3)
    assert len(set(labels.tolist())) == 2
    assert labels.tolist() == [0] * 60 + [1] * 40
    assert np.array_equal(labels, clusters(vectors, seed=3))


def test_names_are_typical_words() -> None:
    about = [["Bake bread with rye", "Bake a cake"], ["Tune a violin", "Tune an old violin"]]
    first, second = names(about)
    assert "bake" in first
    assert {"tune", "violin"} <= set(second.split(", "))


def test_the_map_keeps_groups_together_and_is_the_same_again() -> None:
    vectors = groups(6, 60)
    places = layout(vectors, seed=1)
    assert np.array_equal(places, layout(vectors, seed=1))
    gaps = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(gaps, np.inf)
    group = np.arange(len(vectors)) // 60
    assert (group[gaps.argmin(axis=1)] == group).mean() > 0.95


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_a_map_of_a_few_rows(rows: int) -> None:
    places = layout(groups(1, rows), seed=0)
    assert places.shape == (rows, 2)
    assert np.isfinite(places).all()


def test_identical_rows_have_a_map() -> None:
    assert np.isfinite(layout(np.repeat(groups(1, 1), 30, axis=0), seed=0)).all()


@pytest.mark.slow
def test_rows_outside_the_sample_lie_by_their_group() -> None:
    vectors = groups(4, (SAMPLE + 800) // 4)
    places = layout(vectors, seed=0)
    group = np.arange(len(vectors)) * 4 // len(vectors)
    middles = np.stack([np.median(places[group == number], axis=0) for number in range(4)])
    nearest = ((places[:, None] - middles[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == group).mean() > 0.9


def test_what_is_missing_is_said_plainly() -> None:
    said = coverage(pl.Series(["question answering"] * 98 + ["code", "rewriting"]))
    assert "no translation" in said["missing"]
    assert "1.0% code" in said["missing"]
    assert "98% is question answering" in said["missing"]
    assert said["task_types"]["question answering"] == {"rows": 98, "share": 0.98}


def test_a_dataset_is_described_row_by_row() -> None:
    things = ("rivers", "mountains", "painters", "operas", "beetles")
    asked = ("Explain what {} are.", "Write a poem about {}.", "Translate '{}' into French.")
    rows = [
        {"instruction": form.format(thing), "input": "", "output": f"The {thing} are so many here."}
        for form, thing in product(asked, things)
    ]
    concluded = dataset(rows).conclude("diversity")
    assert concluded.findings.is_empty()
    assert concluded.columns is not None
    assert concluded.columns.columns == ["x", "y", "cluster", "task_type", "language"]
    assert len(concluded.columns) == len(rows)
    summary = concluded.summary
    assert summary["task_types"]["translation"]["rows"] == len(things)
    assert {"verb": "write", "noun": "poem", "rows": 5} in summary["roots"]["commonest"]
    assert summary["languages"] == {"en": len(rows)}
    assert sum(cluster["rows"] for cluster in summary["clusters"]) == len(rows)
    again = dataset(rows).conclude("diversity")
    assert again.columns is not None
    assert again.columns.equals(concluded.columns)
    assert again.summary == summary
