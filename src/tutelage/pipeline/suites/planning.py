"""Which suites are asked, with which questions; each is asked, or skipped with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tutelage.data.example import Example
from tutelage.errors import UserError
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Question, Suite
from tutelage.evaluate.suite_comparison import drawn
from tutelage.evaluate.suite_options import DATASET, SuiteOptions

ALL = "all"
"""What names every suite that is built in."""


@dataclass(frozen=True)
class Planned:
    """A suite as it will be asked.

    Attributes:
        suite: what asks and measures.
        given: what its questions are made of.
        questions: those that are asked; none if it is skipped.
        skipped: why it is not asked.
    """

    suite: Suite
    given: Given
    questions: Sequence[Question] = ()
    skipped: str | None = None

    @property
    def name(self) -> str:
        """In tables and files."""
        return self.given.options.called


def chosen(options: EvaluateOptions, named: Sequence[str]) -> list[SuiteOptions]:
    """The suites of a recipe and of a command line, each once.

    Args:
        options: the recipe's.
        named: on the command line: suites that the recipe describes or that are built in, or
            `all`; where none is named, those of the recipe.

    Raises:
        UserError: an unknown name.
    """
    if not named:
        return list(options.suites)
    described = {suite.called: suite for suite in options.suites}
    names: list[str] = []
    for name in named:
        names += (
            [*described, *(s for s in SUITES.names() if s != DATASET)] if name == ALL else [name]
        )
    found = []
    for name in dict.fromkeys(names):
        if name not in described:
            SUITES.get(name)
        found.append(described.get(name) or SuiteOptions(suite=name))
    return found


def plan(
    options: EvaluateOptions,
    suites: Sequence[SuiteOptions],
    examples: Sequence[Example] = (),
    trained: Sequence[Example] = (),
    judge: Callable[[], Judge] | None = None,
) -> list[Planned]:
    """Make the questions of suites, and try what scoring their replies will need.

    Args:
        options: of the evaluation.
        suites: which, and how they are used.
        examples: test examples of the run.
        trained: examples that the run was tuned on.
        judge: gives who compares answers; None where one model alone is asked.

    Raises:
        UserError: a suite is unknown, or its data is not what it must be.
    """
    found = []
    for use in suites:
        suite = SUITES.get(use.suite, where="evaluate.suites")
        if use.suite == DATASET and not use.data:
            raise UserError(
                "a suite of your own needs `data`",
                where=f"evaluate.suites, {use.called}",
                fix="name its file, or in `suite` one that is built in (`tutelage suites`)",
            )
        given = Given(
            options=use,
            metrics=use.metrics or options.metrics,
            files=Path(options.suite_files) if options.suite_files else None,
            examples=examples,
            trained=trained,
            max_new_tokens=options.decode.max_new_tokens,
            seed=options.seed,
            judge=judge,
        )
        try:
            questions = suite.questions(given)
        except NotAsked as reason:
            found.append(Planned(suite, given, skipped=str(reason)))
            continue
        most = use.max_items or options.suite_items
        asked = [_as_used(one, use) for one in drawn(questions, most, options.seed)]
        if not asked:
            found.append(Planned(suite, given, skipped=f"no question of {len(questions)} fits"))
        else:
            _check_keys(use.called, asked)
            found.append(Planned(suite, given, asked))
    return found


def _as_used(question: Question, use: SuiteOptions) -> Question:
    if use.max_new_tokens is None:
        return question
    return replace(question, max_new_tokens=use.max_new_tokens)


def _check_keys(name: str, questions: Sequence[Question]) -> None:
    """Two questions of one key would be one in every comparison."""
    seen: set[str] = set()
    for question in questions:
        if question.key in seen:
            raise UserError(f"two questions are called '{question.key}'", where=f"suite {name}")
        seen.add(question.key)
