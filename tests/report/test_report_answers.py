from pathlib import Path

import polars as pl
import pytest

from tutelage.errors import UserError
from tutelage.report.answers import Answer, Scoring, Tally, read_answers, select, tally

EXACT = Scoring("exact_match", 1, higher_is_better=True)
TER = Scoring("ter", 100, higher_is_better=False)


def answer(item: int, before: float | None, after: float | None, **fields: object) -> Answer:
    values = {
        "item": item, "task": "a", "held_out": False, "prompt": "?", "references": ("yes",),
        "base": "no", "tuned": "yes", "base_finish": "stop", "tuned_finish": "stop",
        "scoring": EXACT, "base_score": before, "tuned_score": after,
    }  # fmt: skip
    return Answer(**{**values, **fields})  # type: ignore[arg-type]


def chosen(answers: list[Answer], count: int = 6) -> dict[str, list[int]]:
    return {
        selection.heading: [answer.item for answer in selection.answers]
        for selection in select(answers, count)
    }


def test_gains_and_losses_are_ranked() -> None:
    found = chosen([answer(0, 0.2, 0.9), answer(1, 0.0, 1.0), answer(2, 0.9, 0.8)])
    assert found["Where tuning helped most"] == [1, 0]
    assert found["Where it hurt most"] == [2]


def test_where_less_is_better_a_fall_is_a_gain() -> None:
    answers = [
        answer(0, 80.0, 20.0, scoring=TER),
        answer(1, 20.0, 80.0, scoring=TER),
        answer(2, 0.0, 0.0, scoring=TER, base="yes"),
    ]
    assert chosen(answers) == {"Where tuning helped most": [0], "Where it hurt most": [1]}
    assert tally(answers) == {"a": Tally(better=1, same=1, worse=1)}


def test_a_list_goes_round_the_tasks_first() -> None:
    easy = [answer(n, 0.0, 1.0 - n / 100, task="easy") for n in range(8)]
    hard = [answer(8, 0.0, 0.3, task="hard")]
    assert chosen(easy + hard, count=3)["Where tuning helped most"] == [0, 8, 1]


def test_no_pair_is_shown_twice() -> None:
    answers = [answer(n, n % 3 / 2, n % 5 / 4, task=str(n % 4)) for n in range(60)]
    items = [item for items in chosen(answers).values() for item in items]
    assert len(items) == len(set(items))
    assert len(items) <= 24


def test_without_scores_only_wording_is_compared() -> None:
    answers = [answer(0, None, None), answer(1, None, None, base="yes"), answer(2, 0.0, None)]
    assert chosen(answers) == {"Most changed in wording": [0, 2]}
    assert tally(answers) == {}


def test_the_nearest_reference_is_shown() -> None:
    pair = answer(0, 0, 1, tuned="by noon", references=("at night", "around noon", "by noon!"))
    assert pair.reference == "by noon!"
    assert answer(0, 0, 1, references=()).reference == ""


def predictions(path: Path, items: list[int], column: str = "score:exact_match") -> Path:
    pl.DataFrame(
        {
            "item": items, "task": ["a"] * len(items), "held_out": [False] * len(items),
            "prompt": ["?"] * len(items), "references": [["yes"]] * len(items),
            "prediction": [f"{path.stem} {item}" for item in items],
            "finish_reason": ["stop"] * len(items), column: [float(item) for item in items],
        }
    ).write_parquet(path)  # fmt: skip
    return path


def test_files_are_joined_by_item_whatever_their_order(tmp_path: Path) -> None:
    base = predictions(tmp_path / "base.parquet", [0, 1, 2])
    tuned = predictions(tmp_path / "tuned.parquet", [2, 0, 1])
    found = read_answers(base, tuned, {"a": EXACT})
    assert [(a.base, a.tuned, a.base_score, a.tuned_score) for a in found] == [
        (f"base {n}", f"tuned {n}", n, n) for n in range(3)
    ]


def test_a_metric_without_item_scores_leaves_answers_unscored(tmp_path: Path) -> None:
    base = predictions(tmp_path / "base.parquet", [0], column="score:other")
    tuned = predictions(tmp_path / "tuned.parquet", [0], column="score:other")
    (found,) = read_answers(base, tuned, {"a": EXACT})
    assert found.gain is None


def test_different_items_or_a_damaged_file_are_named(tmp_path: Path) -> None:
    base = predictions(tmp_path / "base.parquet", [0, 1])
    with pytest.raises(UserError, match="not of the same items"):
        read_answers(base, predictions(tmp_path / "tuned.parquet", [0, 2]), {})
    (tmp_path / "tuned.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match=r"tuned\.parquet: not readable as Parquet"):
        read_answers(base, tmp_path / "tuned.parquet", {})
