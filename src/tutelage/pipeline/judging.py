"""A judge behind an endpoint, as a function from questions to answers.

Every reply is kept in a folder under the request that it answers, beside the secret that the fences
around what is judged are derived from: work that was killed or is repeated asks the same questions,
and pays for none twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tutelage.asking_options import JudgingOptions
from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.infer.backend import Request
from tutelage.infer.endpoint.backend import Endpoint
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.options import KEY_VARIABLES, DecodeOptions, Served, host_of
from tutelage.judge import Fence, kept_secret
from tutelage.pipeline.stages import Progress

UNHEARD = ("given_up", "rejected")
"""Failures that say nothing of what was asked; a few questions may all fail so before an endpoint
counts as down."""


class EndpointJudge:
    """A judge that is ready to be asked; a `judge.Ask`.

    Args:
        options: with the name of a judge.
        folder: where replies are kept.
        errand: what is asked for.

    Attributes:
        fence: what keeps texts apart from what the judge is told.
        answered_by: what the endpoint says answered.
        cost: of all that was asked, with what was kept.

    Raises:
        UserError: its key is not in the environment, or the folder holds what is not ours.
    """

    def __init__(self, options: JudgingOptions, folder: Path, errand: Errand) -> None:
        if options.model is None:
            raise ValueError("the options name no judge")
        key = options.key_variable or KEY_VARIABLES.get(host_of(options.url))
        self.served = Served(options.model, options.url, key, options.price)
        self.fence = Fence(kept_secret(folder / "secret"))
        self.answered_by: set[str] = set()
        self.cost = 0.0
        self._longest = options.max_new_tokens
        self._settings = errand.settings
        self._was_heard = False
        decode = DecodeOptions(max_new_tokens=options.max_new_tokens)
        kept = KeptReplies(folder / "replies.jsonl")
        self._endpoint = Endpoint(self.served, options, decode, kept, errand)

    def about(self) -> dict[str, Any]:
        """Who judges, and what it has cost, as JSON types."""
        cost = {} if self.served.price is None else {"cost": self.cost}
        return {
            "model": self.served.model,
            "answered_by": sorted(self.answered_by),
            "url": self.served.url,
            **cost,
        }

    def __call__(self, questions: Sequence[Sequence[Message]]) -> list[str | None]:
        """Answers, in the order of the questions; None where one gets none.

        Raises:
            UserError: the endpoint cannot be asked. What was answered is kept.
        """
        requests = [Request((), self._longest, messages=tuple(one)) for one in questions]
        replies = self._endpoint.ask(requests, Progress(len(requests), "judgements"))
        self.cost += self._endpoint.sitting.cost
        self.answered_by |= {reply.model for reply in replies if reply.model}
        self._was_heard |= any(reply.failed not in UNHEARD for reply in replies)
        if replies and not self._was_heard:
            raise UserError(
                f"{self.served.host} answered none of {len(replies)} questions; "
                f"the first: {replies[0].detail}",
                where=self._settings,
                fix="see whether the address is right and its server is up; "
                "what was found is kept, and the same command goes on",
            )
        return [reply.text for reply in replies]
