"""Which of two models' answers a judge prefers, and how far the judge agrees with people.

Every pair is asked in both orders, and a preference that does not survive the exchange is a tie
(`judge/pairwise.py`). A judge's figures are worth what its agreement with people is: so it can be
asked about pairs that people compared, and Cohen's kappa is reported with its interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from tutelage.data.example import Message
from tutelage.data.sources.records import File
from tutelage.data.sources.streams import lines, opened, text
from tutelage.errors import UserError
from tutelage.judge import Ask, Fence, Pair, Preference, Unjudged, compare
from tutelage.statistics.agreement import agreement, cohen_kappa

LABELS = ("a", "b", "tie")
FIX = 'expected one object a line: {"prompt": "…", "a": "…", "b": "…", "better": "a", "b" or "tie"}'


@dataclass(frozen=True)
class Judge:
    """A judge that is ready to be asked.

    Attributes:
        ask: the judge itself.
        fence: what keeps texts apart from what it is told.
        about: who it is and what it has cost so far, as JSON types.
        people: a file of pairs that people compared, to hold it against.
    """

    ask: Ask
    fence: Fence
    about: Callable[[], dict[str, Any]]
    people: Path | None = None


class Verdict(NamedTuple):
    """What a judge said of an answer beside another, as numbers that a reply can carry.

    Attributes:
        preferred: 1 where it is the better one, 0 where the other is, 0.5 for a tie.
        longer: characters that it has more than the other.
        agreed: 1 where both orders gave the same.
        judged: 1 where there is a judgement; without one the preference is a tie.
    """

    preferred: float
    longer: float
    agreed: float
    judged: float

    @property
    def of_the_other(self) -> Verdict:
        """The same of the answer beside it."""
        return self._replace(preferred=1 - self.preferred, longer=-self.longer)


class _Labelled(BaseModel):
    """A comparison that people made."""

    model_config = ConfigDict(strict=True)

    prompt: str
    a: str
    b: str
    better: Literal["a", "b", "tie"]


def verdicts(
    judge: Judge, prompts: Sequence[tuple[Message, ...]], one: Sequence[str], other: Sequence[str]
) -> list[Verdict]:
    """What a judge says of the answers of one model beside those of another.

    Equal answers are a tie, and the judge is not asked about them.

    Args:
        judge: who is asked.
        prompts: the turns before the answers.
        one: a model's answers.
        other: the other's.
    """
    pairs = [
        Pair(prompt, Message("assistant", a), Message("assistant", b))
        for prompt, a, b in zip(prompts, one, other, strict=True)
    ]
    said = iter(compare(judge.ask, [pair for pair in pairs if pair.a != pair.b], judge.fence))
    return [
        Verdict(0.5, 0.0, 1.0, 1.0) if pair.a == pair.b else _verdict(pair, next(said))
        for pair in pairs
    ]


def agreement_with_people(judge: Judge, path: Path) -> dict[str, Any]:
    """How far a judge says what people said of the same pairs.

    Args:
        judge: who is asked.
        path: the pairs with what people said.

    Returns:
        `items`, those `judged`, the share that `agree`, Cohen's `kappa` and its `interval`; None
        for what is not defined, as kappa is where one label alone was given.

    Raises:
        UserError: not a file of such pairs.
    """
    labelled = read_labelled(path)
    pairs = [
        Pair(
            (Message("user", one.prompt),), Message("assistant", one.a), Message("assistant", one.b)
        )
        for one in labelled
    ]
    both = [
        (one.better, found.better)
        for one, found in zip(labelled, compare(judge.ask, pairs, judge.fence), strict=True)
        if isinstance(found, Preference)
    ]
    about: dict[str, Any] = {"items": len(labelled), "judged": len(both)}
    if not both:
        return {**about, "agree": None, "kappa": None, "interval": None}
    people, judged = zip(*both, strict=True)
    found = agreement(cohen_kappa(people, judged, categories=LABELS))
    defined = not math.isnan(found.value)
    return {
        **about,
        "agree": sum(said == heard for said, heard in both) / len(both),
        "kappa": found.value if defined else None,
        "interval": list(found.interval) if defined else None,
    }


def read_labelled(path: Path) -> list[_Labelled]:
    """Comparisons that people made.

    Raises:
        UserError: the file is not there, or a row of it is none.
    """
    found = []
    with opened(File(str(path), path)) as stream:
        for line in lines(stream):
            content = text(line, str(path)).strip()
            try:
                found += [_Labelled.model_validate_json(content)] if content else []
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                field = ".".join(map(str, first["loc"]))
                where = f"{path} line {line.number}" + (f", {field}" if field else "")
                raise UserError(first["msg"], where=where, fix=FIX) from None
    if not found:
        raise UserError("the file holds no comparisons", where=str(path), fix=FIX)
    return found


def _verdict(pair: Pair, found: Preference | Unjudged) -> Verdict:
    longer = float(len(pair.a.content) - len(pair.b.content))
    if isinstance(found, Unjudged):
        return Verdict(0.5, longer, 0.0, 0.0)
    preferred = {"a": 1.0, "b": 0.0, "tie": 0.5}[found.better]
    return Verdict(preferred, longer, float(found.agreed), 1.0)
