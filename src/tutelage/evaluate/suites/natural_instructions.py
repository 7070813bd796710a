"""Natural Instructions, versions 1 and 2: tasks by their definition and two solved examples.

Mishra et al. 2022 (arXiv:2104.08773) and Wang et al. 2022 (arXiv:2204.07705). A prompt has the
definition, two of the task's positive examples and the input, which is what the second paper found
best; ROUGE-L against the best of an instance's outputs is its measure of all tasks, and exact match
stands beside it for those of labels. Version 2 keeps a folder a task; where its `test.json` is
apart, that alone is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tutelage.data.example import Message
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading
from tutelage.evaluate.answered import asked, measured, readings
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite

FORMAT = "natural_instructions"
METRICS = ("rougeL", "exact_match")
SHOWN = 2
LONGEST = 128
"""Tokens, as in the second paper."""


class NaturalInstructions(Suite):
    """Instances of many tasks."""

    area = "tasks"
    title = "many tasks by definition and two examples: Natural Instructions"
    data = "natural_instructions"

    def questions(self, given: Given) -> list[Question]:
        """One an instance, each task a part."""
        files = _files(given.path(self.data))
        if not files:
            raise NotAsked(f"{given.path(self.data)} has no task files")
        sources = [SourceOptions(path=str(path), format=FORMAT) for path in files]
        rows = readings(sources, answered=True)
        return [
            replace(question, turns=(_showing(row, question),), max_new_tokens=LONGEST)
            for row, question in zip(rows, asked(given, rows), strict=True)
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """ROUGE-L and exact match, of all and of each task."""
        return measured(replace(given, metrics=METRICS), questions, replies)


class SuperNaturalInstructions(NaturalInstructions):
    """Those of the second version."""

    title = "many tasks by definition and two examples: Super-NaturalInstructions"
    data = "super_natural_instructions"


def _files(path: Path) -> list[Path]:
    """A file, the files of a folder, or of its folders: the tests where they are apart."""
    if path.is_file():
        return [path]
    tests = sorted(path.glob("*/test.json"))
    return tests or sorted([*path.glob("*.json"), *path.glob("*/*.json")])


def _showing(row: Reading, question: Question) -> Message:
    """The definition, solved examples, and the input to solve."""
    whole = question.turns[-1].content
    given = row.values.get("input")
    given = given if isinstance(given, str) else ""
    definition = whole.removesuffix(given).strip()
    solved = [
        f"Input: {example['input']}\nOutput: {example['output']}"
        for example in _examples(row.values)[:SHOWN]
    ]
    return Message("user", "\n\n".join([definition, *solved, f"Input: {given}\nOutput:"]))


def _examples(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The task's positive examples; the first version says "-" where there are none."""
    found = values.get("positive_examples")
    return [
        one
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, Mapping) and {"input", "output"} <= set(one)
    ]


SUITES.register("natural_instructions")(NaturalInstructions())
SUITES.register("super_natural_instructions")(SuperNaturalInstructions())
