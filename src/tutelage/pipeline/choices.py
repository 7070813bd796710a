"""The answers that a task's items are to choose from, as texts and as tokens.

Given ones are told as they were given, whatever the tokenizer makes of their case; those gathered
from training are told as the tokenizer writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tutelage.errors import UserError
from tutelage.evaluate.options import EvaluateOptions
from tutelage.infer.backend import Answer
from tutelage.pipeline.items import Item
from tutelage.prompt.form import AnswerTooLong
from tutelage.prompt.renderer import Renderer
from tutelage.report.text import clip
from tutelage.train.example import TrainingExample

FIX = "give two or more that differ, or leave choices out to have the answer written freely"


class Choices(NamedTuple):
    """A task's possible answers.

    Attributes:
        texts: as they are told and scored.
        ids: as they are predicted, the token that ends each included.
    """

    texts: tuple[str, ...] = ()
    ids: tuple[tuple[int, ...], ...] = ()


def choices_of(
    options: EvaluateOptions,
    renderer: Renderer,
    train: Sequence[TrainingExample],
    *,
    chooses: bool,
) -> dict[str, Choices]:
    """The choices of every task that has some.

    Args:
        options: the recipe's.
        renderer: of the model that is asked.
        train: all training examples.
        chooses: whether the model's family takes choices.

    Raises:
        UserError: it does not, there are fewer than two of them, two are alike, or one has too
            many tokens.
    """
    found = {}
    for task, evaluation in options.tasks.items():
        if evaluation.choices is None:
            continue
        where = f"evaluate.tasks.{task}.choices"
        if not chooses:
            what = "only masked language models choose between answers; this model writes its own"
            raise UserError(what, where=where, fix="leave choices out")
        if evaluation.choices == "trained":
            ids = _trained(task, train)
            texts = tuple(renderer.answer(answer) for answer in ids)
        else:
            texts = tuple(evaluation.choices)
            ids = tuple(_given(text, renderer, where) for text in texts)
        if len(ids) < 2:
            what = f"found {len(ids)} answers to choose from, expected two or more"
            raise UserError(what, where=where, fix=FIX)
        if len(set(ids)) < len(ids):
            raise UserError("two answers have the same tokens", where=where, fix=FIX)
        found[task] = Choices(texts, ids)
    return found


def unmatched(options: EvaluateOptions, items: Sequence[Item]) -> list[str]:
    """What to know of given choices that miss answers of the data: these items cannot be right."""
    notes = []
    for task, evaluation in options.tasks.items():
        if isinstance(evaluation.choices, list):
            asked = [item.example.accepted for item in items if item.example.task == task]
            given = {_plain(choice) for choice in evaluation.choices}
            missed = [accepted for accepted in asked if given.isdisjoint(map(_plain, accepted))]
            if missed:
                notes.append(
                    f"evaluate.tasks.{task}.choices has no accepted answer to {len(missed):,} of "
                    f"{len(asked):,} test items, such as '{clip(missed[0][0], 60)}'"
                )
    return notes


def told(answer: Answer, choices: Choices | None, renderer: Renderer) -> str:
    """What an answer says: the choice as it was given, or what the ids say."""
    if choices is None or answer.choice is None:
        return renderer.answer(answer.ids)
    return choices.texts[answer.choice]


def _trained(task: str, train: Sequence[TrainingExample]) -> tuple[tuple[int, ...], ...]:
    """What the task's examples teach, each answer once, sorted."""
    answers = {
        tuple(sequence.predicted[sequence.weights > 0].tolist())
        for example in train
        if example.task == task
        for sequence in example.sequences
    }
    return tuple(sorted(answers))


def _plain(text: str) -> str:
    """A text without what metrics and tokenizers pass by."""
    return " ".join(text.casefold().split())


def _given(text: str, renderer: Renderer, where: str) -> tuple[int, ...]:
    try:
        return renderer.answer_ids(text)
    except AnswerTooLong as error:
        raise UserError(
            f"'{text}' cannot be chosen: {error}", where=where, fix="raise prompt.answer_tokens"
        ) from None
