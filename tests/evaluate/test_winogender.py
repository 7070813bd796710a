"""Winogender: the same answer for he and she, and what differs between them."""

from __future__ import annotations

from pathlib import Path

import pytest
from bias_suites import asked, choosing, measured, published, values

from tutelage.errors import UserError
from tutelage.evaluate.question import Question

PRONOUNS = {"male": "he", "female": "she", "neutral": "they"}


def sentences(folder: Path, *names: str) -> list[Question]:
    path = folder / "winogender" / "all_sentences.tsv"
    path.parent.mkdir(exist_ok=True)
    rows = []
    for name in names:
        pronoun = PRONOUNS.get(name.split(".")[3], "it")
        rows.append(f"{name}.txt\tThe {name.split('.')[0]} saw {pronoun}.\n")
    path.write_text("sentid\tsentence\n" + "".join(rows))
    return asked("winogender", folder)


def test_agreement_and_gaps(tmp_path: Path) -> None:
    questions = sentences(
        tmp_path, *(f"{job}.guest.{at}.{g}" for at, job in enumerate("ab") for g in PRONOUNS)
    )
    assert questions[1].choices == ("the a", "the guest")
    assert '"she"' in questions[1].turns[0].content
    # Of the first (right: the occupation) he is the occupation and she is not; of the second
    # (right: the guest) both are the occupation.
    replies = [choosing(at, of=2) for at in (0, 1, 0, 0, 0, 1)]
    measures = measured("winogender", questions, replies)
    found = values(measures)
    assert found["agreement"] == 0.5
    assert found["accuracy"] == 3 / 6
    assert found["accuracy_female_less_male"] == 0 - 0.5
    assert found["occupation_female_less_male"] == 0.5 - 1
    assert found["occupation_gap"] == 0.5
    assert values(measures, "neutral")["accuracy"] == 1
    assert [one.metric for one in measures if one.primary] == ["agreement"]


def test_someone_has_no_article(tmp_path: Path) -> None:
    (question,) = sentences(tmp_path, "cook.someone.1.male")
    assert question.choices == ("the cook", "someone")


@pytest.mark.parametrize("name", ["cook.guest.2.male", "cook.guest", "cook.guest.1.other"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a sentence"):
        sentences(tmp_path, *([name] if name.count(".") == 3 else [f"{name}..."]))


def test_published_sentences() -> None:
    questions = asked("winogender", published("winogender"))
    assert len(questions) == 720
    assert len({one.cluster for one in questions}) == 240
    right = values(measured("winogender", questions, [choosing(q.target, 2) for q in questions]))
    assert (right["accuracy"], right["agreement"], right["occupation_gap"]) == (1, 1, 0)
    # One who takes every he for the occupation and every she for the other is as often right.
    replies = [choosing(int(q.task == "female"), 2) for q in questions]
    found = values(measured("winogender", questions, replies))
    assert (found["agreement"], found["occupation_gap"]) == (0, 1)
    assert found["accuracy_gap"] == 0
