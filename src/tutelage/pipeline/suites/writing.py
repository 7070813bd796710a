"""Answers to questions of suites, written by a model here, each told of as it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from transformers import PreTrainedModel

from tutelage.data.example import Message
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import NotAsked
from tutelage.infer.backend import Answer, Request
from tutelage.infer.options import DecodeOptions
from tutelage.model.context import context_length
from tutelage.pipeline.suites.asking import Progress, stream_of
from tutelage.pipeline.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Put:
    """A question as ids; of a search, `weighed` holds its target."""

    question: Question
    turns: tuple[Message, ...]
    prompt: tuple[int, ...]
    weighed: tuple[tuple[int, ...], ...]
    key: str


Keep = Callable[[Put, Reply], None]
"""Told of a question's reply once that is whole."""


def check_length(model: PreTrainedModel, puts: Sequence[Put]) -> None:
    """See that the model can read every question, and one token of an answer to it.

    Raises:
        NotAsked: one is too long.
    """
    context = context_length(model)
    if context is None:
        return
    for put in puts:
        longest = max(map(len, put.weighed), default=1)
        longest += put.question.search.length if put.question.search else 0
        if len(put.prompt) + longest > context:
            raise NotAsked(
                f"question '{put.question.key}' takes {len(put.prompt) + longest:,} tokens, "
                f"and the model's context has {context:,}"
            )


@dataclass
class Writing:
    """Has answers written.

    Attributes:
        bench: with the model.
        decode: how answers are decoded, but for what questions say.
        progress: told of every token.
    """

    bench: Workbench
    decode: DecodeOptions
    progress: Progress

    def write(self, puts: Sequence[Put], keep: Keep) -> None:
        """Have all answered; what the user says next is put once all have a turn's answers.

        Args:
            puts: with distinct keys.
            keep: told of each reply.

        Raises:
            NotAsked: a conversation has become too long.
        """
        talks = [_Talk(put) for put in puts]
        while talks:
            for talk in talks:
                talk.prompt = self._prompt(talk)
            temperatures = {talk.put.question.temperature for talk in talks}
            for temperature in sorted(temperatures):
                some = [one for one in talks if one.put.question.temperature == temperature]
                self._turn(some, temperature, keep)
            talks = [talk for talk in talks if not talk.whole]

    def _prompt(self, talk: _Talk) -> tuple[int, ...]:
        """A conversation up to its next answer, as ids."""
        put, turns = talk.put, talk.turns
        if not turns:
            return put.prompt
        said = [self.bench.renderer.answer(one.ids) for one in turns]
        more = put.question.followed(said)[len(put.question.turns) :]
        prompt = tuple(self.bench.renderer.prompt_ids((*put.turns, *more)))
        check_length(self.bench.model, [replace(put, prompt=prompt)])
        return prompt

    def _turn(self, talks: Sequence[_Talk], temperature: float, keep: Keep) -> None:
        """Have the next turn of each written, in as many samples as it has."""
        asked = [(talk, at) for talk in talks for at in range(talk.put.question.samples)]
        requests = [
            Request(talk.prompt, talk.put.question.max_new_tokens, stream_of(talk.put.question, at))
            for talk, at in asked
        ]

        def ended(place: int, answer: Answer) -> None:
            talk, sample = asked[place]
            talk.said[len(talk.turns) if talk.put.question.then else sample] = answer
            if talk.whole:
                keep(talk.put, self._reply(talk))

        options = self.decode.model_copy(update={"temperature": temperature})
        self.bench.decoder(options).run(requests, self.progress.wrote, ended)

    def _reply(self, talk: _Talk) -> Reply:
        said = talk.turns
        return Reply(
            answers=tuple(self.bench.renderer.answer(one.ids) for one in said),
            finish_reasons=tuple(one.finish_reason for one in said),
            prompt_tokens=len(talk.prompt),
            tokens=sum(len(one.ids) for one in said),
            prompt_ids=talk.prompt,
            token_ids=tuple(one.ids for one in said),
            log_probabilities=tuple(one.log_probability for one in said),
        )


@dataclass
class _Talk:
    """A question with what was answered so far, by turn or by sample."""

    put: Put
    prompt: tuple[int, ...] = ()
    said: dict[int, Answer] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether nothing more is to be answered."""
        return len(self.said) == self.put.question.samples + len(self.put.question.then)

    @property
    def turns(self) -> list[Answer]:
        """The answers in order."""
        return [answer for _, answer in sorted(self.said.items())]
