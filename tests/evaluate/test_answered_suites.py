"""Suites of questions with answers: a user's own data, and public sets that are read like it."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.evaluate.suites.gsm8k import ANY, MARKED, number
from tutelage.metrics import METRICS

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
ROWS = [
    {"instruction": f"Name the capital of land {n}.", "output": f"Town {n}", "land": n % 2}
    for n in range(6)
]


def given(tmp_path: Path, rows: list[dict[str, Any]], **options: Any) -> Given:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    metrics = options.pop("metrics", ["exact_match", "token_f1"])
    use = SuiteOptions(data=[SourceOptions(path=str(path))], **options)
    return Given(use, metrics, files=DATA)


def asked(what: Given, name: str = "dataset") -> list[Question]:
    return SUITES.get(name).questions(what)


def test_every_row_is_asked_and_scored_as_its_metrics_score(tmp_path: Path) -> None:
    what = given(tmp_path, ROWS)
    questions = asked(what)
    assert [one.turns[-1].content for one in questions] == [row["instruction"] for row in ROWS]
    said = ["Town 0", "town 1.", "Town", "", "Town 5", "Town 5"]
    replies = [Reply(answers=(text,)) for text in said]
    first, second = SUITES.get("dataset").measures(what, questions, replies)
    assert (first.metric, first.primary, second.primary) == ("exact_match", True, False)
    references = [[str(row["output"])] for row in ROWS]
    for measure in (first, second):
        expected = METRICS.get(measure.metric).score(said, references).per_item
        assert measure.scores.per_item.tolist() == expected.tolist()


def test_solved_questions_are_shown_and_not_asked(tmp_path: Path) -> None:
    what = given(tmp_path, ROWS, few_shot=2)
    questions = asked(what)
    assert len(questions) == 4
    shown = questions[0].turns[:-1]
    assert [turn.role for turn in shown] == ["user", "assistant"] * 2
    own = {question.turns[-1].content for question in questions}
    assert all(question.turns[:-1] == shown for question in questions)
    assert own.isdisjoint(turn.content for turn in shown)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert asked(given(elsewhere, ROWS, few_shot=2)) == questions
    with pytest.raises(UserError, match="few_shot is 6"):
        asked(given(tmp_path, ROWS, few_shot=6))


def test_the_likeliest_choice_is_taken(tmp_path: Path) -> None:
    rows = [{"instruction": "Land?", "output": "Yes "}, {"instruction": "Sea?", "output": "no way"}]
    what = given(tmp_path, rows, choices=["yes", "No way"])
    questions = asked(what)
    assert [one.target["choice"] for one in questions] == [0, 1]
    replies = [
        Reply(likelihoods=(-1.0, -2.0), lengths=(1, 4)),
        Reply(likelihoods=(-1.0, -2.0), lengths=(1, 4)),
    ]
    whole, per_token = SUITES.get("dataset").measures(what, questions, replies)
    assert whole.scores.per_item.tolist() == [1, 0]
    assert per_token.scores.per_item.tolist() == [0, 1]
    assert whole.primary and not per_token.primary
    with pytest.raises(UserError, match=r"rows\.jsonl row 1.*none of the choices"):
        asked(given(tmp_path, rows, choices=["yes", "no"]))


def test_a_column_names_what_belongs_together(tmp_path: Path) -> None:
    questions = asked(given(tmp_path, ROWS, cluster="land"))
    assert [one.source for one in questions] == ["land 0", "land 1"] * 3
    with pytest.raises(UserError, match=r"row 0.*no 'sea'"):
        asked(given(tmp_path, ROWS, cluster="sea"))


def test_a_row_without_an_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rows\.jsonl row 6"):
        asked(given(tmp_path, [*ROWS, {"instruction": "Name it.", "output": ""}]))


@pytest.mark.parametrize(
    ("text", "marked", "last"),
    [
        ("so 3 + 4 = 7\n#### 7", 7, 7),
        ("#### $1,000.50 in all", 1000.5, 1000.5),
        ("It is 12, or #### -3. Then 9.", -3, 9),
        ("#### 18\n\nNext problem: 2 + 3\n#### 5", 18, 5),
        ("It is twelve.", None, None),
        ("The answer is 18.", None, 18),
    ],
)
def test_numbers_in_answers(text: str, marked: float | None, last: float | None) -> None:
    assert number(MARKED, text) == marked
    assert number(ANY, text) == last


@pytest.mark.parametrize(
    ("name", "count", "primary"),
    [
        ("gsm8k", 1319, "accuracy"),
        ("xquad", 1190, "token_f1"),
        ("dialogsum", 500, "rougeL"),
        ("multi30k", 1000, "bleu"),
        ("wnut17", 1009, "entity_f1"),
        ("natural_instructions", 7816, "rougeL"),
        ("super_natural_instructions", 757, "rougeL"),
        ("t0", 4070, "rougeL"),
        ("user_oriented", 252, "rougeL"),
    ],
)
def test_public_sets_are_read_whole_and_their_own_answers_are_right(
    name: str, count: int, primary: str
) -> None:
    suite = SUITES.get(name)
    if not (DATA / suite.data).exists():
        pytest.skip(f"{DATA / suite.data} is not there")
    what = Given(SuiteOptions(suite=name), ["rougeL"], files=DATA)
    questions = suite.questions(what)
    assert len(questions) == len({one.key for one in questions}) == count
    # A sentence without entities is rightly tagged by an answer that finds none.
    some = [one for one in questions if set(one.target["references"][0].split()) != {"O"}][:40]
    replies = [Reply(answers=(one.target["references"][0],)) for one in some]
    first = suite.measures(what, some, replies)[0]
    assert (first.metric, first.primary) == (primary, True)
    assert first.scores.per_item.mean() == pytest.approx(first.scale)
    wrong = suite.measures(what, some, [Reply(answers=("?",))] * len(some))[0]
    assert wrong.scores.per_item.mean() == 0


def test_a_limit_draws_rows_as_it_does_for_training(tmp_path: Path) -> None:
    what = given(tmp_path, ROWS)
    few = what.options.data[0].model_copy(update={"limit": 2})
    what = replace(what, options=what.options.model_copy(update={"data": [few]}))
    assert len(asked(what)) == 2


def test_a_task_is_shown_by_its_definition_and_two_examples(tmp_path: Path) -> None:
    task = {
        "Definition": "Name the opposite.",
        "Examples": {
            "Positive Examples": [{"input": f"{n}", "output": f"-{n}"} for n in (1, 2, 3)],
            "Negative Examples": "-",
        },
        "Instances": [{"input": "hot", "output": ["cold", "cool"]}, {"input": "x", "output": ""}],
    }
    path = tmp_path / "natural_instructions" / "opposites.json"
    path.parent.mkdir()
    path.write_text(json.dumps(task))
    what = Given(SuiteOptions(suite="natural_instructions"), files=tmp_path)
    (question,) = asked(what, "natural_instructions")  # the other instance has no answer
    shown = (
        "Name the opposite.\n\nInput: 1\nOutput: -1\n\nInput: 2\nOutput: -2\n\nInput: hot\nOutput:"
    )
    assert [turn.content for turn in question.turns] == [shown]
    assert question.target["references"] == ["cold", "cool"]


def test_captions_of_several_languages_are_one_source(tmp_path: Path) -> None:
    folder = tmp_path / "multi30k"
    folder.mkdir()
    for code, lines in (
        ("en", "A dog runs on the beach.\nA cat sits on the roof.\n"),
        ("de", "Ein Hund läuft am Strand.\nEine Katze sitzt auf dem Dach.\n"),
    ):
        (folder / f"test_2016_flickr.{code}.gz").write_bytes(gzip.compress(lines.encode()))
    what = Given(SuiteOptions(suite="multi30k"), files=tmp_path)
    assert {one.task for one in asked(what, "multi30k")} == {"German"}
    french = folder / "test_2016_flickr.fr.gz"
    french.write_bytes(gzip.compress(b"Un chien court.\n"))
    with pytest.raises(UserError, match="found 1 lines, and 2 in English"):
        asked(what, "multi30k")
    french.write_bytes(gzip.compress(b"Un chien court sur la plage.\nUn chat dort sur le toit.\n"))
    questions = asked(what, "multi30k")
    assert [one.source for one in questions[:2]] == [one.source for one in questions[2:]]
    answers = [
        "Ein Hund läuft am Strand.",
        "Eine Katze sitzt auf dem Dach.",
        "Un chien court sur la plage.",
        "Un chien dort dans la rue.",
    ]
    found = SUITES.get("multi30k").measures(
        what, questions, [Reply(answers=(answer,)) for answer in answers]
    )
    bleu = {one.task: one.aggregate(one.scores.statistics.sum(axis=0)) for one in found[::2]}
    assert bleu["German"] == pytest.approx(100)
    assert bleu["French"] < bleu[""] < 100


SINGERS = """
create table "singer" ("id" integer primary key, "name" text, "age" integer);
insert into singer values (1, 'Ada', 30), (2, 'Bo', 40), (3, 'Cy', 50);
"""


def test_queries_are_judged_by_what_they_find(tmp_path: Path) -> None:
    folder = tmp_path / "spider"
    (folder / "database" / "concert").mkdir(parents=True)
    entry = {
        "db_id": "concert",
        "table_names_original": ["singer", "song"],
        "column_names_original": [[-1, "*"], [0, "id"], [0, "name"], [1, "by"]],
        "column_types": ["text", "number", "text", "number"],
        "primary_keys": [1],
        "foreign_keys": [[3, 1]],
    }
    (folder / "tables.json").write_text(json.dumps([entry]))
    query = "SELECT name FROM singer WHERE age > 35"
    rows = [{"question": "Who is over 35?", "query": query, "db_id": "concert"}] * 3
    (folder / "dev.json").write_text(json.dumps(rows))
    what = Given(SuiteOptions(suite="spider"), files=tmp_path)
    with pytest.raises(NotAsked, match=r"concert\.sqlite"):
        asked(what, "spider")
    with closing(sqlite3.connect(folder / "database/concert/concert.sqlite")) as connection:
        connection.executescript(SINGERS)
    questions = asked(what, "spider")
    shown = questions[0].turns[0].content
    with closing(sqlite3.connect(":memory:")) as connection:  # it is SQL, and says what there is
        connection.executescript(shown.partition("\n\nQuestion:")[0])
        assert connection.execute("pragma foreign_key_list(song)").fetchall()[0][2:5] == (
            ("singer", "by", "id")
        )
    (folder / "tables.json").write_text(json.dumps([{"db_id": "concert"}]))
    with pytest.raises(UserError, match="no 'table_names_original'"):
        asked(what, "spider")
    answers = [
        "```sql\nselect name from singer where age >= 40\n```",
        query[:-2],
        "drop table singer",
    ]
    (accuracy,) = SUITES.get("spider").measures(
        what, questions, [Reply(answers=(answer,)) for answer in answers]
    )
    assert accuracy.metric == "execution_accuracy"
    assert accuracy.scores.per_item.tolist() == [1, 0, 0]
