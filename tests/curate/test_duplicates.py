"""Duplicates: found where they are, not where rows merely share a frame; the first is kept."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defects import inject_exact_duplicate, inject_near_duplicate
from in_memory import batch, dataset, findings
from tutelage.curate.check import FEATURES
from tutelage.curate.duplicates.candidates import candidates
from tutelage.curate.duplicates.clusters import originals
from tutelage.curate.duplicates.overlap import overlaps
from tutelage.data.audit_options import AuditOptions

SYLLABLES = ("ka", "lo", "mi", "tera", "vun", "shi", "por", "ale", "quen", "dris")


def vocabulary(draw: random.Random, size: int = 3000) -> list[str]:
    return ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(size)]


def made(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows with nothing in common but a vocabulary."""
    draw = random.Random(seed)
    words = vocabulary(draw)
    return [
        {
            "instruction": " ".join(draw.choices(words, k=draw.randint(8, 20))),
            "output": " ".join(draw.choices(words, k=draw.randint(10, 60))),
        }
        for _ in range(count)
    ]


def found(name: str, rows: list[dict[str, str]]) -> dict[int, str]:
    table = findings(name, rows)
    return dict(zip(table["at"].to_list(), table["detail"].to_list(), strict=True))


def test_rows_repeated_are_found_and_name_the_first() -> None:
    rows, broken = inject_exact_duplicate(made(200), 0.1, seed=3)
    told = found("exact_duplicate", rows)
    assert set(told) == broken
    assert told[200].startswith("the same as row ")
    assert sum("but for case" in detail for detail in told.values()) == len(broken) // 2
    assert not found("near_duplicate", rows)


def test_operators_and_empty_signs_tell_rows_apart() -> None:
    rows = [
        {"instruction": "What is 3 + 4?", "output": "7"},
        {"instruction": "What is 3 - 4?", "output": "7"},
        {"instruction": "Laugh.", "output": "!!"},
        {"instruction": "Laugh.", "output": "??"},
    ]
    assert not found("exact_duplicate", rows)


def test_rows_with_changed_words_are_found() -> None:
    rows, broken = inject_near_duplicate(made(400), 0.25, seed=5)
    told = set(found("near_duplicate", rows))
    assert told <= broken
    assert len(told) >= 0.95 * len(broken)


def test_rows_under_one_frame_are_not_the_same() -> None:
    """Questions about one passage, and inputs under one definition, share most of their words."""
    passage = " ".join(made(1, seed=9)[0].values()) * 3
    asked = made(40, seed=10)
    about = [{**row, "input": passage} for row in asked]
    under = [{"instruction": passage, "input": row["output"], "output": "yes"} for row in asked]
    assert not found("near_duplicate", about)
    assert not found("near_duplicate", under)


def test_labelled_rows_are_alike_only_if_their_inputs_are() -> None:
    instruction = "Say whether this review of a film is positive or negative, in one word."
    inputs = [
        "a fine film",
        "a dull film",
        "a long and dull film of no use",
        "a dull film of no use",
    ]
    rows = [{"instruction": instruction, "input": text, "output": "positive"} for text in inputs]
    assert set(found("near_duplicate", rows)) == {3}


def test_two_sums_are_not_the_same_and_one_sum_in_other_words_is() -> None:
    rows = [
        {
            "instruction": f"{asks} the area of a rectangle with length {a} and with width {b}.",
            "output": f"The area of the rectangle is {a} times {b}, which is {a * b} square units.",
        }
        for asks, a, b in [("Calculate", 5, 3), ("Calculate", 7, 4), ("Work out", 5, 3)]
    ]
    assert set(found("near_duplicate", rows)) == {2}


CAPITALS = {
    "France": "Paris", "Spain": "Madrid", "Italy": "Rome", "Poland": "Warsaw", "Norway": "Oslo",
    "Sweden": "Stockholm", "Greece": "Athens", "Peru": "Lima", "Kenya": "Nairobi", "Japan": "Tokyo",
}  # fmt: skip


@pytest.mark.parametrize(
    "asked", ["What is the capital of {}?", "Please tell me the name of the capital city of {}."]
)
@pytest.mark.parametrize(
    "said",
    [
        "{1}",
        "It is {1}.",
        "The capital is {1}.",
        "The capital of {0} is {1}.",
        "{1} is the capital city of {0}, and its largest one too.",
    ],
)
def test_short_rows_about_other_things_are_not_the_same(asked: str, said: str) -> None:
    rows = [
        {"instruction": asked.format(country), "output": said.format(country, city)}
        for country, city in CAPITALS.items()
    ]
    assert not found("near_duplicate", rows)
    for word in ("Please", "Which", "Now"):  # what is asked stays
        again = f"{word} {asked.format('Japan')[:1].lower()}{asked.format('Japan')[1:]}"
        repeated = {"instruction": again, "output": said.format("Japan", "Tokyo")}
        assert set(found("near_duplicate", [*rows, repeated])) == {len(rows)}


