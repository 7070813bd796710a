"""Answers to choose from: as given, or as trained; mistakes are told before anything is asked."""

from __future__ import annotations

import pytest

import tiny_masked
from tutelage.data.example import Example, Message, Source
from tutelage.errors import UserError
from tutelage.evaluate.options import EvaluateOptions
from tutelage.infer.backend import Answer
from tutelage.pipeline.choices import choices_of, told, unmatched
from tutelage.pipeline.items import Item
from tutelage.prompt.masked_answer import MaskedAnswer
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer
from tutelage.train.example import TrainingExample


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    tokenizer = tiny_masked.make_tokenizer()
    return Renderer(tokenizer, PromptOptions(answer_tokens=3), form=MaskedAnswer)


def options(choices: object, task: str = "film") -> EvaluateOptions:
    return EvaluateOptions.model_validate({"tasks": {task: {"choices": choices}}})


def trained(renderer: Renderer, *answers: str) -> list[TrainingExample]:
    source = Source("made.jsonl", 0)
    rendered = renderer.render(
        [
            Example((Message("user", f"{at}?"), Message("assistant", said)), source)
            for at, said in enumerate(answers)
        ]
    )
    return [TrainingExample(source, "film", each.sequences) for each in rendered]


def test_given_choices_are_told_as_given(renderer: Renderer) -> None:
    found = choices_of(options(["Good", "The mat!"]), renderer, [], chooses=True)["film"]
    assert found.texts == ("Good", "The mat!")
    assert [renderer.answer(ids) for ids in found.ids] == ["good", "the mat !"]
    assert all(ids[-1] in renderer.stop_ids for ids in found.ids)
    answer = Answer(found.ids[1], "stop", (0.0,), choice=1)
    assert told(answer, found, renderer) == "The mat!"
    assert told(Answer(found.ids[1], "stop", (0.0,)), found, renderer) == "the mat !"


def test_trained_choices_are_each_answer_once(renderer: Renderer) -> None:
    examples = trained(renderer, "good", "bad", "good", "the cat")
    found = choices_of(options("trained"), renderer, examples, chooses=True)["film"]
    assert sorted(found.texts) == ["bad", "good", "the cat"]


def test_choices_that_miss_answers_of_the_data_are_noted() -> None:
    items = [
        Item(
            Example(
                (Message("user", "?"), Message("assistant", said)), Source("a", 0), task="film"
            ),
            (),
            False,
        )
        for said in ("good", " Bad\n", "middling", "so so")
    ]
    (note,) = unmatched(options(["good", "bad"]), items)
    assert "evaluate.tasks.film.choices" in note
    assert "2 of 4 test items, such as 'middling'" in note
    assert unmatched(options(["good", "bad", "middling", "so so"]), items) == []
    assert unmatched(options("trained"), items) == []


def test_tasks_without_choices_have_none(renderer: Renderer) -> None:
    assert choices_of(options(None), renderer, [], chooses=False) == {}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["good"], "found 1 answers to choose from"),
        (["good", "GOOD"], "the same tokens"),
        (["good", "the cat sat on the mat"], "prompt.answer_tokens is 3"),
        ("trained", "found 0 answers to choose from"),
    ],
)
def test_mistakes(renderer: Renderer, choices: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        choices_of(options(choices), renderer, [], chooses=True)
    assert raised.value.where == "evaluate.tasks.film.choices"


def test_a_family_that_writes_does_not_choose(renderer: Renderer) -> None:
    with pytest.raises(UserError, match="only masked language models choose"):
        choices_of(options(["good", "bad"]), renderer, [], chooses=False)


def test_choices_under_a_system_prompt_are_the_answers() -> None:
    """With `prompt.system` the question is no longer the conversation's first turn."""
    options = PromptOptions(answer_tokens=3, system="the cat sat")
    renderer = Renderer(tiny_masked.make_tokenizer(), options, form=MaskedAnswer)
    assert renderer.answer(renderer.answer_ids("Good")) == "good"
