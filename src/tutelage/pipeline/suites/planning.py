"""Which suites are asked, with which questions; each is asked, or skipped with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tutelage.data.example import Example
from tutelage.errors import UserError, unknown_name
from tutelage.evaluate.comparison import measures_of
from tutelage.evaluate.gates import (
    OVERALL,
    figure,
    spoken_of,
    suite_of,
    to_worsen,
    without_direction,
)
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Question
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite
from tutelage.evaluate.suite_comparison import drawn
from tutelage.evaluate.suite_measures import all_measures
from tutelage.evaluate.suite_options import DATASET, SuiteOptions
from tutelage.pipeline.items import Item
from tutelage.pipeline.suites.earlier import earlier_items

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
    trained: Callable[[], Sequence[Example]] = tuple,
    judge: Callable[[], Judge] | None = None,
) -> list[Planned]:
    """Make the questions of suites, and try what scoring their replies will need.

    Args:
        options: of the evaluation.
        suites: which, and how they are used.
        examples: test examples of the run.
        trained: gives the examples that the run was tuned on.
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
            tasks=options.tasks,
            files=Path(options.suite_files) if options.suite_files else None,
            examples=examples,
            trained=trained,
            max_new_tokens=options.decode.max_new_tokens,
            seed=options.seed,
            most=use.max_items or options.suite_items,
            judge=judge,
            earlier=earlier_items,
        )
        try:
            questions = suite.questions(given)
        except NotAsked as reason:
            found.append(Planned(suite, given, skipped=str(reason)))
            continue
        longest = options.suite_max_new_tokens
        asked = [_as_used(one, use, longest) for one in drawn(questions, given.most, options.seed)]
        if not asked:
            found.append(Planned(suite, given, skipped=f"no question of {len(questions)} fits"))
        else:
            _check_keys(use.called, asked)
            found.append(Planned(suite, given, asked))
    return found


def preflight(options: EvaluateOptions, items: Sequence[Item]) -> list[str]:
    """Plan a recipe's suites as far as that goes before there is a tuned model.

    Args:
        options: the recipe's.
        items: the test items.

    Returns:
        Notes on suites that will not be asked, and on what searches cost. Of one made of what a
        run alone has (who judges, what was trained on) nothing is said: that is known later.

    Raises:
        UserError: a suite's data is not what it must be, or a condition speaks of nothing.
    """
    plans = plan(options, options.suites, [item.example for item in items])
    check_conditions(options, plans, measures_of([item.scored for item in items], options))
    notes = [
        f"evaluate.suites: {planned.name} will not be asked ({planned.skipped})"
        for planned in plans
        if planned.skipped is not None and planned.suite.data
    ]
    notes += [
        f"evaluate.suites: {one.name}: {note}"
        for one in plans
        if one.skipped is None
        for note in one.suite.notes(one.given, one.questions)
    ]
    return notes + [_cost_of_searches(one) for one in plans if any(q.search for q in one.questions)]


def _cost_of_searches(planned: Planned) -> str:
    """What searches read, by the targets' length: about 4 characters are a token."""
    searches = [question.search for question in planned.questions if question.search]
    tokens = sum(
        one.steps * one.candidates * (one.length + len(one.target) // 4) for one in searches
    )
    return (
        f"evaluate.suites: {planned.name} searches {len(searches)} suffixes against each model, "
        f"which reads up to {tokens:,} tokens, and gradients {sum(s.steps for s in searches)} times"
    )


def check_conditions(
    options: EvaluateOptions, plans: Sequence[Planned], own: Collection[str]
) -> None:
    """Find a condition that speaks of what there will not be, before anything is asked.

    A suite tells its measures by the replies of a model that says nothing. Conditions on suites
    that are skipped, or not asked this time, are left to the results.

    Args:
        options: with the conditions.
        plans: what is asked.
        own: what conditions may call the measures of the run's own tasks.

    Raises:
        UserError: an unknown measure, with the nearest ones; or one that gets neither better nor
            worse is asked whether it worsens.
    """
    asked = {planned.name: planned for planned in plans if planned.skipped is None}
    others = {planned.name for planned in plans} | {suite.called for suite in options.suites}
    for what in spoken_of(options.fail_if):
        suite = suite_of(what)
        if suite in asked:
            foreseen = _foreseen(asked[suite])
            if foreseen.get(what, True) is None and what in to_worsen(options.fail_if):
                raise without_direction(what)
            known = list(foreseen)
        elif suite in others:
            continue
        else:
            known = list(own)
        if what not in known:
            names = known or [f"{name}.METRIC" for name in sorted(others)]
            raise unknown_name("measure", what, names, where="evaluate.fail_if")


def _foreseen(planned: Planned) -> dict[str, bool | None]:
    """What conditions may call the measures of a suite, each with its direction."""
    blank = [planned.suite.blank(question) for question in planned.questions]
    measures = all_measures(planned.suite, planned.given, planned.questions, blank)
    return {
        figure(one.task or OVERALL, one.metric, planned.name): one.higher_is_better
        for one in measures
    }


def _as_used(question: Question, use: SuiteOptions, longest: int | None) -> Question:
    tokens = use.max_new_tokens or question.max_new_tokens
    return replace(question, max_new_tokens=min(tokens, longest or tokens))


def _check_keys(name: str, questions: Sequence[Question]) -> None:
    """Two questions of one key would be one in every comparison."""
    seen: set[str] = set()
    for question in questions:
        if question.key in seen:
            raise UserError(f"two questions are called '{question.key}'", where=f"suite {name}")
        seen.add(question.key)
