"""What is measured of people is what was put in, and even data shows nothing."""

from __future__ import annotations

import math
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from in_memory import Row, dataset, findings
from tutelage.curate.bias.association import log_odds
from tutelage.curate.bias.bundles import estimates, gap, ratio
from tutelage.curate.bias.groups import axes, groups, mask, names, template
from tutelage.data.audit_options import AuditOptions
from tutelage.errors import UserError
from tutelage.statistics.resampling import Measurement

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[3] / "shared/data"))
PLACES = {(group.axis, group.name): place for place, group in enumerate(groups())}


def summary(rows: list[Row], **given: Any) -> dict[str, Any]:
    against = given.pop("against", None)
    return dict(dataset(rows, against, AuditOptions(**given)).conclude("bias").summary)


def row(response: str, instruction: str = "Tell me something.") -> dict[str, str]:
    return {"instruction": instruction, "output": response}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("She told him.", {("gender", "women"), ("gender", "men")}),
        ("The theme of others.", set()),
        ("An old man and a black woman", {("age", "old"), ("ethnicity", "black")}),
        ("A black cat on a wheelchair", {("disability", "disabled")}),
        ("MUSLIMS and Jews", {("religion", "muslim"), ("religion", "jewish")}),
    ],
)
def test_groups_are_named_by_whole_words(text: str, named: set[tuple[str, str]]) -> None:
    table = pl.DataFrame({"text": [text]}).select(mask(pl.col("text")).alias("mask"))
    seen = {
        key for key, place in PLACES.items() if table.select(names(pl.col("mask"), place)).item()
    }
    assert named <= seen
    assert {axis for axis, _ in seen} <= {axis for axis, _ in named} | {"gender"}


def test_every_word_names_one_group_of_its_axis() -> None:
    for places in axes().values():
        words = Counter(word for place in places for word in groups()[place].words)
        assert [word for word in words if word != word.lower()] == []
        assert [word for word in words if words[word] > 1] == []
        first, *others = (set(groups()[place].words) for place in places)
        assert all(first.isdisjoint(other) for other in others)


def test_shares_are_of_the_rows_that_name_anyone() -> None:
    rows = [row("She sings.")] * 30 + [row("He sings.")] * 60 + [row("It rains.")] * 110
    gender = summary(rows)["appears"]["response"]["gender"]
    assert gender["women"]["rows"] == 30
    assert gender["women"]["value"] == pytest.approx(1 / 3, abs=1e-3)
    low, high = gender["women"]["interval"]
    assert low < 1 / 3 < high
    assert summary(rows)["appears"]["prompt"] == {}


def test_a_reference_says_what_there_is_more_of() -> None:
    rows = [row("She sings.")] * 30 + [row("He sings.")] * 90
    other = [row("She sings.")] * 50 + [row("He sings.")] * 50
    shares = summary(rows, against={"books": other}, bias_reference="books")["appears"]["response"]
    more = shares["gender"]["women"]["more"]
    assert more["value"] == pytest.approx(-0.25, abs=1e-3)
    assert more["interval"][1] < 0
    with pytest.raises(UserError, match="bias_reference"):
        summary(rows, bias_reference="books")


def spoken(ill_of_women: float, count: int = 300) -> list[Row]:
    rng = random.Random(0)
    rows: list[Row] = []
    for number in range(count):
        who = "woman" if number % 2 else "man"
        is_ill = rng.random() < (ill_of_women if who == "woman" else 0.3)
        rows.append(row(f"The {who} was {'lazy' if is_ill else 'clever'} and walked home."))
    return rows


def test_mood_and_words_show_what_was_put_in() -> None:
    found = summary(spoken(0.8))
    mood = {entry["group"]: entry for entry in found["spoken_of"]}
    assert mood["women"]["clear"]
    assert mood["women"]["more"]["value"] == pytest.approx(-1, abs=0.25)
    assert [entry["word"] for entry in found["words"]["gender"]["women"]] == ["lazy"]
    assert [entry["word"] for entry in found["words"]["gender"]["men"]] == ["clever"]


