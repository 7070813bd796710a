"""The run's own test items in up to seven wordings: does an answer hang on how politely one asks?

Models' scores move by many points with a prompt's form alone (Sclar et al. 2023, arXiv:2310.11324),
so that one wording says little of what a model can do (Mizrahi et al. 2024, arXiv:2401.00595, who
average over wordings). The wordings are templates around the prompt, which stands in each of
them letter for letter: what is asked stays the same by construction, which rewriting by a model
would have to prove. "instruction last" puts the input before the instruction, where there is an
input and the instruction does not point at a place ("the text below").

With `rewordings` the judge's model also says each instruction in other words; the input stays as it
is. Only what keeps its numbers and quotations and is found, in both orders, to ask for the same is
asked (`judge/rewording.py`); `meaning_kept` is the share that was.

An item's wordings are a cluster, and an item counts once: `score` is the mean over its wordings,
`worst` the worst of them, `spread` their standard deviation (of all of them, divided by their
number) and `flips` whether some wordings reach half of a perfect score while others do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import ItemScores, asking, divided, own_questions, scored
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.suite import SUITES, Given, Judged, NotAsked, Suite
from tutelage.evaluate.suite_comparison import drawn
from tutelage.judge import reword

AS_WRITTEN, LAST, REWORDED = "as written", "instruction last", "reworded"
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
        """Every item in every wording that fits it.

        Raises:
            NotAsked: there are no items, or nobody who could reword them.
        """
        items = own_questions(given)
        found = [
            _worded(item, name, text)
            for item in items
            for name, text in wordings(item.turns[-1].content).items()
        ]
        if not given.options.rewordings:
            return found
        # What will not be asked need not be reworded: more wordings only make it fewer items.
        asked = {one.cluster for one in drawn(found, given.most, given.seed)}
        return _with_rewordings(given, [item for item in items if item.key in asked], found)

    def judged(
        self,
        given: Given,
        questions: Sequence[Question],
        base: Sequence[Reply],
        tuned: Sequence[Reply],
    ) -> Judged:
        """The replies as they are; who reworded is told."""
        judge = given.judge if given.options.rewordings else None
        return Judged(base, tuned, {} if judge is None else judge().about())

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
            *_meaning_kept(questions, places),
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


def _worded(item: Question, name: str, text: str, task: str | None = None) -> Question:
    """An item in a wording."""
    worded = asking(item, text)
    return replace(worded, key=f"{item.key}/{name}", task=task or name, cluster=item.key)


def _with_rewordings(
    given: Given, items: Sequence[Question], found: Sequence[Question]
) -> list[Question]:
    """The items' wordings, and their instructions in a judge's words."""
    if given.judge is None:
        raise NotAsked("has a judge reword what is asked: set evaluate.judge.model or local")
    judge, wanted = given.judge(), given.options.rewordings
    parts = [divided(item.turns[-1].content) for item in items]
    reworded = reword(judge.ask, [instruction for instruction, _ in parts], wanted, judge.fence)
    questions = [one for one in found if one.cluster in {item.key for item in items}]
    for item, (_, rest), said in zip(items, parts, reworded, strict=True):
        kept = {REWORDED: [len(said.kept), wanted]}
        for number, text in enumerate(said.kept, 1):
            whole = f"{text}\n\n{rest}" if rest else text
            questions.append(_worded(item, f"{REWORDED} {number}", whole, REWORDED))
        at = next(at for at, one in enumerate(questions) if one.cluster == item.key)
        questions[at] = replace(questions[at], target={**questions[at].target, **kept})
    return questions


def _meaning_kept(questions: Sequence[Question], places: Sequence[int]) -> list[Measure]:
    """Of each item the share of its rewordings that ask for the same, if it was reworded."""
    told = [questions[at].target.get(REWORDED) for at in places]
    if None in told:
        return []
    what = "share of the rewordings wanted that ask for the same"
    shares = [kept / wanted for kept, wanted in told]
    return [Measure.mean("meaning_kept", shares, items=places, signature=what)]


def _spread(scores: ItemScores, values: Sequence[float], places: Sequence[int]) -> Measure:
    """Less is better, whatever the metric; values from 0 to 1 deviate by half of it at most."""
    found = scores.measure("spread", values, places, "standard deviation over wordings")
    half = scores.scale / 2
    bounds = (0.0, half) if scores.higher_is_better else None
    return replace(found, higher_is_better=False, bounds=bounds)


def _flips(reached: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    return bool(reached.any() and not reached.all())


SUITES.register("paraphrases")(Paraphrases())
