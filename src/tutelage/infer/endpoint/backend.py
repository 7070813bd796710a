"""A model behind an endpoint as a `Backend`: text for turns, and an account of what it took."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tutelage.asking_options import AskingOptions
from tutelage.errors import UserError
from tutelage.infer.backend import Answer, OnAnswer, OnToken, Request
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.endpoint.pace import Purse
from tutelage.infer.endpoint.protocol import Reply
from tutelage.infer.endpoint.work import Account, Work
from tutelage.infer.options import DecodeOptions, Served


def key_of(served: Served, settings: str) -> str | None:
    """The key, from the environment; None for an endpoint that takes none.

    Args:
        served: the model and its address.
        settings: the recipe's section that names them, for messages.

    Raises:
        UserError: the variable is not set or holds what cannot be sent in a header, or the
            address is not encrypted.
    """
    if served.key_name is None:
        return None
    if not served.hides_key:
        raise UserError(
            f"the key in {served.key_name} would be sent to {served.host} "
            "for all on the way to read",
            where=f"{settings}.url",
            fix="give an address that begins with https://, or leave key_variable out",
        )
    key = os.environ.get(served.key_name, "").strip()
    if not key:
        raise UserError(
            f"{served.host} takes a key, and the environment variable {served.key_name} is not set",
            where=f"{settings}.key_variable",
            fix=f"export {served.key_name}=…",
        )
    if not (key.isascii() and key.isprintable()):
        raise UserError(
            f"what {served.key_name} holds is no key: it has characters that no header may have",
            fix=f"set {served.key_name} anew",
        )
    return key


@dataclass(eq=False)
class Sitting:
    """What happened while requests were made; one for each call of `ask`.

    Attributes:
        kept: replies that were there already.
        repeated: how often a request was repeated, by the reason.
        cost: of these requests, those that were kept with it.
    """

    kept: int = 0
    repeated: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0


class Endpoint:
    """Asks a model at an endpoint; a `Backend`.

    Args:
        served: the model and its address.
        endpoint: how it is asked.
        decode: temperature and the like.
        kept: where replies are kept.
        errand: what is asked for.
        spent_elsewhere: of the cap, what the other model has cost.

    Raises:
        UserError: its key is not in the environment.
    """

    def __init__(
        self,
        served: Served,
        endpoint: AskingOptions,
        decode: DecodeOptions,
        kept: KeptReplies,
        errand: Errand,
        spent_elsewhere: float = 0.0,
    ) -> None:
        self.served = served
        self.kept = kept
        self.sitting = Sitting()
        self._stops = endpoint.on_failure == "stop"
        purse = Purse(endpoint.max_cost, kept.spent + spent_elsewhere)
        key = key_of(served, errand.settings)
        self._account = Account(served, endpoint, decode, key, kept, purse, errand)

    def run(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Answer]:
        """Answers as text, in the order of the requests; `on_token` is never called.

        Args:
            requests: with their messages.
            on_token: not called: answers come whole.
            on_answer: told of every answer, once all are there.

        Raises:
            UserError: a request got no answer.
        """
        answers = []
        for reply in self.ask(requests):
            if reply.text is None:
                raise self._account.unanswered([reply])
            answers.append(Answer((), reply.finish_reason, (), text=reply.text))
            if on_answer is not None:
                on_answer(len(answers) - 1, answers[-1])
        return answers

    def ask(
        self, requests: Sequence[Request], on_reply: Callable[[int], None] | None = None
    ) -> list[Reply]:
        """The replies, in the order of the requests; kept ones are not asked for again.

        Args:
            requests: with their messages.
            on_reply: told how many replies are there.

        Raises:
            UserError: no request can succeed, the cap is reached, or an item got no answer and
                the recipe says `on_failure: stop`. What was answered is kept.
        """
        work = Work(self._account, requests, on_reply)
        self.sitting = Sitting(len(work.replies), work.repeated)
        self._check(work)  # before the rest is paid for
        work.do()
        self._check(work)
        self.sitting.cost = self.kept.cost(work.keys)
        return [work.replies[at] for at in range(len(requests))]

    def _check(self, work: Work) -> None:
        failed = [work.replies[at] for at in sorted(work.replies) if work.replies[at].failed]
        if failed and self._stops:
            raise self._account.unanswered(failed)
