"""Evaluation items in training data: found in every part of a row, and told from templates."""

from __future__ import annotations

import random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from defects import inject_contamination
from in_memory import dataset, findings
from tutelage.curate.contamination.index import Index
from tutelage.curate.normal import words

Rows = list[dict[str, str]]


def made(count: int, seed: int, size: int = 30) -> Rows:
    draw = random.Random(seed)
    vocabulary = [f"{chr(97 + n % 26)}word{n}" for n in range(2000)]
    return [
        {
            "instruction": " ".join(draw.choices(vocabulary, k=size)),
            "output": " ".join(draw.choices(vocabulary, k=size)),
        }
        for _ in range(count)
    ]


def test_items_are_found_alone_within_prompts_and_within_answers() -> None:
    items = made(9, seed=1)
    rows, broken = inject_contamination(made(50, seed=2), items, seed=3)
    concluded = dataset(rows, {"exam": items}).conclude("contamination")
    assert set(concluded.findings["at"].to_list()) == broken
    assert concluded.findings["field"].to_list() == ["instruction", "instruction", "output"] * 3
    assert concluded.findings["detail"][0] == "holds 100 % of the prompt of row 0 of exam.jsonl"
    told = concluded.summary["exam"]
    assert (told["items"], told["found"], told["rows"]) == (9, 9, 9)
    assert told["which"][0] == {"item": "row 0 of exam.jsonl", "share": 1.0, "rows": 1}


def test_items_with_a_word_in_ten_changed_are_found() -> None:
    items = made(40, seed=1, size=80)
    rows, broken = inject_contamination(made(50, seed=2), items, seed=3, changed=0.1)
    told = set(findings("contamination", rows, {"exam": items})["at"].to_list())
    assert told <= broken
    assert len(told) >= 0.9 * len(broken)


def test_templates_of_items_and_of_rows_are_no_contamination() -> None:
    frame = "Read the text below with care and answer the question that follows it in one word:"
    items = [{**row, "instruction": f"{frame} {row['instruction'][:40]}"} for row in made(30, 1)]
    rows = [{**row, "instruction": f"{frame} {row['instruction'][:40]}"} for row in made(60, 2)]
    assert findings("contamination", rows, {"exam": items}).is_empty()
    lone = [items[0]]  # a frame that only the rows tell to be one
    assert findings("contamination", rows, {"exam": lone}).is_empty()


def test_an_item_copied_into_many_rows_is_no_template() -> None:
    items = made(3, seed=1)
    rows = [*made(40, seed=2), *[{**items[0], "output": row["output"]} for row in made(40, 4)]]
    assert len(findings("contamination", rows, {"exam": items})) == 40


def test_a_short_item_is_found_where_the_whole_prompt_is_the_same() -> None:
    items = [{"instruction": "Who wrote Faust?", "output": "Goethe"}]
    rows = [
        {"instruction": "who wrote faust", "output": "A poet did."},
        {"instruction": "Who wrote Faust? And who wrote Emma?", "output": "Two writers."},
    ]
    assert findings("contamination", rows, {"exam": items})["at"].to_list() == [0]


@settings(max_examples=40)
@given(
    st.lists(st.text("ab ", max_size=12), min_size=1, max_size=3),
    st.lists(st.text("ab ", max_size=12), min_size=1, max_size=3),
    st.integers(1, 3),
)
def test_runs_are_looked_up_as_if_one_by_one(items: list[str], rows: list[str], n: int) -> None:
    index = Index(pl.Series(items), pl.Series(["exam"] * len(items)), n)
    got = {(row, text): 0 for row in range(len(rows)) for text in range(len(items))}
    hits = index.hits(words(pl.Series(rows)))
    for row, text in hits.select("row", "text").iter_rows():
        got[row, text] += 1
    for (row, text), count in got.items():
        assert count == len(_runs(rows[row], n) & _runs(items[text], n))


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    parts = text.split()
    return {tuple(parts[i : i + length]) for i in range(len(parts) - length + 1)}