def test_a_huge_cluster_costs_no_more_than_its_rows() -> None:
    """A thousand rows that are nearly one: a handful of comparisons each, not a thousand."""
    row = made(1, seed=1)[0]
    rows = [{**row, "output": f"{row['output']} {number}"} for number in range(1000)]
    concluded = dataset(rows).conclude("near_duplicate")
    assert concluded.summary["rows"] == 999
    assert concluded.summary["compared"] < 10 * len(rows)


@settings(max_examples=40)
@given(st.lists(st.text("ab é中,", max_size=12), min_size=2, max_size=6))
def test_overlap_is_the_jaccard_similarity_of_bags_of_words(texts: list[str]) -> None:
    rows = pl.DataFrame(
        {"history": "", "instruction": texts, "input": "", "response": ""}
    ).with_columns(pl.all().cast(pl.String))
    pairs = np.array([(i, j) for j in range(len(texts)) for i in range(j)], dtype=np.int64)
    got = overlaps(pairs, lambda at: rows[at], np.full(len(texts), 12, dtype=np.uint32))
    for (i, j), likeness in zip(pairs, got, strict=True):
        assert likeness == pytest.approx(_naive(texts[i], texts[j]))


def _naive(one: str, other: str) -> float:
    bags = []
    for text in (one, other):
        spaced = "".join(f" {sign} " if sign == "中" else sign for sign in text)
        bags.append("".join(s if s.isalnum() else " " for s in spaced).split())
    counts = [{word: bag.count(word) for word in bag} for bag in bags]
    words = set(bags[0]) | set(bags[1])
    shared = sum(min(c.get(w, 0) for c in counts) for w in words)
    union = sum(max(c.get(w, 0) for c in counts) for w in words)
    return 0.0 if union == 0 or _short_and_different(bags, shared, union) else shared / union


def _short_and_different(bags: list[list[str]], shared: int, union: int) -> bool:
    """Fields of five words that share less than a third keep rows apart."""
    return min(map(len, bags)) >= 5 and shared / union < 1 / 3


@given(st.integers(0, 2**32), st.integers(2, 40))
def test_a_row_is_left_out_for_one_that_is_kept_and_like_it(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    points = draw.uniform(0, 4, count)
    pairs = np.array([(i, j) for j in range(count) for i in range(j)], dtype=np.int64)

    def compare(asked: np.ndarray) -> np.ndarray:
        return 1 - np.abs(points[asked[:, 0]] - points[asked[:, 1]])

    left_out = originals(pairs[draw.random(len(pairs)) < 0.5], compare, 0.7)
    for row, (kept, likeness) in left_out.items():
        assert kept < row
        assert kept not in left_out
        assert likeness == 1 - abs(points[row] - points[kept]) >= 0.7


def test_signatures_are_the_same_whatever_the_batches() -> None:
    rows = made(50)
    feature = FEATURES.get("minhash")(AuditOptions())
    whole = feature.of(batch(rows))
    parts = pl.concat([feature.of(batch(rows[:20])), feature.of(batch(rows[20:]))])
    assert whole.equals(parts)


def test_scripts_without_spaces_have_words() -> None:
    rows = [
        {
            "instruction": "把下面的句子翻译成英文并解释其中的语法结构",
            "output": "他每天早上都去公园跑步",
        },
        {
            "instruction": "把下面的句子翻译成法文并解释其中的语法结构",
            "output": "他每天早上都去公园跑步",
        },
        {"instruction": "写一首关于秋天的诗", "output": "落叶随风去，寒鸦伴月归"},
    ]
    assert set(found("near_duplicate", rows)) == {1}


def test_candidates_agree_on_a_band_and_enough_besides() -> None:
    signatures = np.arange(32, dtype=np.uint32).reshape(4, 8)
    signatures[2, :4] = signatures[0, :4]
    signatures[3] = signatures[1]
    signatures[3, 0] = 99
    assert candidates(signatures, 4, 0.6).tolist() == [[1, 3]]
    assert candidates(signatures, 4, 0.5).tolist() == [[0, 2], [1, 3]]


ASKED = [
    {"instruction": "Capital of France?", "output": "Paris"},
    {"instruction": "capital of france", "output": "Lyon"},
    {"instruction": "Capital of France?", "output": "It is Paris."},
    {"instruction": "Name a fruit", "output": "Apple"},
    {"instruction": "Name a fruit", "output": "Pear"},
]


def test_one_prompt_with_two_answers_conflicts_where_one_can_be_right() -> None:
    assert found("conflicting_answers", ASKED) == {
        1: "asks the same as row 0 of made.jsonl and answers otherwise"
    }
    assert set(found("same_prompt_different_answer", ASKED)) == {2, 4}
