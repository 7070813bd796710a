"""What a suite asks of a model, and what the model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.data.example import Message
from tutelage.infer.options import SuffixSearch


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


def by_task(questions: Sequence[Question]) -> dict[str, list[int]]:
    """Places of the questions of each part of a suite, in order of appearance."""
    places: dict[str, list[int]] = {}
    for at, question in enumerate(questions):
        places.setdefault(question.task, []).append(at)
    return places
