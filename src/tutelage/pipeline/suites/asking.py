"""Questions of suites put to a model here; every reply is kept as it comes.

A reply is kept under all that decides it: the model's content, the ids it was given, the ids that
were weighed, and how it was decoded. So an evaluation that was interrupted goes on where it stood,
a suite asked again costs nothing, and no model is ever given another's reply.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from tutelage import __version__
from tutelage.data.example import Message
from tutelage.evaluate.suite import NotAsked, Question, Reply
from tutelage.infer.backend import Answer, Request
from tutelage.infer.options import DecodeOptions
from tutelage.model.context import context_length
from tutelage.pipeline.stages import EVERY, stage
from tutelage.pipeline.suites.attacking import attack, with_suffix
from tutelage.pipeline.workbench import Workbench
from tutelage.prompt.system import with_system
from tutelage.prompt.template import TemplateRefused
from tutelage.rundir.journal import Journal

TOGETHER = 256
"""Questions asked before their replies are kept: they share prefixes, and a kill costs so many."""


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


@dataclass(frozen=True, slots=True)
class _Put:
    """A question as ids; of a search, `weighed` holds its target."""

    question: Question
    turns: tuple[Message, ...]
    prompt: tuple[int, ...]
    weighed: tuple[tuple[int, ...], ...]
    key: str


@dataclass
class LocalAsker:
    """A model here, in its present state.

    Attributes:
        bench: with the model.
        content: digest of the weights.
        decode: how answers are decoded, but for what questions say.
        kept: where replies go.
    """

    bench: Workbench
    content: str
    decode: DecodeOptions
    kept: KeptReplies

    @property
    def renderer(self) -> str:
        """See `Asker`."""
        return self.bench.renderer.fingerprint

    def ask(
        self, questions: Sequence[Question], system: str | None, progress: Progress
    ) -> list[Reply]:
        """See `Asker`."""
        puts = self._puts(Batch(questions, system))
        self._keep(puts, progress)
        kept = (self.kept.get(put.key) for put in puts)
        return [reply for reply in kept if reply is not None]

    def write_ahead(self, batches: Sequence[Batch], progress: Progress) -> None:
        """See `Asker`.

        A step of decoding has 64 rows in any case, and a suite of 15 questions fills 15 of them.
        A conversation of several turns may outgrow the context, which is for its suite to tell.
        The longest answers are begun first, so that short ones fill the rows beside their ends.
        """
        puts: list[_Put] = []
        for batch in batches:
            with suppress(NotAsked, TemplateRefused):
                puts += self._puts(batch)
        written = [
            put
            for put in puts
            if not (put.question.weighs or put.question.search or put.question.then)
        ]
        written.sort(key=lambda put: -put.question.max_new_tokens)
        self._keep(written, progress)

    def _puts(self, batch: Batch) -> list[_Put]:
        """A suite's questions as ids.

        Raises:
            NotAsked: they cannot be put to this model.
            TemplateRefused: its template does not take them.
        """
        if any(one.choices for one in batch.questions) and not self.bench.inference.weighs:
            raise NotAsked("weighs answers by likelihood, which takes a decoder-only model")
        if any(one.search for one in batch.questions) and not self.bench.inference.weighs:
            raise NotAsked("searches suffixes by gradients, which takes a decoder-only model")
        puts = [self._put(question, batch.system) for question in batch.questions]
        self._check_length(puts)
        return puts

    def _keep(self, puts: Sequence[_Put], progress: Progress) -> None:
        """Have a reply to each; what is asked twice is answered once."""
        fresh = list({put.key: put for put in puts if self.kept.get(put.key) is None}.values())
        for start in range(0, len(fresh), TOGETHER):
            some = fresh[start : start + TOGETHER]
            for put, said in zip(some, self._replies(some, progress), strict=True):
                self.kept.add(put.key, said)
            progress.asked(len(puts) - len(fresh) + start + len(some))

    def _check_length(self, puts: Sequence[_Put]) -> None:
        """See that the model can read every question, and one token of an answer to it.

        Raises:
            NotAsked: one is too long.
        """
        context = context_length(self.bench.model)
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

    def _put(self, question: Question, system: str | None) -> _Put:
        renderer = self.bench.renderer
        turns = question.turns
        if system is not None:
            turns = tuple(with_system(turns, system))
        prompt = tuple(renderer.prompt_ids(turns)) if turns else ()
        if question.texts:
            weighed = tuple(self._text_ids(text) for text in question.texts)
        elif question.search:
            weighed = (self._answer_ids(question.search.target),)
        else:
            weighed = tuple(self._answer_ids(choice) for choice in question.choices)
        kind = "texts" if question.texts else "choices" if question.choices else "answers"
        asked: tuple[object, ...] = (self.content, __version__, kind, prompt, weighed)
        if not question.weighs:
            asked += (sorted(self.bench.stop_ids), question.max_new_tokens, question.samples)
        if question.temperature:
            asked += (question.temperature, self.decode.top_p, self.decode.seed, question.key)
        if question.search:
            asked += (question.search,)
        if question.then:
            asked += (question.then,)
        key = hashlib.sha256(repr(asked).encode()).hexdigest()
        return _Put(question, turns, prompt, weighed, key)

    def _answer_ids(self, choice: str) -> tuple[int, ...]:
        """A choice as an answer's ids, without the token that ends it."""
        ids = self.bench.renderer.answer_ids(choice)
        ends = [at for at, token in enumerate(ids) if token in self.bench.stop_ids]
        return ids[: ends[0]] if ends and ends[0] else ids

    def _text_ids(self, text: str) -> tuple[int, ...]:
        """A text as ids, behind a token before which nothing stands, so that its first counts."""
        tokenizer = self.bench.renderer.tokenizer
        ids = tuple(tokenizer.encode(text))
        opening = tokenizer.bos_token_id
        opening = tokenizer.eos_token_id if opening is None else opening
        if not self.bench.inference.weighs or opening is None or ids[:1] == (opening,):
            return ids
        return (opening, *ids)

    def _replies(self, puts: Sequence[_Put], progress: Progress) -> list[Reply]:
        weighed = [put for put in puts if put.question.weighs]
        attacked = [self._attacked(put, progress) for put in puts if put.question.search]
        written = [put for put in puts if not (put.question.weighs or put.question.search)]
        written += [put for put, _ in attacked]
        found = dict(zip((put.key for put in weighed), self._weighed(weighed), strict=True))
        said = self._written(written, progress)
        found |= dict(zip((put.key for put in written), said, strict=True))
        while going := [
            put for put in written if len(found[put.key].answers) <= len(put.question.then)
        ]:
            said = self._written([self._next(put, found[put.key]) for put in going], progress)
            for put, reply in zip(going, said, strict=True):
                found[put.key] = _longer(found[put.key], reply)
        for put, search in attacked:
            found[put.key] = replace(found[put.key], suffix=search.suffix, losses=search.losses)
        return [found[put.key] for put in puts]

    def _weighed(self, puts: Sequence[_Put]) -> list[Reply]:
        """Texts and choices are two kinds of likelihood; a suite may ask for either."""
        bench, inference = self.bench, self.bench.inference
        texts = [ids for put in puts if put.question.texts for ids in put.weighed]
        chosen = [(put, ids) for put in puts if not put.question.texts for ids in put.weighed]
        of_texts = iter(
            inference.text_log_probabilities(bench.family, bench.model, bench.renderer.form, texts)
        )
        of_choices = iter(
            inference.answer_log_probabilities(
                bench.family,
                bench.model,
                [put.prompt for put, _ in chosen],
                [ids for _, ids in chosen],
            )
            if chosen
            else ()
        )
        replies = []
        for put in puts:
            values = of_texts if put.question.texts else of_choices
            own = [next(values) for _ in put.weighed]
            replies.append(
                Reply(
                    likelihoods=tuple(float(one.sum(dtype="float64")) for one in own),
                    lengths=tuple(len(one) for one in own),
                    prompt_tokens=len(put.prompt),
                    prompt_ids=put.prompt,
                )
            )
        return replies

    def _attacked(self, put: _Put, progress: Progress) -> tuple[_Put, Reply]:
        """A question with the suffix that a search found, and what is kept of the search itself.

        A search takes long: it is kept as it ends, before the answers, which are written together.
        """
        assert put.question.search is not None
        key = f"{put.key} searched"
        found = self.kept.get(key)
        if found is None:
            (target,) = put.weighed
            found = attack(self.bench, put.turns, target, put.question.search, progress.searched)
            self.kept.add(key, found)
        prompt = self.bench.renderer.prompt_ids(with_suffix(put.turns, found.suffix))
        return replace(put, prompt=tuple(prompt)), found

    def _next(self, put: _Put, reply: Reply) -> _Put:
        """A conversation that goes on after what was answered so far.

        Raises:
            NotAsked: it has become too long.
        """
        more = len(put.question.turns)
        turns = (*put.turns, *put.question.followed(reply.answers)[more:])
        following = replace(put, prompt=tuple(self.bench.renderer.prompt_ids(turns)))
        self._check_length([following])
        return following

    def _written(self, puts: Sequence[_Put], progress: Progress) -> list[Reply]:
        bench = self.bench
        said: dict[str, list[Answer]] = {put.key: [] for put in puts}
        for temperature in sorted({put.question.temperature for put in puts}):
            asked = [
                (
                    put,
                    Request(
                        put.prompt, put.question.max_new_tokens, stream_of(put.question, sample)
                    ),
                )
                for put in puts
                if put.question.temperature == temperature
                for sample in range(put.question.samples)
            ]
            options = self.decode.model_copy(update={"temperature": temperature})
            requests = [request for _, request in asked]
            answers = bench.decoder(options).run(requests, progress.wrote)
            for (put, _), answer in zip(asked, answers, strict=True):
                said[put.key].append(answer)
        return [
            Reply(
                answers=tuple(bench.renderer.answer(one.ids) for one in said[put.key]),
                finish_reasons=tuple(one.finish_reason for one in said[put.key]),
                prompt_tokens=len(put.prompt),
                tokens=sum(len(one.ids) for one in said[put.key]),
                prompt_ids=put.prompt,
                token_ids=tuple(one.ids for one in said[put.key]),
                log_probabilities=tuple(one.log_probability for one in said[put.key]),
            )
            for put in puts
        ]


def _longer(reply: Reply, turn: Reply) -> Reply:
    """What was said so far, and in one more turn."""
    return replace(
        reply,
        answers=reply.answers + turn.answers,
        finish_reasons=reply.finish_reasons + turn.finish_reasons,
        prompt_tokens=turn.prompt_tokens,
        tokens=reply.tokens + turn.tokens,
        prompt_ids=turn.prompt_ids,
        token_ids=reply.token_ids + turn.token_ids,
        log_probabilities=reply.log_probabilities + turn.log_probabilities,
    )


def stream_of(question: Question, sample: int) -> int:
    """The stream of random numbers of a sample: its own, whatever else is asked."""
    return zlib.crc32(f"{question.key}\0{sample}".encode())
