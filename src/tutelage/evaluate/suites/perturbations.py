"""The run's own test items with noise in their prompts: what of the task score is left.

Each item is asked as it is, and in `COPIES` of the kinds of noise that it offers: typing errors,
case, spacing, homoglyphs, distractors, reordered options (`data/perturb.py`). They are drawn for
it, so that all kinds come up over the items. `evaluate.suites[].strength` says how much noise;
with `strengths`, the same copies are asked with more or less of it too, for a curve.

The verdict goes by the score of all perturbed copies. `drop` is how much worse they are than the
same items clean, each item weighed by its copies, which makes it paired; read it beside `clean`, as
a model that is always wrong loses nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tutelage.data.example import Example, Message
from tutelage.data.perturb import KINDS, Perturbed, perturbed
from tutelage.evaluate.curves import Curve, CurvePoint
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import ItemScores, Scorings, own_prompts, scored
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite
from tutelage.metrics import Scores
from tutelage.metrics.metric import Floats

COPIES = 2
"""Perturbed copies of an item: more items tell more than more copies of few."""

CLEAN = "clean"

STRENGTH = "strength"
"""Where the amount of noise stands in a question's target."""


class Perturbations(Suite):
    """An item and its copies are a cluster."""

    area = "robustness"
    title = "the run's test items under typos, case, spacing, look-alikes, distractors, reordering"
    needs = "a run"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """Of each item with a right answer and something to perturb, the clean one and copies."""
        scorings = Scorings(given, {"text"})  # its noise is for answers that are text
        found = [
            question
            for number, example in own_prompts(given)
            for question in _asked(example, str(number), given, scorings)
        ]
        if not found:
            raise NotAsked(
                scorings.refusal()
                or "made of a run's test items; there are none with a right answer"
            )
        return found

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The score of the copies, of the clean items, of each kind, and the drops."""
        parts = by_task(questions)
        clean = parts.pop(CLEAN, [])
        further = {task: parts.pop(task) for task in list(parts) if task not in KINDS}
        noisy = sorted(at for places in parts.values() for at in places)
        scores = scored(questions, replies)
        return [
            scores.together(noisy, primary=True),
            _drop(scores, questions, noisy, ""),
            scores.together(clean, task=CLEAN),
            *(scores.together(places, task=kind) for kind, places in parts.items()),
            *(_drop(scores, questions, places, kind) for kind, places in parts.items()),
            *(scores.together(places, task=task) for task, places in further.items()),
        ]

    def curves(self, questions: Sequence[Question], measures: Sequence[Measure]) -> list[Curve]:
        """The score by the amount of noise, where there are further ones."""
        metric = measures[0].metric
        asked = {
            one.target[STRENGTH]: "" if one.task in KINDS else one.task
            for one in questions
            if STRENGTH in one.target  # older ones have none
        }
        if len(asked) < 3:  # clean, and `strength`
            return []
        points = [CurvePoint(x, task, metric) for x, task in sorted(asked.items())]
        return [Curve("share of words with noise", metric, points)]


def _asked(example: Example, key: str, given: Given, scorings: Scorings) -> list[Question]:
    """An item as it is, then with noise; none if it offers nothing to perturb."""
    if scorings.target(example) is None:
        return []
    text = example.prompt[-1].content

    def rank(kind: str) -> bytes:
        return hashlib.sha256(f"{given.seed}\0{kind}\0{text}".encode()).digest()

    def noisy(kind: str, strength: float) -> Perturbed | None:
        return perturbed(kind, text, example.accepted, seed=given.seed, strength=strength)

    def question(name: str, task: str, strength: float, made: Perturbed) -> Question:
        return Question(
            key=f"{key}/{name}",
            turns=(*example.prompt[:-1], Message("user", made.text)),
            max_new_tokens=given.longest(example.task),
            task=task,
            cluster=key,
            target={**(scorings.target(example, made.answers) or {}), STRENGTH: strength},
        )

    strength = given.options.strength
    further = sorted(set(given.options.strengths) - {strength})
    made = [(kind, copy) for kind in sorted(KINDS, key=rank) if (copy := noisy(kind, strength))][
        :COPIES
    ]
    if not made:
        return []
    return [
        question(CLEAN, CLEAN, 0.0, Perturbed(text, example.accepted)),
        *(question(kind, kind, strength, copy) for kind, copy in made),
        *(
            question(f"{kind} {other:g}", f"noise {other:g}", other, copy)
            for other in further
            for kind, _ in made
            if (copy := noisy(kind, other))
        ),
    ]


def _drop(
    scores: ItemScores,
    questions: Sequence[Question],
    noisy: Sequence[int],
    task: str,
) -> Measure:
    """How much worse copies are than their clean items, item by item."""
    copies: dict[str, list[int]] = {}
    for at in noisy:
        copies.setdefault(questions[at].cluster, []).append(at)
    clean = [at for at, one in enumerate(questions) if one.task == CLEAN and one.cluster in copies]
    of_clean = [copies[questions[at].cluster] for at in clean]
    width = scores.statistics.shape[1]
    sums = np.zeros((len(clean), 2 * width))
    for row, (at, own) in enumerate(zip(clean, of_clean, strict=True)):
        sums[row, :width] = len(own) * scores.statistics[at]
        sums[row, width:] = scores.statistics[own].sum(axis=0)
    sign = 1.0 if scores.higher_is_better else -1.0

    def lost(totals: Floats) -> Floats:
        before, after = (scores.aggregate(own) for own in np.split(totals, 2, axis=-1))
        return sign * (before - after)

    per_item = [
        sign * (scores.values[at] - scores.values[own].mean())
        for at, own in zip(clean, of_clean, strict=True)
    ]
    return Measure(
        metric="drop",
        items=clean,
        scores=Scores(
            np.array(per_item),
            sums,
            f"{scores.name} of clean items less that of their perturbed copies; {scores.signature}",
        ),
        aggregate=lost,
        scale=scores.scale,
        higher_is_better=False,
        task=task,
    )


SUITES.register("perturbations")(Perturbations())
