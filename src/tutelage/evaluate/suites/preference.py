"""Which model's answers to the run's own test prompts a judge prefers.

A judge (`evaluate.judge`: behind an endpoint, or here) compares the answers of base and tuned
model, each pair in both orders. `preferred` is the share of prompts where a model's answer is the
better one, ties counting half: of two models the shares sum to 1, and 0.5 each is a draw.

Judges love length (Dubois et al. 2024, arXiv:2404.04475), and tuning changes it. So
`preferred_length_controlled` estimates the share at equal length, as they do: the preference is
regressed on tanh of the difference in length over its standard deviation, and read off at 0. They
fit a logistic regression with a term for each prompt's difficulty; ours is linear and without it,
and is therefore a function of sums that resamples quickly. It is not AlpacaEval's figure.

What a judge says is that judge's opinion; `evaluate.judge.people` measures it against people's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tutelage.evaluate.judged import judge_of, prompt_questions, with_verdict
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.preferences import (
    Verdict,
    agreement_with_people,
    read_labelled,
    verdicts,
)
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, Judged, Suite
from tutelage.metrics import Scores
from tutelage.metrics.metric import Floats

SIGNATURE = "pairwise, both orders, a disagreement is a tie"


class PreferenceSuite(Suite):
    """Written answers of two models, compared by a third."""

    area = "instruction following"
    title = "which model's answers to the run's test prompts a judge prefers"
    needs = "a run, two models and evaluate.judge"

    def questions(self, given: Given) -> list[Question]:
        """The run's test prompts, as they are."""
        judge = judge_of(given)
        if judge.people is not None:
            read_labelled(judge.people)
        return prompt_questions(given, given.examples)

    def judged(
        self,
        given: Given,
        questions: Sequence[Question],
        base: Sequence[Reply],
        tuned: Sequence[Reply],
    ) -> Judged:
        """The replies with the judge's verdicts on them."""
        judge = judge_of(given)
        answers = [[reply.answer for reply in side] for side in (tuned, base)]
        found = verdicts(judge, [question.turns for question in questions], *answers)
        people = {} if judge.people is None else agreement_with_people(judge, judge.people)
        return Judged(
            [with_verdict(reply, one.of_the_other) for reply, one in zip(base, found, strict=True)],
            [with_verdict(reply, one) for reply, one in zip(tuned, found, strict=True)],
            judge.about() | ({"people": people} if people else {}),
        )

    def blank(self, question: Question) -> Reply:
        """An answer that is as good as the other model's."""
        return with_verdict(Reply.blank(question), Verdict(0.5, 0.0, 1.0, 1.0))

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The share preferred, that at equal length, and how sure the judge is."""
        found = [Verdict(*reply.verdicts) for reply in replies]
        preferred = np.array([one.preferred for one in found])
        agreed, judged = [one.agreed for one in found], [one.judged for one in found]
        return [
            Measure.mean("preferred", preferred, signature=SIGNATURE, primary=True),
            _at_equal_length(preferred, np.array([one.longer for one in found])),
            Measure.mean("orders_agree", agreed, signature="pairs whose two orders agree"),
            Measure.mean("judged", judged, signature="pairs with a judgement; others are ties"),
        ]


def equal_length_share(sums: Floats) -> Floats:
    """The line's value at 0 from (..., 5) sums of 1, x, y, x² and xy; the mean of y where x does
    not vary."""
    count, x, y, squares, products = np.moveaxis(sums, -1, 0)
    varies = count * squares - x * x
    flat = varies <= 1e-9 * np.maximum(count * count, 1)
    line = (squares * y - x * products) / np.where(flat, 1.0, varies)
    share: Floats = np.clip(np.where(flat, y / np.maximum(count, 1), line), 0, 1)
    return share


def _at_equal_length(preferred: Floats, longer: Floats) -> Measure:
    """Of the other model it is one less this, as the differences in length are its negatives."""
    x = np.tanh(longer / (longer.std() or 1.0))
    statistics = np.stack([np.ones_like(x), x, preferred, x * x, x * preferred], axis=1)
    return Measure(
        metric="preferred_length_controlled",
        items=range(len(x)),
        scores=Scores(preferred, statistics, f"{SIGNATURE}; linear in tanh of length, at 0"),
        aggregate=equal_length_share,
    )


SUITES.register("preference")(PreferenceSuite())
