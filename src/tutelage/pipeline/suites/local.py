"""Questions of suites put to a model here; every reply is kept as it comes.

A reply is kept under all that decides it: the model's content, the ids it was given, the ids that
were weighed, and how it was decoded. So an evaluation that was interrupted goes on where it stood,
a suite asked again costs nothing, and no model is ever given another's reply.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tutelage import __version__
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import NotAsked
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.suites.asking import Batch, KeptReplies, Progress
from tutelage.pipeline.suites.attacking import attack, with_suffix
from tutelage.pipeline.suites.writing import Put, Writing, check_length
from tutelage.pipeline.workbench import Workbench
from tutelage.prompt.system import with_system
from tutelage.prompt.template import TemplateRefused

TOGETHER = 256
"""Questions weighed before their replies are kept: they share prefixes, and a kill costs so many.
What is written is kept answer by answer."""


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

    def search_ahead(self, batch: Batch, progress: Progress) -> None:
        """See `Asker`."""
        with suppress(NotAsked, TemplateRefused):
            for put in self._puts(batch):
                if put.question.search and self.kept.get(put.key) is None:
                    self._attacked(put, progress)

    def write_ahead(self, batches: Sequence[Batch], progress: Progress) -> None:
        """See `Asker`.

        A step of decoding has room for 64 sequences, and a suite of 15 questions fills 15 of them.
        A conversation of several turns may outgrow the context, which is for its suite to tell.
        """
        puts: list[Put] = []
        for batch in batches:
            with suppress(NotAsked, TemplateRefused):
                puts += self._puts(batch)
        self._keep([put for put in puts if self._ready(put)], progress)

    def _ready(self, put: Put) -> bool:
        """Whether nothing but its answer is missing, which is one."""
        question = put.question
        if question.weighs or question.then:
            return False
        return not question.search or self.kept.get(_searched(put)) is not None

    def _puts(self, batch: Batch) -> list[Put]:
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
        check_length(self.bench.model, puts)
        return puts

    def _keep(self, puts: Sequence[Put], progress: Progress) -> None:
        """Have a reply to each; what is asked twice is answered once."""
        fresh = list({put.key: put for put in puts if self.kept.get(put.key) is None}.values())
        left = len(fresh)

        def keep(put: Put, reply: Reply) -> None:
            nonlocal left
            self.kept.add(put.key, reply)
            left -= 1
            progress.asked(len(puts) - left)

        weighed = [put for put in fresh if put.question.weighs]
        for start in range(0, len(weighed), TOGETHER):
            some = weighed[start : start + TOGETHER]
            for put, said in zip(some, self._weighed(some), strict=True):
                keep(put, said)
        found = {put.key: self._attacked(put, progress) for put in fresh if put.question.search}

        def wrote(put: Put, reply: Reply) -> None:
            search = found.get(put.key)
            if search is not None:
                reply = replace(reply, suffix=search.suffix, losses=search.losses)
            keep(put, reply)

        written = [
            self._with_suffix(put, found[put.key].suffix) if put.key in found else put
            for put in fresh
            if not put.question.weighs
        ]
        self._writing(progress).write(written, wrote)

    def _writing(self, progress: Progress) -> Writing:
        return Writing(self.bench, self.decode, progress)

    def _put(self, question: Question, system: str | None) -> Put:
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
        return Put(question, turns, prompt, weighed, key)

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

    def _weighed(self, puts: Sequence[Put]) -> list[Reply]:
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

    def _with_suffix(self, put: Put, suffix: str) -> Put:
        """A question with the suffix that a search found."""
        turns = with_suffix(put.turns, suffix)
        return replace(put, prompt=tuple(self.bench.renderer.prompt_ids(turns)))

    def _attacked(self, put: Put, progress: Progress) -> Reply:
        """What is kept of a search, without an answer.

        A search takes long: it is kept as it ends, before the answers, which are written together.
        """
        assert put.question.search is not None
        found = self.kept.get(_searched(put))
        if found is None:
            (target,) = put.weighed
            found = attack(self.bench, put.turns, target, put.question.search, progress.searched)
            self.kept.add(_searched(put), found)
        return found


def _searched(put: Put) -> str:
    """What the search of a question is kept by."""
    return f"{put.key} searched"
