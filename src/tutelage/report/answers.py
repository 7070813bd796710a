"""Answers side by side: which pairs a reader should see out of thousands.

Averages persuade, answers explain; but a hand-picked pair proves nothing, so the choice follows
a rule that is printed with it: the largest gains, the largest losses, the lowest scores that
remain, and the greatest changes of wording among the rest. Each list goes round the tasks before
it takes a second pair of one, or the easiest task would fill it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rapidfuzz.distance import Indel

from tutelage.errors import UserError
from tutelage.report.text import Piece, compare_words, excerpt

# Characters of an answer that are shown and compared; its length is bounded by `max_new_tokens`
# only, and a model that repeats itself fills all of it.
SHOWN_ANSWER = 900


@dataclass(frozen=True, slots=True)
class Scoring:
    """A task's primary metric.

    Attributes:
        metric: its name; items are scored in the column `score:<metric>`.
        scale: 1 or 100.
        higher_is_better: its direction.
    """

    metric: str
    scale: float
    higher_is_better: bool

    def quality(self, score: float) -> float:
        """A score as a share of the scale, turned so that more is better."""
        return score / self.scale if self.higher_is_better else 1 - score / self.scale


@dataclass(frozen=True, slots=True)
class Answer:
    """One item as both models answered it.

    Attributes:
        item: its number in both prediction files.
        task: the task it belongs to.
        held_out: whether the task was kept from training.
        prompt: the conversation as readable text.
        references: acceptable answers.
        base: the base model's answer.
        tuned: the tuned model's answer.
        base_finish: why decoding of the base's answer ended.
        tuned_finish: why decoding of the tuned answer ended.
        scoring: the task's primary metric, or None if the comparison names none.
        base_score: on the metric's own scale; None if the item has none.
        tuned_score: the same of the tuned answer.
    """

    item: int
    task: str
    held_out: bool
    prompt: str
    references: tuple[str, ...]
    base: str
    tuned: str
    base_finish: str
    tuned_finish: str
    scoring: Scoring | None
    base_score: float | None
    tuned_score: float | None

    @property
    def quality(self) -> float | None:
        """The tuned answer's score as a share of the scale, more being better."""
        if self.scoring is None or self.tuned_score is None:
            return None
        return self.scoring.quality(self.tuned_score)

    @property
    def gain(self) -> float | None:
        """Improvement as a share of the scale; None unless both answers have a score."""
        if self.scoring is None or self.base_score is None or self.quality is None:
            return None
        return self.quality - self.scoring.quality(self.base_score)

    @property
    def reference(self) -> str:
        """The reference nearest to the tuned answer; empty if there is none."""
        return max(
            self.references,
            key=lambda text: Indel.normalized_similarity(
                text[:SHOWN_ANSWER], self.tuned[:SHOWN_ANSWER]
            ),
            default="",
        )

    @property
    def shown_reference(self) -> str:
        """The nearest reference, cut if it is very long."""
        return excerpt(self.reference, SHOWN_ANSWER)

    def pieces(self, answer: str) -> list[Piece]:
        """`answer` divided by whether the reference says the same, cut if it is very long."""
        return compare_words(excerpt(answer, SHOWN_ANSWER), self.shown_reference)


@dataclass(frozen=True, slots=True)
class Selection:
    """Pairs chosen by one rule, best fit first."""

    heading: str
    rule: str
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items of a task the tuned model answered better, equally or worse."""

    better: int
    same: int
    worse: int


def read_answers(base: Path, tuned: Path, primary: Mapping[str, Scoring]) -> list[Answer]:
    """Join the two prediction files by item.

    Args:
        base: predictions of the base model.
        tuned: predictions of the tuned model.
        primary: every task's primary metric.

    Raises:
        UserError: the files do not hold the same items.
    """
    sides = {name: read_table(path) for name, path in (("base", base), ("tuned", tuned))}
    if sides["base"]["item"].sort().to_list() != sides["tuned"]["item"].sort().to_list():
        raise UserError(
            "base and tuned predictions are not of the same items",
            where=str(base.parent),
            fix="evaluate the run again: `tutelage eval RUN`",
        )
    answers = []
    rows = sides["base"].join(sides["tuned"], on="item", suffix=" tuned", maintain_order="left")
    for row in rows.iter_rows(named=True):
        scoring = primary.get(row["task"])
        column = f"score:{scoring.metric}" if scoring else ""
        answers.append(
            Answer(
                item=row["item"],
                task=row["task"],
                held_out=row["held_out"],
                prompt=row["prompt"],
                references=tuple(row["references"]),
                base=row["prediction"],
                tuned=row["prediction tuned"],
                base_finish=row["finish_reason"],
                tuned_finish=row["finish_reason tuned"],
                scoring=scoring,
                base_score=row.get(column),
                tuned_score=row.get(f"{column} tuned"),
            )
        )
    return answers


def tally(answers: Iterable[Answer]) -> dict[str, Tally]:
    """Better, same and worse items of every task whose items have scores."""
    gains: dict[str, list[float]] = {}
    for answer in answers:
        if answer.gain is not None:
            gains.setdefault(answer.task, []).append(answer.gain)
    return {
        task: Tally(
            better=sum(gain > 0 for gain in values),
            same=sum(gain == 0 for gain in values),
            worse=sum(gain < 0 for gain in values),
        )
        for task, values in gains.items()
    }


def select(answers: Sequence[Answer], count: int = 6) -> list[Selection]:
    """The pairs worth reading, at most `count` a rule and none twice."""
    taken: set[int] = set()

    def choose(heading: str, rule: str, fit: Callable[[Answer], float], least: float) -> Selection:
        """The answers of which `fit` is above `least`, the highest first."""
        fits = {a.item: fit(a) for a in answers if a.item not in taken}
        free = [a for a in answers if fits.get(a.item, least) > least]
        free.sort(key=lambda a: -fits[a.item])
        chosen = _round_the_tasks(free)[:count]
        taken.update(a.item for a in chosen)
        return Selection(heading, rule, chosen)

    def remaining(answer: Answer) -> float:
        return 0.0 if answer.quality is None else 1 - answer.quality

    def rewording(answer: Answer) -> float:
        return Indel.normalized_distance(answer.base[:SHOWN_ANSWER], answer.tuned[:SHOWN_ANSWER])

    selections = [
        choose(
            "Where tuning helped most", "the largest gains in score", lambda a: a.gain or 0.0, 0.0
        ),
        choose(
            "Where it hurt most", "the largest losses in score", lambda a: -(a.gain or 0.0), 0.0
        ),
        choose("Still poor", "the lowest scores of the tuned model", remaining, 0.5),
        choose(
            "Most changed in wording", "the greatest distance between both answers", rewording, 0.0
        ),
    ]
    return [selection for selection in selections if selection.answers]


def _round_the_tasks(answers: Sequence[Answer]) -> list[Answer]:
    """The first of every task, then the second of every task, and so on, order kept."""
    rounds: dict[str, int] = {}
    keyed = []
    for answer in answers:
        rounds[answer.task] = rounds.get(answer.task, -1) + 1
        keyed.append((rounds[answer.task], answer))
    keyed.sort(key=lambda pair: pair[0])
    return [answer for _, answer in keyed]


def read_table(path: Path) -> pl.DataFrame:
    """A Parquet file of a run.

    Raises:
        UserError: it is damaged.
    """
    try:
        return pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"not readable as Parquet: {error}",
            where=str(path),
            fix="evaluate the run again: `tutelage eval RUN`",
        ) from error
