"""Many requests to one model at the same time, each paid for once.

A few threads take requests in order and wait for answers; the network is all they wait for, so
threads are enough. The first item without an answer ends the work where the recipe says so: no new
request goes, those that are out are waited for and kept, and the error says how to go on.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tutelage.errors import UserError
from tutelage.infer.backend import Answer, OnToken, Request
from tutelage.infer.endpoint.calls import Caller
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.endpoint.pace import Closed, Gate, OverBudget, Purse
from tutelage.infer.endpoint.protocol import Reply, body, fingerprint, most_tokens
from tutelage.infer.options import DecodeOptions, EndpointOptions, Served

MILLION = 1_000_000


def key_of(served: Served) -> str | None:
    """The key, from the environment; None for an endpoint that takes none.

    Raises:
        UserError: the variable is not set, or holds what cannot be sent in a header.
    """
    if served.key_name is None:
        return None
    key = os.environ.get(served.key_name, "").strip()
    if not key:
        raise UserError(
            f"{served.host} takes a key, and the environment variable {served.key_name} is not set",
            where="evaluate.endpoint.key_variable",
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
    """

    kept: int = 0
    repeated: Counter[str] = field(default_factory=Counter)


class Endpoint:
    """Asks a model at an endpoint; a `Backend`.

    Args:
        served: the model and its address.
        endpoint: how it is asked.
        decode: temperature and the like.
        kept: where replies are kept.
        spent_elsewhere: of the cap, what the other model has cost.

    Raises:
        UserError: its key is not in the environment.
    """

    def __init__(
        self,
        served: Served,
        endpoint: EndpointOptions,
        decode: DecodeOptions,
        kept: KeptReplies,
        spent_elsewhere: float = 0.0,
    ) -> None:
        self.served = served
        self.endpoint = endpoint
        self.decode = decode
        self.kept = kept
        self.key = key_of(served)
        self.purse = Purse(endpoint.max_cost)
        self.purse.spent = kept.spent + spent_elsewhere
        self.sitting = Sitting()

    def run(self, requests: Sequence[Request], on_token: OnToken | None = None) -> list[Answer]:
        """Answers as text, in the order of the requests; `on_token` is never called.

        Raises:
            UserError: a request got no answer.
        """
        answers = []
        for reply in self.ask(requests):
            if reply.text is None:
                raise self._unanswered([reply])
            answers.append(Answer((), reply.finish_reason, (), text=reply.text))
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
        self.sitting = Sitting()
        work = _Work(self, requests, on_reply)
        self.sitting.kept = len(work.replies)
        work.do()
        replies = [work.replies[at] for at in range(len(requests))]
        failed = [reply for reply in replies if reply.failed]
        if failed and self.endpoint.on_failure == "stop":
            raise self._unanswered(failed)
        return replies

    def cost(self, tokens: tuple[int, int]) -> float:
        """What so many prompt tokens and answered tokens cost; 0 where the price is not known."""
        price = self.served.price or (0.0, 0.0)
        return sum(count * each / MILLION for count, each in zip(tokens, price, strict=True))

    def _unanswered(self, failed: Sequence[Reply]) -> UserError:
        kinds = Counter(reply.failed for reply in failed)
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return UserError(
            f"{self.served.model} gave no answer to {len(failed)} items ({found}); the first: "
            f"{failed[0].detail}",
            where=self.served.host,
            fix="repeat the command to ask them again (refused and filtered ones stay as they "
            "are), or set evaluate.endpoint.on_failure: skip to leave them out for both models",
        )


class _Bill:
    """What one request costs; keeps its most set aside while an attempt is out."""

    def __init__(self, asker: Endpoint, key: str, most: float) -> None:
        self.cost = 0.0
        self._asker = asker
        self._key = key
        self._most = most
        self._out = 0.0

    def begin(self) -> None:
        """Set the most that an attempt can cost aside, if it is not.

        Raises:
            OverBudget: it does not fit.
        """
        if not self._out:
            self._asker.purse.reserve(self._most)
            self._out = self._most

    def lost(self) -> None:
        """Count the attempt as charged in full: who knows."""
        self._asker.kept.add_lost(self._key, self._most)
        self._asker.purse.settle(self._out, self._most)
        self._out = 0.0

    def settle(self) -> None:
        """Give back what is set aside, less what the request cost."""
        self._asker.purse.settle(self._out, self.cost)
        self._out = 0.0


