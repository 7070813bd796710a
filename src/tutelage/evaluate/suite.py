"""What a suite is: questions for a model, and what its replies to them are worth.

A suite is one file in `suites/`. It is pure: it neither loads a model nor knows which of two it is
asked of, so that both get the same questions, and every measure is one value an item, paired. What
it costs to ask (tokens to write, answers or texts to weigh) stands in the questions themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from tutelage.data.example import Example, Message
from tutelage.evaluate.curves import Curve
from tutelage.evaluate.options import TaskEvaluation
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.infer.options import SuffixSearch
from tutelage.metrics.metric import Floats, Metric, Scores, mean_of_sums, mean_statistics
from tutelage.registry import Registry
from tutelage.statistics import Interval

Area = Literal[
    "instruction following", "tasks", "generalisation", "forgetting", "bias", "robustness"
]
AREAS: tuple[Area, ...] = (
    *("instruction following", "tasks", "generalisation", "forgetting", "bias", "robustness"),
)
"""In the order of the report."""


class NotAsked(Exception):  # noqa: N818 - it says what happened; the suite is then skipped
    """A suite cannot be asked here; the text is its reason, in words for the reader."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing asked of a model.

    Attributes:
        key: its name within the suite, the same whenever and of whomever it is asked.
        turns: the conversation that the model answers; none if only `texts` are weighed.
        then: what the user says next, each turn after the model's own answer to the one before.
        choices: answers to weigh instead of writing one: each one's likelihood after the turns.
        texts: plain texts to weigh, read without a chat template.
        max_new_tokens: longest answer.
        samples: answers to write; more than one are drawn at `temperature`.
        temperature: of the samples; 0 is greedy.
        search: looks for a suffix of the last turn against the model that is asked, which then
            answers the request with the suffix.
        task: the part of the suite it belongs to, for a table of the parts.
        cluster: what it has in common with others, such as a passage: they are drawn together,
            and resampled together; itself alone where empty.
        target: what its reply is compared with, as JSON types.
    """

    key: str
    turns: tuple[Message, ...] = ()
    then: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    max_new_tokens: int = 256
    samples: int = 1
    temperature: float = 0.0
    search: SuffixSearch | None = None
    task: str = ""
    cluster: str = ""
    target: Any = None

    def followed(self, answers: Sequence[str]) -> tuple[Message, ...]:
        """The conversation after so many answers, up to what the user says next."""
        more = [
            turn
            for answer, said in zip(answers, self.then, strict=False)
            for turn in (Message("assistant", answer), Message("user", said))
        ]
        return (*self.turns, *more)

    @property
    def source(self) -> str:
        """What it is drawn and resampled with."""
        return self.cluster or self.key

    @property
    def weighs(self) -> bool:
        """Whether likelihoods are asked for, and nothing is written."""
        return bool(self.choices or self.texts)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said to one question.

    Attributes:
        answers: the written ones: one a sample, or one a turn where the user goes on.
        finish_reasons: `stop` or `length` of each.
        likelihoods: natural logarithm of the probability of each choice, or of each text but its
            first token.
        lengths: tokens that each of these is of.
        prompt_tokens: that were read before an answer.
        tokens: that were written.
        prompt_ids: token ids that were read before the last answer; unknown of a model elsewhere,
            as are the others.
        token_ids: of each answer, a stop token included.
        log_probabilities: natural logarithm of the probability of each answer under the model.
        verdicts: of a judge on the answers, as numbers that the suite knows.
        suffix: that a search put behind the last turn.
        losses: of the search's target in nats: before it, and the least after each step.
    """

    answers: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    likelihoods: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    prompt_tokens: int = 0
    tokens: int = 0
    prompt_ids: tuple[int, ...] = ()
    token_ids: tuple[tuple[int, ...], ...] = ()
    log_probabilities: tuple[float, ...] = ()
    verdicts: tuple[float, ...] = ()
    suffix: str = ""
    losses: tuple[float, ...] = ()

    @classmethod
    def blank(cls, question: Question) -> Reply:
        """Of a model that says nothing, and finds everything as likely as anything else."""
        weighed = question.choices or question.texts
        samples = 0 if question.weighs else question.samples + len(question.then)
        return cls(
            answers=("",) * samples,
            finish_reasons=("stop",) * samples,
            likelihoods=(-1.0,) * len(weighed),
            lengths=(1,) * len(weighed),
            losses=(0.0,) if question.search else (),
        )

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Reply:
        """The reply that a row of JSON types or of a table stands for."""
        return cls(
            answers=tuple(row["answers"]),
            finish_reasons=tuple(row["finish_reasons"]),
            likelihoods=tuple(row["likelihoods"]),
            lengths=tuple(row["lengths"]),
            prompt_tokens=row["prompt_tokens"],
            tokens=row["tokens"],
            # What is older has none of these.
            prompt_ids=tuple(row.get("prompt_ids", ())),
            token_ids=tuple(map(tuple, row.get("token_ids", ()))),
            log_probabilities=tuple(row.get("log_probabilities", ())),
            verdicts=tuple(row.get("verdicts", ())),
            suffix=row.get("suffix", ""),
            losses=tuple(row.get("losses", ())),
        )

    @property
    def answer(self) -> str:
        """The first answer."""
        return self.answers[0]

    def likeliest(self, *, per_token: bool) -> int:
        """Which choice or text is the likeliest, as a whole or by its tokens' mean."""
        weights = np.array(self.likelihoods)
        return int(np.argmax(weights / np.maximum(self.lengths, 1) if per_token else weights))


