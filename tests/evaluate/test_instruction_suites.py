"""IFEval and the shipped instructions as suites: figures by hand, data as it must be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bias_suites import asked, measured, published, values

from tutelage.constraints import CONSTRAINTS
from tutelage.errors import UserError
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.metrics.instruction_following import demand
from tutelage.pipeline.score import score

NO_COMMA = "punctuation:no_comma"
WORDS = "length_constraints:number_words"
SHORT = {"num_words": 5, "relation": "less than"}
ROWS: list[dict[str, object]] = [
    {"prompt": "Greet me.", "instruction_id_list": [NO_COMMA, WORDS], "kwargs": [{}, SHORT]},
    {"prompt": "Say no.", "instruction_id_list": [WORDS], "kwargs": [{**SHORT, "unused": None}]},
    {"prompt": "Ask me.", "instruction_id_list": [NO_COMMA], "kwargs": [None], "key": 7},
]


def of_file(path: Path, rows: list[dict[str, object]]) -> list[Question]:
    path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    options = SuiteOptions.model_validate({"suite": "ifeval", "data": [{"path": str(path)}]})
    return SUITES.get("ifeval").questions(Given(options))


def replies(*answers: str) -> list[Reply]:
    return [Reply(answers=(answer,)) for answer in answers]


def test_four_figures_are_those_counted_by_hand(tmp_path: Path) -> None:
    questions = of_file(tmp_path / "own.jsonl", ROWS)
    assert [question.key for question in questions] == ["0", "1", "7"]
    # Followed: the first of two; after the first line is dropped, its one; none, its line alone.
    said = replies("Good day to you my friend", "Certainly, here you are:\nNo", "What is it, then?")
    found = measured("ifeval", questions, said)
    assert values(found) == {
        "prompt_strict": 0.0,
        "instruction_strict": 0.25,
        "prompt_loose": pytest.approx(1 / 3),
        "instruction_loose": 0.5,
    }
    assert values(found, NO_COMMA) == {"instruction_strict": 0.5}
    assert values(found, WORDS) == {"instruction_strict": 0.0}
    assert [one.metric for one in found if one.primary] == ["prompt_strict"]
    by_kind = {one.task: list(one.items) for one in found if one.task}
    assert by_kind == {NO_COMMA: [0, 2], WORDS: [0, 1]}
    assert found[1].scores.per_item.tolist() == [0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": " ", "instruction_id_list": [NO_COMMA], "kwargs": [{}]}, "field 'prompt'"),
        ({"prompt": "Go.", "instruction_id_list": [NO_COMMA], "kwargs": []}, "one length"),
        ({"prompt": "Go.", "instruction_id_list": [NO_COMMA], "kwargs": [3]}, "'kwargs'"),
        ({"prompt": "Go.", "instruction_id_list": [], "kwargs": []}, "'kwargs'"),
        ({"prompt": "Go.", "instruction_id_list": ["no_comma"], "kwargs": [{}]}, "no_comma"),
        ({"prompt": "Go.", "instruction_id_list": [WORDS], "kwargs": [{}]}, "num_words"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named(
    tmp_path: Path, row: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match="line 3") as caught:
        of_file(tmp_path / "own.jsonl", [ROWS[0], row])
    assert message in str(caught.value)


def test_published_prompts_score_as_the_command_scores_them(tmp_path: Path) -> None:
    files = published("ifeval")
    questions = asked("ifeval", files)
    assert len(questions) == 541
    assert sum(len(question.target) for question in questions) == 834
    some = questions[::9]
    said = [f"{question.turns[0].content}\n\nP.S. *Done*" for question in some]
    found = values(measured("ifeval", some, replies(*said)))
    keys = {question.key for question in some}
    lines = (files / "ifeval" / "input_data.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if str(row["key"]) in keys]
    path = tmp_path / "answers.jsonl"
    path.write_text(
        "".join(
            json.dumps({**row, "prediction": answer}) + "\n"
            for row, answer in zip(rows, said, strict=True)
        )
    )
    scored = score(path, ["ifeval"], resamples=100)["metrics"]["ifeval"]
    assert 0 < found["instruction_strict"] < 1
    assert {name: scored[name] for name in found} == pytest.approx(found)


def test_shipped_prompts_know_every_kind_and_can_be_met() -> None:
    questions = asked("instructions", Path("nowhere"))
    met = json.loads((Path(__file__).parent / "instructions_met.json").read_text())
    assert [question.key for question in questions] == list(met)
    kinds = {demand(reference).kind for one in questions for reference in one.target}
    assert kinds == {name for name in CONSTRAINTS.names() if not name.startswith("plain:")}
    found = measured("instructions", questions, replies(*met.values()))
    assert set(values(found).values()) == {1.0}
    # Each is a demand: the answers to other prompts do not meet it as a rule.
    others = measured("instructions", questions, replies(*[*met.values()][1:], "Certainly."))
    assert values(others)["prompt_loose"] < 0.15


def test_own_instructions_take_the_place_of_the_shipped(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(ROWS[0]))
    options = {"suite": "instructions", "data": [{"path": str(path)}]}
    given = Given(SuiteOptions.model_validate(options))
    assert len(SUITES.get("instructions").questions(given)) == 1
