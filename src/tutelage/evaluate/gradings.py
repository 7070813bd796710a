"""Single answers graded by a judge on the criteria of a rubric, and how far people grade alike.

The rubric, its four criteria and its scale from 1 to 5 are those of audits (`judge/rubric.py`).
Grades are ordered and not more, so what a judge is worth is told by Cohen's kappa with quadratic
weights, as essays are graded (a miss by two counts four times a miss by one), and by Krippendorff's
alpha for ordinal data, which does not forgive a judge that gives other grades more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.text_lines import text_lines
from tutelage.judge import CRITERIA, RUBRIC, Exchange, Judgement, Unjudged, rate
from tutelage.judge.rubric import Criterion
from tutelage.statistics.agreement import Agreement, agreement, cohen_kappa, krippendorff_alpha

Said = tuple[tuple[Message, ...], str]
"""A prompt's turns, and the answer."""

SCALE = (1, 2, 3, 4, 5)
MIDDLE = 3.0
FIX = 'expected one object a line: {"prompt": "…", "answer": "…", "grades": {"clarity": 4}}'


class Grades(NamedTuple):
    """What a judge finds of an answer, as numbers that a reply can carry.

    Attributes:
        judged: 1 where there is a judgement of it, and of the answer it is compared with.
        following: 1 to 5, as are the others.
        correctness: see above.
        clarity: see above.
        safety: see above.
    """

    judged: float
    following: float
    correctness: float
    clarity: float
    safety: float

    def of(self, criterion: Criterion) -> float:
        """The grade by a criterion."""
        return self[1 + CRITERIA.index(criterion)]

    @property
    def mean(self) -> float:
        """Over the criteria."""
        return sum(self[1:]) / len(CRITERIA)


UNGRADED = Grades(0.0, MIDDLE, MIDDLE, MIDDLE, MIDDLE)
"""Without a judgement nobody gains: the middle of the scale, for both models."""


class _Graded(BaseModel):
    """An answer that people graded, by some criteria or all."""

    model_config = ConfigDict(strict=True)

    prompt: str
    answer: str
    grades: dict[Criterion, Annotated[int, Field(ge=SCALE[0], le=SCALE[-1])]] = Field(min_length=1)


def grades(
    judge: Judge, one: Sequence[Said], other: Sequence[Said], rubric: str | None = None
) -> list[tuple[Grades, Grades]]:
    """What a judge finds of the answers of two models.

    Each answer is graded by itself. An answer that both models give to the same turns, which may
    hold a model's own earlier answers, is graded once.

    Args:
        judge: who is asked.
        one: what a model was asked, and its answers.
        other: the same of the other, in the same order.
        rubric: what grades mean; None takes the house's.

    Returns:
        A pair for each; both `UNGRADED` where one of the two has no judgement.
    """
    distinct = list(dict.fromkeys((*one, *other)))
    rated = dict(zip(distinct, _rated(judge, distinct, rubric), strict=True))
    pairs = []
    for first, second in zip(one, other, strict=True):
        both = _grades(rated[first]), _grades(rated[second])
        pairs.append(both if all(found.judged for found in both) else (UNGRADED, UNGRADED))
    return pairs


def agreement_on_grades(judge: Judge, path: Path, rubric: str | None = None) -> dict[str, Any]:
    """How far a judge grades as people graded the same answers.

    Args:
        judge: who is asked.
        path: the answers with people's grades.
        rubric: what grades mean; None takes the house's.

    Returns:
        `items`, those `judged`, and by criterion how many people graded and the judge too, the
        share graded the `same`, `kappa` with quadratic weights and ordinal `alpha`, each with its
        interval; None for what is not defined, as both are where one grade alone was given.

    Raises:
        UserError: not a file of such answers.
    """
    graded = read_graded(path)
    asked = [((Message("user", one.prompt),), one.answer) for one in graded]
    found = _rated(judge, asked, rubric)
    judged = [
        (one, said) for one, said in zip(graded, found, strict=True) if isinstance(said, Judgement)
    ]
    criteria = {
        criterion: [
            (one.grades[criterion], said.of(criterion).score)
            for one, said in judged
            if criterion in one.grades
        ]
        for criterion in CRITERIA
    }
    return {
        "items": len(graded),
        "judged": len(judged),
        "criteria": {name: _alike(both) for name, both in criteria.items() if both},
    }


def read_graded(path: Path) -> list[_Graded]:
    """Answers that people graded.

    Raises:
        UserError: the file is not there, has no rows, or a row of it is none.
    """
    found = []
    for content, where in text_lines(path, FIX):
        try:
            found.append(_Graded.model_validate_json(content))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            where = f"{where}, {field}" if field else where
            raise UserError(first["msg"], where=where, fix=FIX) from None
    return found


def _rated(judge: Judge, asked: Sequence[Said], rubric: str | None) -> list[Judgement | Unjudged]:
    exchanges = [Exchange(prompt, Message("assistant", answer)) for prompt, answer in asked]
    return rate(judge.ask, exchanges, judge.fence, rubric or RUBRIC)


def _grades(found: Judgement | Unjudged) -> Grades:
    if isinstance(found, Unjudged):
        return UNGRADED
    return Grades(1.0, *(float(found.of(criterion).score) for criterion in CRITERIA))


def _alike(both: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Coefficients of people's grades and the judge's."""
    people, judged = zip(*both, strict=True)
    kappa = agreement(cohen_kappa(people, judged, weights="quadratic", categories=SCALE))
    alpha = agreement(krippendorff_alpha(both, level="ordinal", categories=SCALE))
    return {
        "items": len(both),
        "same": sum(said == heard for said, heard in both) / len(both),
        **_row("kappa", kappa),
        **_row("alpha", alpha),
    }


def _row(name: str, found: Agreement) -> dict[str, Any]:
    defined = not math.isnan(found.value)
    return {
        name: found.value if defined else None,
        f"{name}_interval": list(found.interval) if defined else None,
    }
