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

from tutelage.data.example import Example
from tutelage.evaluate.curves import Curve
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.options import TaskEvaluation
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.registry import Registry

Area = Literal[
    "instruction following", "tasks", "generalisation", "forgetting", "bias", "robustness"
]
AREAS: tuple[Area, ...] = (
    *("instruction following", "tasks", "generalisation", "forgetting", "bias", "robustness"),
)
"""In the order of the report."""


class NotAsked(Exception):  # noqa: N818 - it says what happened; the suite is then skipped
    """A suite cannot be asked here; the text is its reason, in words for the reader."""


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
        items: questions asked where nothing says how many; None for all.
    """

    area: ClassVar[Area]
    title: ClassVar[str]
    data: ClassVar[str] = ""
    needs: ClassVar[str] = ""
    default: ClassVar[bool] = False
    items: ClassVar[int | None] = None

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

    def notes(self, given: Given, questions: Sequence[Question]) -> list[str]:
        """What makes the figures less than they seem, in sentences."""
        return []

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
