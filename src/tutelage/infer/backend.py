"""The seam between whoever asks and whatever answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tutelage.data.example import Message


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt to continue.

    Attributes:
        ids: the prompt, from the renderer.
        max_new_tokens: longest answer.
        key: makes the samples of this prompt its own; give each prompt another one.
        choices: the only possible answers, the token that ends each included; none to answer
            freely. Only a family whose `Inference` chooses takes them.
        messages: the same prompt as turns, for a backend behind which another renders it.
        tools: what the conversation may call, likewise.
        adapter: name of the tuning that is to answer, for an `AdapterBackend`.
    """

    ids: tuple[int, ...]
    max_new_tokens: int
    key: int = 0
    choices: tuple[tuple[int, ...], ...] = ()
    messages: tuple[Message, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        ids: the new tokens, a stop token included.
        finish_reason: `stop` at a stop token, `length` at the limit.
        log_probabilities: of each new token, natural logarithm, under the model itself
            (temperature 1, no truncation).
        choice: which of the request's choices it is, if there were any.
        text: what it says, from a backend that gives text and no tokens.
    """

    ids: tuple[int, ...]
    finish_reason: Literal["stop", "length"]
    log_probabilities: tuple[float, ...]
    choice: int | None = None
    text: str | None = None

    @property
    def log_probability(self) -> float:
        """Of the whole answer."""
        return sum(self.log_probabilities)


def refuse_tunings(requests: Sequence[Request]) -> None:
    """For backends that answer with the model as it is.

    Raises:
        ValueError: a request names a tuning.
    """
    if any(request.adapter is not None for request in requests):
        raise ValueError("a request names the tuning that is to answer: ask AdapterBackend")


OnToken = Callable[[int, int], None]
"""Called with the request's place in the list and each new token, as it comes."""
OnAnswer = Callable[[int, Answer], None]
"""Called with the request's place in the list and its answer, as soon as that is whole."""


class Backend(Protocol):
    """Something that continues prompts."""

    def run(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Answer]:
        """Answers in the order of the requests."""
        ...