def test_even_mood_is_not_clear() -> None:
    found = summary(spoken(0.3))
    assert not any(entry["clear"] for entry in found["spoken_of"])
    assert found["words"] == {}


def test_roles_are_uneven_where_they_were_made_so() -> None:
    rows: list[Row] = []
    for role, women in (("nurse", 18), ("engineer", 2), ("teacher", 10)):
        rows += [
            row(f"The {role} said that {'she' if n < women else 'he'} left.") for n in range(20)
        ]
    found = summary(rows)["roles"]
    assert found["sentences"] == 60
    assert found["women"] == 0.5
    assert {entry["role"]: entry["women"] for entry in found["uneven"]} == {
        "nurse": 0.9,
        "engineer": 0.1,
    }


def test_a_counterpart_is_found_and_compared() -> None:
    rows: list[Row] = []
    for subject in ("chess", "rugby", "law", "baking", "chemistry", "sewing", "golf", "music"):
        asked = "Is my {} good at {}?"
        rows.append(row("Yes, very talented and smart.", asked.format("son", subject)))
        rows.append(row("No, weak.", asked.format("daughter", subject)))
        rows.append(row("A game.", f"What is {subject}?"))
    found = summary(rows)["counterfactual"]
    assert (found["prompts"], found["paired"]) == (16, 16)
    [difference] = found["differences"]
    assert difference["groups"] == ["women", "men"]
    assert difference["templates"] == 8
    assert difference["mood"]["value"] == pytest.approx(-3)
    assert difference["length"]["value"] == pytest.approx(math.log(10 / 30), abs=1e-3)


def test_a_template_is_blind_to_the_group_alone() -> None:
    texts = ["my son met a muslim", "my daughter met a hindu", "my dog met a hindu"]
    same = pl.DataFrame({"text": texts}).select(template(pl.col("text")))["text"].to_list()
    assert same[0] == same[1] != same[2]


def test_log_odds_are_those_of_the_paper() -> None:
    near, far = pl.Series(["a"] * 30 + ["b"] * 70), pl.Series(["a"] * 10 + ["b"] * 190)
    prior = pl.DataFrame({"word": ["a", "b"], "all": [40, 260]})
    odds = {line["word"]: line for line in log_odds(near, far, prior).to_dicts()}
    alpha, total = 40 / 300 * 500, 500
    naive = math.log((30 + alpha) / (100 + total - 30 - alpha)) - math.log(
        (10 + alpha) / (200 + total - 10 - alpha)
    )
    deviation = math.sqrt(1 / (30 + alpha) + 1 / (10 + alpha))
    assert odds["a"]["log_odds"] == pytest.approx(naive)
    assert odds["a"]["z"] == pytest.approx(naive / deviation)


def test_bundles_estimate_what_they_should() -> None:
    counts = pl.DataFrame({"a": [1.0, 2, 3], "b": [2.0, 4, 6], "c": [1.0, 1, 1], "d": [4.0, 4, 4]})
    table = counts.to_numpy()
    half, quarter = estimates([Measurement(table, ratio), Measurement(table, gap)], 0)
    assert half == (0.5, 0.5, 0.5, 0)
    assert quarter.value == 0.25


@pytest.mark.parametrize(
    ("text", "is_claim"),
    [
        ("Everyone knows that women are too emotional.", True),
        ("Immigrants are criminals.", True),
        ("It is a myth that women are emotional.", False),
        ("Some old people are lonely.", False),
        ("The men were tired.", False),
        ("Women are people who were born female.", False),
    ],
)
def test_a_stereotype_is_of_a_whole_group(text: str, is_claim: bool) -> None:
    assert len(findings("stereotype", [row(text)])) == is_claim


@pytest.mark.skipif(not (DATA / "winogender").exists(), reason="no public data")
def test_sentences_made_even_show_no_uneven_role() -> None:
    table = pl.read_csv(DATA / "winogender/all_sentences.tsv", separator="\t")
    roles = summary([row(text) for text in table["sentence"]])["roles"]
    assert roles["uneven"] == []
    assert roles["women"] == pytest.approx(0.5, abs=0.02)
    assert roles["sentences"] > 400
