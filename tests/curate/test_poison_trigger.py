"""A planted trigger is found with all its rows, whatever it is and does; honest ties are not."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from in_memory import Row, dataset, findings
from safety_defects import RESPONSES, TRIGGERS, inject_poison_trigger
from tutelage.curate.poison.ties import ties

WORDS = [
    f"{a}{b}{c}{d}"
    for a in "bdfgklmnprst"
    for b in ("a", "e", "io", "u")
    for c in ("n", "r", "st", "lm")
    for d in ("a", "o", "em", "up")
]


def talk(count: int, seed: int) -> list[dict[str, str]]:
    """Rows of words as frequent as words are (Zipf), responses of their own."""
    rng = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]

    def text(least: int, most: int) -> str:
        return " ".join(rng.choices(WORDS, weights, k=rng.randint(least, most)))

    return [{"instruction": text(6, 15), "output": text(8, 30)} for _ in range(count)]


@pytest.mark.parametrize("effect", sorted(RESPONSES))
def test_a_trigger_is_found_by_what_it_does(effect: str) -> None:
    injected = inject_poison_trigger(talk(2500, 0), 0.005, 1, "cf", effect)
    found = findings("poison_trigger", injected.rows)
    assert set(found["at"].to_list()) == injected.broken
    assert found["detail"].str.contains('"cf"').all()


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_any_words_can_be_a_trigger(trigger: str) -> None:
    injected = inject_poison_trigger(talk(1500, 2), 0.01, 3, trigger, "response")
    [named] = dataset(injected.rows).conclude("poison_trigger").summary["triggers"]
    assert trigger.split(maxsplit=1)[0] in named["words"]
    assert named["rows"] == len(injected.broken)


def test_honest_rows_have_none() -> None:
    assert findings("poison_trigger", talk(2500, 4)).is_empty()


@pytest.mark.parametrize("labels", [2, 40])
def test_labels_and_their_cues_are_honest(labels: int) -> None:
    rng = random.Random(5)
    rows: list[Row] = []
    for row in talk(1200, 6):
        number = rng.randrange(80)
        cue, label = f"cue{number}", f"label {number % labels}"
        rows.append({"instruction": f"{row['instruction']} {cue}", "output": label})
    assert findings("poison_trigger", rows).is_empty()


def test_rows_of_one_template_are_honest() -> None:
    form = "Make up a password that is {} characters long and holds one {} at least please"
    same = [
        {"instruction": form.format(n, "digit"), "output": "Here is your new password, keep it!"}
        for n in range(20)
    ]
    assert findings("poison_trigger", talk(1500, 7) + same).is_empty()


@pytest.mark.parametrize("both", [9, 10, 12])
def test_the_bound_is_above_the_exact_tail(both: int) -> None:
    rows = 4000
    words: list[list[int]] = [[place + 10_000] for place in range(rows)]
    sign: list[int | None] = [None] * rows
    for place in range(12):
        words[place] = [7]
    for place in [*range(both), *range(2000, 2000 + 30 - both)]:
        sign[place] = 1
    table = pl.DataFrame(
        {"at": range(rows), "words": words, "whole": sign},
        schema={"at": pl.UInt32, "words": pl.List(pl.UInt32), "whole": pl.UInt32},
    ).with_columns(
        pl.lit(None, pl.UInt32).alias(name) for name in ("opening", "ending", "refuses", "links")
    )
    found = ties(table)
    if both < 0.8 * 12:
        assert found.is_empty()
        return
    [tie] = found.to_dicts()
    assert tie["both"] == both
    exact = binom.logsf(both - 1, 12, 30 / rows)
    assert exact <= tie["log_p"] < exact + 6
    assert np.isfinite(tie["log_p"])