@dataclass(frozen=True)
class Measure:
    """One figure of a suite, item by item.

    Attributes:
        metric: what it is called.
        items: (items,) places of the questions that it is of, ascending.
        scores: of those, in that order.
        aggregate: from (..., columns) sums of the statistics to (...) values.
        scale: value of a perfect score, 1 or 100.
        higher_is_better: its direction; None where neither side is better, as for a figure whose
            best value lies in the middle.
        primary: whether the suite's verdict goes by it.
        task: the part of the suite that it is of; the whole where empty.
        bounds: its least and greatest value; None if there are none.
    """

    metric: str
    items: Sequence[int]
    scores: Scores
    aggregate: Callable[[Floats], Floats] = mean_of_sums
    scale: int = 1
    higher_is_better: bool | None = True
    primary: bool = False
    task: str = ""
    bounds: Interval | None = (0.0, 1.0)

    @classmethod
    def mean(
        cls,
        metric: str,
        values: Sequence[float] | Sequence[bool] | Floats,
        *,
        items: Sequence[int] | None = None,
        signature: str = "",
        higher_is_better: bool | None = True,
        primary: bool = False,
        task: str = "",
        details: Mapping[str, Any] | None = None,
        bounds: Interval | None = (0.0, 1.0),
    ) -> Measure:
        """The mean of one value an item, such as whether it is right."""
        per_item = np.asarray(values, dtype=np.float64)
        return cls(
            metric=metric,
            items=range(len(per_item)) if items is None else items,
            scores=Scores(per_item, mean_statistics(per_item), signature, dict(details or {})),
            higher_is_better=higher_is_better,
            primary=primary,
            task=task,
            bounds=bounds,
        )

    @classmethod
    def of(
        cls,
        metric: Metric,
        scores: Scores,
        *,
        items: Sequence[int] | None = None,
        primary: bool = False,
        task: str = "",
    ) -> Measure:
        """The measure of a metric of texts."""
        return cls(
            metric=metric.name,
            items=range(len(scores.per_item)) if items is None else items,
            scores=scores,
            aggregate=metric.aggregate,
            scale=metric.scale,
            higher_is_better=metric.higher_is_better,
            primary=primary,
            task=task,
            bounds=(0.0, float(metric.scale)),
        )


@dataclass(frozen=True)
class OwnItems:
    """The test examples of a run, and how its evaluation scores answers to them.

    Attributes:
        examples: the items.
        metrics: of tasks that name none.
        tasks: how single tasks are scored, where that differs.
        max_new_tokens: longest answer, where a task has none of its own.
    """

    examples: Sequence[Example]
    metrics: Sequence[str]
    tasks: Mapping[str, TaskEvaluation]
    max_new_tokens: int