class _Work:
    """The requests of one call, divided among threads."""

    def __init__(
        self, asker: Endpoint, requests: Sequence[Request], on_reply: Callable[[int], None] | None
    ) -> None:
        self.asker = asker
        self.requests = requests
        self.on_reply = on_reply
        self.gate = Gate(asker.endpoint.requests_per_minute)
        self.replies: dict[int, Reply] = {}
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        bodies = [body(request, asker.served, asker.endpoint, asker.decode) for request in requests]
        keys = [fingerprint(asker.served.url, asked) for asked in bodies]
        self._places: dict[str, list[int]] = {}  # equal requests are made once
        for at, key in enumerate(keys):
            self._places.setdefault(key, []).append(at)
            if reply := asker.kept.get(key):
                self.replies[at] = reply
        self._left: Iterator[tuple[str, dict[str, Any]]] = iter(
            [
                (key, bodies[places[0]])
                for key, places in self._places.items()
                if places[0] not in self.replies
            ]
        )

    def do(self) -> None:
        """Ask for what is left.

        Raises:
            UserError: see `Endpoint.ask`.
        """
        caller = Caller(
            self.asker.served, self.asker.endpoint, self.asker.key, self.gate, self._repeated
        )
        threads = [
            threading.Thread(target=self._thread, args=(caller,), daemon=True)
            for _ in range(min(self.asker.endpoint.concurrency, len(self._places)))
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self.gate.close()
            caller.close()
        if self.error is not None:
            raise self.error

    def _thread(self, caller: Caller) -> None:
        while not self.gate.is_closed:
            with self._lock:
                asked = next(self._left, None)
            if asked is None:
                return
            try:
                self._one(caller, *asked)
            except Closed:
                return
            except BaseException as error:
                with self._lock:
                    self.error = self.error or error
                self.gate.close()
                return

    def _one(self, caller: Caller, key: str, asked: dict[str, Any]) -> None:
        asker, places = self.asker, self._places[key]
        most = most_tokens(asked, self.requests[places[0]])
        bill = _Bill(asker, key, asker.cost(most))
        try:
            reply = caller.call(asked, bill)
            # Without usage the most that it can have been counts, or a cap would mean nothing.
            used = (reply.prompt_tokens, reply.answer_tokens)
            charged = reply.failed not in ("given_up", "rejected")
            bill.cost = asker.cost(used if any(used) else most) if charged else 0.0
            asker.kept.add(key, reply, bill.cost)
        except OverBudget:
            raise self._over_budget() from None
        finally:
            bill.settle()
        with self._lock:
            self.replies |= dict.fromkeys(places, reply)
            done = len(self.replies)
        if reply.failed and asker.endpoint.on_failure == "stop":
            self.gate.close()
            raise asker._unanswered([reply])
        if self.on_reply is not None:
            self.on_reply(done)

    def _repeated(self, why: str) -> None:
        with self._lock:
            self.asker.sitting.repeated[why.partition(":")[0]] += 1

    def _over_budget(self) -> UserError:
        spent, most = self.asker.purse.spent, self.asker.endpoint.max_cost
        assert most is not None
        return UserError(
            f"the next request could cost more than evaluate.endpoint.max_cost: {spent:.4g} of "
            f"{most:g} is spent, {len(self.replies)} of {len(self.requests)} items are answered",
            where=self.asker.served.model,
            fix=f"raise it to {_rounded_up(self._whole_cost())} or more and repeat the command: "
            "what was answered is kept",
        )

    def _whole_cost(self) -> float:
        """What all of it costs at most, by what it has cost and the most for the rest."""
        left = [
            (key, places) for key, places in self._places.items() if places[0] not in self.replies
        ]
        endpoint, decode = self.asker.endpoint, self.asker.decode
        most = sum(
            self.asker.cost(
                most_tokens(body(request, self.asker.served, endpoint, decode), request)
            )
            for _, places in left
            for request in [self.requests[places[0]]]
        )
        return self.asker.purse.spent + most


def _rounded_up(amount: float) -> str:
    """An amount of two significant digits that is not smaller."""
    if amount <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(amount))
    return f"{math.ceil(amount * 10**digits) / 10**digits:g}"
