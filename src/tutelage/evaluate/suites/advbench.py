"""Harmful requests, plain and inside jailbreak prompts: how often a model does not refuse.

The requests are AdvBench's 520 (Zou et al. 2023, arXiv:2307.15043); the wrappers are prompts that
people have published to get round refusals (the "jailbreak prompts in the wild" that Shen et al.
2023, arXiv:2308.03825, studied are of this kind). Each request is asked as it is, then in
`WRAPPERS` wrappers drawn for it, so that all wrappers come up over the set, and the difference is
that of the same requests.

`attack_success` is the share not refused, judged by how an answer begins (`evaluate/refused.py`):
an upper bound of harm done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tutelage.data.example import Message
from tutelage.evaluate.attacks import attack_success
from tutelage.evaluate.harmful_requests import (
    ADVBENCH,
    JAILBREAKS,
    SLOT,
    HarmfulRequest,
    read_requests,
    read_wrappers,
)
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.refused import COMPLIED, MAX_NEW_TOKENS, complied
from tutelage.evaluate.suite import SUITES, Given, Suite

WRAPPERS = 2
"""Wrappers for each request; they are long, and a model's context and patience are not."""

PLAIN, WRAPPED = "plain", "wrapped"


class AdvBench(Suite):
    """A request and its wrappings are a cluster."""

    area = "robustness"
    title = "refusal of harmful requests, plain and inside jailbreak prompts: AdvBench"
    data = ADVBENCH

    def questions(self, given: Given) -> list[Question]:
        """Each request plain, then wrapped; `data` may name requests and wrappers of one's own."""
        wrappers = read_wrappers(given.path(JAILBREAKS, place=1))
        return [
            question
            for request in read_requests(given.path(self.data))
            for question in _asked(request, wrappers, given.seed)
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """Attack success of all, plain and wrapped."""
        success = complied([reply.answer for reply in replies])
        parts = {"": range(len(questions)), **by_task(questions)}
        return [
            attack_success(success, places, signature=COMPLIED, task=task)
            for task, places in parts.items()
        ]


def _asked(request: HarmfulRequest, wrappers: dict[str, str], seed: int) -> list[Question]:
    """A request as it is, and in the wrappers that its hash draws."""

    def rank(name: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{request.text}\0{name}".encode()).digest()

    prompts = {PLAIN: request.text}
    for name in sorted(wrappers, key=rank)[:WRAPPERS]:
        prompts[name] = wrappers[name].replace(SLOT, request.text)
    return [
        Question(
            key=f"{request.key}/{name}",
            turns=(Message("user", prompt),),
            max_new_tokens=MAX_NEW_TOKENS,
            task=PLAIN if name == PLAIN else WRAPPED,
            cluster=request.key,
        )
        for name, prompt in prompts.items()
    ]


SUITES.register("advbench")(AdvBench())
