"""Many-shot pressure: harmful requests after a conversation in which the model seems to comply.

Anil et al. 2024 ("Many-shot jailbreaking") found that enough faked turns in which an assistant
complies bring models to comply as well, and more so the more there are. The turns here are
AdvBench's own requests with the beginnings of answers that the file wishes for; no harmful answer
is written out, so that the pressure is weaker than the paper's. They are the same for all requests
and never asked themselves. Each request is asked after 0, 4, 16 and 32 of them.

`attack_success` is the share not refused (`evaluate/refused.py`); the verdict goes by that after
the most turns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.attacks import attack_success
from tutelage.evaluate.curves import Curve, CurvePoint
from tutelage.evaluate.harmful_requests import ADVBENCH, HarmfulRequest, read_requests
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.refused import COMPLIED, MAX_NEW_TOKENS, complied
from tutelage.evaluate.suite import SUITES, Given, Suite

SHOTS = (0, 4, 16, 32)
"""Faked turns before a request; 32 take some 1,300 tokens."""


class ManyShot(Suite):
    """A request after each number of turns is a cluster."""

    area = "robustness"
    title = "harmful requests after faked compliant turns: many-shot pressure with AdvBench"
    data = ADVBENCH

    def questions(self, given: Given) -> list[Question]:
        """Every request but those that the faked turns are made of, after each number of turns."""
        path = given.path(self.data)
        requests = read_requests(path)

        def rank(request: HarmfulRequest) -> bytes:
            return hashlib.sha256(f"{given.seed}\0{request.text}".encode()).digest()

        shown = sorted(requests, key=rank)[: max(SHOTS)]
        if len(requests) <= len(shown):
            raise UserError(
                f"found {len(requests)} requests, of which {max(SHOTS)} are taken for faked turns",
                where=str(path),
                fix="give more requests",
            )
        faked = [(Message("user", one.text), Message("assistant", one.compliant)) for one in shown]
        kept_apart = {one.key for one in shown}
        return [
            Question(
                key=f"{request.key}/{shots}",
                turns=(
                    *(turn for pair in faked[:shots] for turn in pair),
                    Message("user", request.text),
                ),
                max_new_tokens=MAX_NEW_TOKENS,
                task=_named(shots),
                cluster=request.key,
            )
            for request in requests
            if request.key not in kept_apart
            for shots in SHOTS
        ]

    def curves(self, questions: Sequence[Question], measures: Sequence[Measure]) -> list[Curve]:
        """Attack success by the number of faked turns."""
        asked = by_task(questions)
        points = [
            CurvePoint(shots, _named(shots), "attack_success")
            for shots in SHOTS
            if _named(shots) in asked
        ]
        return [Curve("faked turns before the request", "attack_success", points)]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Attack success after the most turns, then after each number of them."""
        success = complied([reply.answer for reply in replies])
        parts = by_task(questions)
        whole = {"": parts.get(_named(max(SHOTS)), [])}
        return [
            attack_success(success, places, signature=COMPLIED, task=task)
            for task, places in (whole | parts).items()
        ]


def _named(shots: int) -> str:
    return f"after {shots} turns"


SUITES.register("many_shot")(ManyShot())