@dataclass(frozen=True)
class Given:
    """What a suite may make its questions of.

    Attributes:
        options: how it is used.
        metrics: of suites that name none.
        tasks: how the run's own evaluation scores single tasks, where that differs.
        files: the folder of public sets, if there is one.
        examples: the test examples of the run.
        trained: gives the examples that the run was tuned on, which takes reading them.
        max_new_tokens: longest answer to these, where their task has none of its own.
        seed: for what is drawn.
        most: questions that will be asked at most; None for all. Suites need not stop there.
        judge: gives who compares the answers of two models; None where there is nobody, or one
            model alone is asked.
        earlier: gives what the run in a folder was asked.
    """

    options: SuiteOptions
    metrics: Sequence[str] = ()
    tasks: Mapping[str, TaskEvaluation] = field(default_factory=dict)
    files: Path | None = None
    examples: Sequence[Example] = ()
    trained: Callable[[], Sequence[Example]] = tuple
    max_new_tokens: int = 256
    seed: int = 0
    most: int | None = None
    judge: Callable[[], Judge] | None = None
    earlier: Callable[[Path], OwnItems] | None = None

    def longest(self, task: str) -> int:
        """Tokens of the longest answer to a test example of the run."""
        own = self.tasks.get(task, TaskEvaluation())
        return own.max_new_tokens or self.max_new_tokens

    def path(self, below: str, place: int = 0) -> Path:
        """A file or folder of the suite's data.

        Args:
            below: where it lies below the folder of public sets.
            place: which entry of the suite's `data` names it instead, if there are so many.

        Raises:
            NotAsked: it is not there.
        """
        if len(self.options.data) > place:
            path = Path(self.options.data[place].path)
        elif self.files is not None:
            path = self.files / below
        else:
            raise NotAsked(f"no data: set evaluate.suite_files to a folder with {below}, or `data`")
        if not path.exists():
            raise NotAsked(f"no data: {path} is not there")
        return path


@dataclass(frozen=True)
class Judged:
    """The replies of two models with what a judge says of them.

    Attributes:
        base: of one model.
        tuned: of the other.
        about: who judged, for the results; empty if nobody did.
    """

    base: Sequence[Reply]
    tuned: Sequence[Reply]
    about: Mapping[str, Any] = field(default_factory=dict)


class Suite(ABC):
    """Questions, and measures of the replies.

    Attributes:
        area: what it tells about.
        title: what it asks, for the list of suites.
        data: the file or folder that it reads below the folder of public sets; empty where it reads
            none.
        needs: what it is made of then, for the list of suites.
        default: whether it is asked where no suites are named.
    """

    area: ClassVar[Area]
    title: ClassVar[str]
    data: ClassVar[str] = ""
    needs: ClassVar[str] = ""
    default: ClassVar[bool] = False

    @abstractmethod
    def questions(self, given: Given) -> list[Question]:
        """All of its questions, each with another key, in an order that is always the same.

        What scoring will need (a sandbox, language data) is tried here, before the first token.

        Raises:
            NotAsked: they cannot be asked or scored here.
            UserError: the data is not what it must be.
        """

    def judged(
        self,
        given: Given,
        questions: Sequence[Question],
        base: Sequence[Reply],
        tuned: Sequence[Reply],
    ) -> Judged:
        """The replies of two models with a judge's verdicts; as they are where none is asked.

        Raises:
            UserError: the judge cannot be asked.
        """
        return Judged(base, tuned)

    def blank(self, question: Question) -> Reply:
        """What a model that says nothing would have replied, and its judge have found."""
        return Reply.blank(question)

    def right_choice(self, question: Question) -> int | None:
        """Which of the choices is right; None where none is, or where that is not what is asked."""
        return question.target.get("choice") if isinstance(question.target, dict) else None

    def curves(self, questions: Sequence[Question], measures: Sequence[Measure]) -> list[Curve]:
        """Which of the measures lie along an axis.

        Args:
            questions: that were asked.
            measures: of the replies to them.
        """
        return []

    @abstractmethod
    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """What the replies are worth, the primary measures first.

        The measures and their items depend on the questions alone, never on the replies: they are
        the same of any two models.
        """


SUITES: Registry[Suite] = Registry("suite", "tutelage.evaluate.suites")


def by_task(questions: Sequence[Question]) -> dict[str, list[int]]:
    """Places of the questions of each part of a suite, in order of appearance."""
    places: dict[str, list[int]] = {}
    for at, question in enumerate(questions):
        places.setdefault(question.task, []).append(at)
    return places
