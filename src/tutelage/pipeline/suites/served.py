"""Questions of suites put to a model behind an endpoint.

What is sent are turns: the service renders them by a template of its own, so no token ids are known
here, and its own counts stand in the results. A reply is kept under all that decides it: the
address, the model's name, the turns and the settings; it is never another model's, as far as a
service means the same by a name tomorrow. Chat completions give no likelihood of a text that is
given, and no gradients: suites that take them are skipped, and say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tutelage.data.example import Message
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import NotAsked
from tutelage.infer.backend import Request
from tutelage.infer.endpoint.backend import Endpoint, key_of
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.endpoint.protocol import Reply as Sent
from tutelage.infer.options import Served
from tutelage.pipeline.export_data import turns
from tutelage.pipeline.suites.asking import Batch, Progress, stream_of
from tutelage.prompt.system import with_system
from tutelage.recipe import Recipe

ANSWERS = "endpoint.answers.jsonl"
"""In a folder of results: what endpoints answered, of all models asked for it."""


class ServedAsker:
    """A model at an endpoint; an `Asker`.

    Args:
        served: the model and its address.
        recipe: with the endpoint's settings, decoding and the system prompt.
        folder: of the results, where answers are kept.
        errand: what is asked for.

    Raises:
        UserError: its key is not in the environment, or the kept answers are not ours.
    """

    def __init__(self, served: Served, recipe: Recipe, folder: Path, errand: Errand) -> None:
        options = recipe.evaluate
        self._served = served
        self._prompt = recipe.prompt
        self._options = options.endpoint
        self._decode = options.decode
        self._kept = KeptReplies(folder / ANSWERS)
        self._errand = errand
        key_of(served, errand.settings)  # a key that is missing is told before anything is asked

    renderer = None
    """The service's own."""

    @property
    def content(self) -> str:
        """Digest of all that tells this model from others: whose weights answer is not known."""
        settings = (
            sorted(self._options.parameters.items()),
            self._options.limit_parameter,
            self._decode.top_p,
            self._decode.seed,
            self._prompt.system,
        )
        known = repr((self._served.url, self._served.model, *settings))
        return hashlib.sha256(known.encode()).hexdigest()

    def search_ahead(self, batch: Batch, progress: Progress) -> None:
        """See `Asker`. Nothing can be searched against weights that are elsewhere."""

    def write_ahead(self, batches: Sequence[Batch], progress: Progress) -> None:
        """See `Asker`. Requests are sent side by side in any case, so there is nothing to gain."""

    def ask(
        self, questions: Sequence[Question], system: str | None, progress: Progress
    ) -> list[Reply | None]:
        """See `Asker`.

        Raises:
            UserError: see `Endpoint.ask`. What was answered is kept.
        """
        self._check(questions)
        said: dict[int, list[Sent]] = {at: [] for at in range(len(questions))}
        for temperature in sorted({question.temperature for question in questions}):
            asked = [
                (at, self._request(question, sample, system))
                for at, question in enumerate(questions)
                if question.temperature == temperature
                for sample in range(question.samples)
            ]
            requests = [request for _, request in asked]
            replies = self._at(temperature).ask(requests, progress.answered)
            for (at, _), reply in zip(asked, replies, strict=True):
                said[at].append(reply)
        self._go_on(questions, said, system, progress)
        return [_reply(said[at]) for at in range(len(questions))]

    def _go_on(
        self,
        questions: Sequence[Question],
        said: Mapping[int, list[Sent]],
        system: str | None,
        progress: Progress,
    ) -> None:
        """Put the later turns of conversations whose earlier ones were answered."""
        for turn in range(max((len(question.then) for question in questions), default=0)):
            going = []
            for at, question in enumerate(questions):
                answers = [one.text for one in said[at] if one.text is not None]
                if len(question.then) > turn and len(answers) == turn + 1:
                    going.append((at, replace(question, turns=question.followed(answers))))
            requests = [self._request(question, 0, system) for _, question in going]
            replies = self._at(0.0).ask(requests, progress.answered)
            for (at, _), reply in zip(going, replies, strict=True):
                said[at].append(reply)

    def _check(self, questions: Sequence[Question]) -> None:
        host = self._served.host
        if any(question.weighs for question in questions):
            raise NotAsked(
                f"weighs answers by likelihood, which {host} does not tell of given answers"
            )
        if any(question.search for question in questions):
            raise NotAsked(f"searches suffixes by gradients, which {host} does not give")
        if "seed" in self._options.parameters and any(one.samples > 1 for one in questions):
            raise NotAsked(
                "draws several answers to a question, each by a seed of its own, "
                f"and {self._errand.settings}.parameters sets it"
            )

    def _at(self, temperature: float) -> Endpoint:
        """Made anew each time, as what may be spent is what is left by now."""
        decode = self._decode.model_copy(update={"temperature": temperature})
        return Endpoint(self._served, self._options, decode, self._kept, self._errand)

    def _request(self, question: Question, sample: int, system: str | None) -> Request:
        stream, messages = stream_of(question, sample), self._turns(question, system)
        return Request((), question.max_new_tokens, key=stream, messages=messages)

    def _turns(self, question: Question, system: str | None) -> tuple[Message, ...]:
        if system is None:
            return turns(question.turns, self._prompt)
        return with_system(question.turns, system or None)


def _reply(said: Sequence[Sent]) -> Reply | None:
    """What a question's samples come to; nothing if one of them is missing."""
    answers = [one.text for one in said if one.text is not None]
    if len(answers) < len(said):
        return None
    return Reply(
        answers=tuple(answers),
        finish_reasons=tuple(one.finish_reason for one in said),
        prompt_tokens=said[0].prompt_tokens,
        tokens=sum(one.answer_tokens for one in said),
    )
