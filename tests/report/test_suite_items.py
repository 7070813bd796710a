import shutil
from pathlib import Path
from typing import Any

import pytest
from test_page import Page
from test_suites_on_page import about, measure

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.pipeline.suites.results import write_replies
from tutelage.report import build
from tutelage.report.suite_items import SHOWN_ITEMS, read_suite_items
from tutelage.rundir import RunFolder, read_json, write_json

HOSTILE = "<script>window.pwned=1</script>{{ 7 * 7 }}</details>"


def write(
    folder: Path,
    answers: dict[str, list[str]],
    scores: dict[str, list[float]],
    suffix: str = "",
    **of: Any,
) -> None:
    """A suite `made` of questions `q0`, `q1` … as the pipeline leaves it."""
    for side, said in answers.items():
        questions = [
            Question(f"q{at}", (Message("user", f"asked {at}"),), **of) for at in range(len(said))
        ]
        replies = [Reply((text,), ("stop",), suffix=suffix) for text in said]
        measures = [Measure.mean("accuracy", scores[side], primary=True)]
        write_replies(folder / side / "made.parquet", questions, replies, measures)


def test_items_whose_score_changed_come_first_then_those_answered_otherwise(tmp_path: Path) -> None:
    count = 2 * SHOWN_ITEMS
    same = ["as before"] * count
    tuned = list(same)
    tuned[3], tuned[9], tuned[20] = "new", "new", "new"
    scores = {"base": [0.5] * count, "tuned": [0.5] * count}
    scores["tuned"][9], scores["tuned"][20] = 0.4, 1.0
    write(tmp_path, {"base": same, "tuned": tuned}, scores)
    items = read_suite_items(tmp_path, {"made": "accuracy", "never": "accuracy"})["made"]
    assert len(items) == SHOWN_ITEMS
    assert [item.key for item in items[:5]] == ["q20", "q9", "q3", "q0", "q1"]
    assert (items[0].base.score, items[0].tuned.score) == (0.5, 1.0)
    assert (items[0].asked, items[0].base.first, items[0].tuned.first) == (
        *("asked 20", "as before", "new"),
    )


def test_weighed_choices_stand_for_an_answer_likeliest_first(tmp_path: Path) -> None:
    question = [Question("q", (Message("user", "which?"),), choices=("one", "two"), target="two")]
    for side in ("base", "tuned"):
        reply = [Reply(likelihoods=(-9.0, -2.5), lengths=(3, 4))]
        write_replies(tmp_path / side / "made.parquet", question, reply, [])
    (item,) = read_suite_items(tmp_path, {"made": ""})["made"]
    assert item.base.weighed == ((-2.5, 4, "two"), (-9.0, 3, "one"))
    assert (item.expected, item.metric, item.base.score) == ("two", "", None)


def test_what_each_model_was_attacked_with_is_told(tmp_path: Path) -> None:
    question = [Question("q", (Message("user", "please"),))]
    for side in ("base", "tuned"):
        reply = [Reply((f"{side} says",), ("stop",), suffix=f" ! {side}", losses=(2.0, 1.0))]
        write_replies(tmp_path / side / "made.parquet", question, reply, [])
    (item,) = read_suite_items(tmp_path, {"made": ""})["made"]
    assert (item.base.suffix, item.tuned.suffix) == (" ! base", " ! tuned")


def test_replies_to_other_questions_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"base": ["a"]}, {"base": [1.0]})
    write(tmp_path, {"tuned": ["a", "b"]}, {"tuned": [1.0, 1.0]})
    with pytest.raises(UserError, match="not to the same questions"):
        read_suite_items(tmp_path, {"made": "accuracy"})


def test_a_file_of_another_kind_is_refused(tmp_path: Path, evaluated: RunFolder) -> None:
    for side in ("base", "tuned"):
        (tmp_path / side).mkdir()
        shutil.copy(evaluated.base_predictions, tmp_path / side / "made.parquet")
    with pytest.raises(UserError, match="no replies of a suite"):
        read_suite_items(tmp_path, {"made": "accuracy"})


def test_the_page_shows_items_with_hostile_answers_as_text(
    evaluated: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(evaluated.path, tmp_path / "run")))
    answers = {"base": [HOSTILE], "tuned": ["word " * 2000]}
    scores = {"base": [0.0], "tuned": [1.0]}
    write(run.suites, answers, scores, suffix=HOSTILE, target=HOSTILE, task=HOSTILE)
    results = {"suites": [about("made", "bias")], "measures": [measure("made", "bias")]}
    write_json(run.metrics, read_json(run.metrics) | {"suites": results | {"failed": []}})
    shown = Page(build(run).read_text(encoding="utf-8"))
    assert not shown.unbalanced and "script" not in {tag for tag, _ in shown.tags}
    assert "made: 1 of 50 questions side by side" in shown.text
    # The answer, what it is compared with, the part, and both models' suffixes.
    assert shown.text.count(HOSTILE) == 5
    assert "more characters…]" in shown.text and "word " * 300 not in shown.text


def test_what_a_reply_is_compared_with_is_told_without_how(tmp_path: Path) -> None:
    target = {"references": ["4", "four"], "metric": "exact_match", "extract": "[0-9]+"}
    write(tmp_path, {"base": ["4"], "tuned": ["5"]}, {"base": [1], "tuned": [0]}, target=target)
    (item,) = read_suite_items(tmp_path, {"made": "accuracy"})["made"]
    assert item.expected == "4\nfour"
