"""Who replies to questions of suites, what is told meanwhile, and where replies are kept."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from tutelage.evaluate.question import Question, Reply
from tutelage.pipeline.stages import EVERY, stage
from tutelage.rundir.journal import Journal


class Progress:
    """A line now and then while a suite is asked.

    Args:
        suite: its name.
        questions: how many there are.
    """

    def __init__(self, suite: str, questions: int) -> None:
        self._suite = suite
        self._questions = questions
        self._tokens = 0
        self._steps = 0
        self._next = time.monotonic() + EVERY

    def wrote(self, at: int, token: int) -> None:
        """One more token of an answer."""
        self._tokens += 1
        self._tell(f"{self._tokens:,} tokens written")

    def searched(self) -> None:
        """One more step of a search."""
        self._steps += 1
        self._tell(f"{self._steps:,} steps of searches")

    def answered(self, count: int) -> None:
        """So many answers came back."""
        self._tell(f"{count} answered")

    def asked(self, count: int) -> None:
        """So many questions have their replies."""
        self._tell(f"{count} of {self._questions} asked")

    def _tell(self, what: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            stage(f"{self._suite}: {what}")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one suite asks.

    Attributes:
        questions: of the suite.
        system: the system prompt in place of the recipe's.
    """

    questions: Sequence[Question]
    system: str | None = None


class Asker(Protocol):
    """Somebody who replies to questions.

    Attributes:
        content: digest of all that makes it who it is.
        renderer: digest of what makes ids of conversations: template, tokenizer, system prompt;
            None where that is elsewhere.
    """

    @property
    def content(self) -> str: ...  # noqa: D102

    @property
    def renderer(self) -> str | None: ...  # noqa: D102

    def search_ahead(self, batch: Batch, progress: Progress) -> None:
        """Search what a suite's questions want searched, so that answers need not wait for it.

        Args:
            batch: of the suite; what cannot be asked is left for the suite to tell.
            progress: told of what is done.
        """
        ...

    def write_ahead(self, batches: Sequence[Batch], progress: Progress) -> None:
        """Write the answers that several suites will ask for, where that is faster together.

        Args:
            batches: of the suites; what cannot be asked is left for its own suite to tell.
            progress: told of what is done.
        """
        ...

    def ask(
        self, questions: Sequence[Question], system: str | None, progress: Progress
    ) -> Sequence[Reply | None]:
        """The replies in order; None where somebody elsewhere gave none, and it may be left out.

        Args:
            questions: of one suite.
            system: the system prompt in place of the recipe's.
            progress: told of what is done.

        Raises:
            NotAsked: this model cannot be asked such questions.
            UserError: a model elsewhere cannot be asked; what it answered is kept.
        """
        ...


class KeptReplies:
    """Replies by what decides them.

    Args:
        path: a journal; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._replies: dict[str, Reply] = {}
        for _, row in self._journal.rows():
            self._replies[row["key"]] = Reply.of_row(row)

    def get(self, key: str) -> Reply | None:
        """The reply that is kept, if there is one."""
        return self._replies.get(key)

    def add(self, key: str, reply: Reply) -> None:
        """Keep a reply."""
        self._replies[key] = reply
        self._journal.append({"key": key, **asdict(reply)})


def stream_of(question: Question, sample: int) -> int:
    """The stream of random numbers of a sample: its own, whatever else is asked."""
    return zlib.crc32(f"{question.key}\0{sample}".encode())
