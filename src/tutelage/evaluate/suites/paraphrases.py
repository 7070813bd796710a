"""The run's own test items in up to seven wordings: does an answer hang on how politely one asks?

Models' scores move by many points with a prompt's form alone (Sclar et al. 2023, arXiv:2310.11324),
so that one wording says little of what a model can do (Mizrahi et al. 2024, arXiv:2401.00595, who
average over wordings). The wordings are templates around the prompt, which stands in each of
them letter for letter: what is asked stays the same by construction, which rewriting by a model
would have to prove. "instruction last" puts the input before the instruction, where there is an
input and the instruction does not point at a place ("the text below").

An item's wordings are a cluster, and an item counts once: `score` is the mean over its wordings,
`worst` the worst of them, `spread` their standard deviation (of all of them, divided by their
number) and `flips` whether some wordings reach half of a perfect score while others do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tutelage.evaluate.own_items import ItemScores, asking, divided, own_questions, scored
from tutelage.evaluate.suite import SUITES, Given, Measure, Question, Reply, Suite, by_task

AS_WRITTEN, LAST = "as written", "instruction last"
PROMPT = "{prompt}"
TEMPLATES = {
    AS_WRITTEN: PROMPT,
    "polite": "Could you please help me with the following? I would be grateful.\n\n{prompt}",
    "imperative": "Do what is said here.\n\n{prompt}",
    "question": "How would you answer this request?\n\n{prompt}",
    "terse": "Task: {prompt}",
    "preamble": "I have been working on this for a while and would like a second opinion, as it "
    "has to be right. Here is the task.\n\n{prompt}",
}
POINTS = re.compile(
    r"\b(?:below|above|under|follow(?:s|ing)?|preced(?:es|ing)|next|previous|here)\b|:\s*$",
    re.IGNORECASE,
)
"""An instruction that says where its input stands, or runs into it, is not parted from it."""


class Paraphrases(Suite):
    """An item and its wordings are a cluster."""

    area = "generalisation"
    title = "the run's test items in up to seven wordings: mean, worst and spread"
    needs = "a run"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """Every item in every wording that fits it."""
        return [
            replace(asking(item, text), key=f"{item.key}/{name}", task=name, cluster=item.key)
            for item in own_questions(given)
            for name, text in wordings(item.turns[-1].content).items()
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Mean, worst, spread and flips by item, and the score of each wording."""
        scores = scored(questions, replies)
        items: dict[str, list[int]] = {}
        for at, question in enumerate(questions):
            items.setdefault(question.cluster, []).append(at)
        places = [own[0] for own in items.values()]
        values = [scores.values[own] for own in items.values()]
        worst = np.min if scores.higher_is_better else np.max
        return [
            scores.measure(
                "score", [own.mean() for own in values], places, "mean of wordings", primary=True
            ),
            scores.measure("worst", [worst(own) for own in values], places, "worst wording"),
            _spread(scores, [own.std() for own in values], places),
            Measure.mean(
                "flips",
                [_flips(own >= scores.scale / 2) for own in values],
                items=places,
                signature=f"half of a perfect score by some wordings only: {scores.signature}",
                higher_is_better=False,
            ),
            *(
                scores.measure("score", scores.values[own], own, "one wording", task=name)
                for name, own in by_task(questions).items()
            ),
        ]


def wordings(prompt: str) -> dict[str, str]:
    """A prompt under every template that fits it, by the template's name."""
    found = {name: template.replace(PROMPT, prompt) for name, template in TEMPLATES.items()}
    instruction, given = divided(prompt)
    if instruction.strip() and given.strip() and not POINTS.search(instruction):
        found[LAST] = f"Input:\n{given}\n\nInstruction:\n{instruction}"
    return found


def _spread(scores: ItemScores, values: Sequence[float], places: Sequence[int]) -> Measure:
    """Less is better, whatever the metric; values from 0 to 1 deviate by half of it at most."""
    found = scores.measure("spread", values, places, "standard deviation over wordings")
    half = scores.scale / 2
    bounds = (0.0, half) if scores.higher_is_better else None
    return replace(found, higher_is_better=False, bounds=bounds)


def _flips(reached: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    return bool(reached.any() and not reached.all())


SUITES.register("paraphrases")(Paraphrases())
