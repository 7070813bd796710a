"""The requests of one call, divided among threads, each paid for once.

A few threads take requests in order and wait for answers; the network is all they wait for, so
threads are enough. The first item without an answer ends the work where the recipe says so: no new
request goes, those that are out are waited for and kept, and the error says how to go on. Where the
recipe says to skip such items, an endpoint that gives nobody an answer any more still ends it.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.asking_options import AskingOptions
from tutelage.errors import UserError
from tutelage.infer.backend import Request
from tutelage.infer.endpoint.calls import Caller
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.kept import KeptReplies
from tutelage.infer.endpoint.pace import Closed, Gate, OverBudget, Purse
from tutelage.infer.endpoint.protocol import Reply, body, fingerprint, most_tokens
from tutelage.infer.options import DecodeOptions, Served

MILLION = 1_000_000

IN_A_ROW = 5
"""Requests given up one after the other, with none answered between: the endpoint is down. As many
rejected before any was answered: it takes none."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asked, how, and on whose money.

    Attributes:
        served: the model and its address.
        endpoint: how it is asked.
        decode: temperature and the like.
        key: the key, if it takes one.
        kept: where replies are kept.
        purse: what may be spent.
        errand: what is asked for.
    """

    served: Served
    endpoint: AskingOptions
    decode: DecodeOptions
    key: str | None
    kept: KeptReplies
    purse: Purse
    errand: Errand

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON of a request."""
        return body(request, self.served, self.endpoint, self.decode)

    def cost(self, tokens: tuple[int, int]) -> float:
        """What so many prompt tokens and answered tokens cost; 0 where the price is not known."""
        price = self.served.price or (0.0, 0.0)
        return sum(count * each / MILLION for count, each in zip(tokens, price, strict=True))

    def unanswered(self, failed: Sequence[Reply]) -> UserError:
        """The error for items without an answer."""
        kinds = Counter(reply.failed for reply in failed)
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return UserError(
            f"{self.served.model} gave no answer to {len(failed)} of the items ({found}); "
            f"the first: "
            f"{failed[0].detail}",
            where=self.served.host,
            fix="see whether the address is right and its server is up, then go on with "
            f"`{self.errand.again}` (refused and filtered items stay as they are); "
            f"{self.errand.settings}.on_failure: skip leaves them out",
        )


class Bill:
    """What one request costs; keeps its most set aside while an attempt is out."""

    def __init__(self, account: Account, key: str, most: float) -> None:
        self.cost = 0.0
        self._account = account
        self._key = key
        self._most = most
        self._out = 0.0

    def begin(self) -> None:
        """Set the most that an attempt can cost aside, if it is not.

        Raises:
            OverBudget: it does not fit.
        """
        if not self._out:
            self._account.purse.reserve(self._most)
            self._out = self._most

    def lost(self) -> None:
        """Count the attempt as charged in full: who knows."""
        self._account.kept.add_lost(self._key, self._most)
        self._account.purse.settle(self._out, self._most)
        self._out = 0.0

    def settle(self) -> None:
        """Give back what is set aside, less what the request cost."""
        self._account.purse.settle(self._out, self.cost)
        self._out = 0.0


class Work:
    """The requests of one call, divided among threads."""

    def __init__(
        self, account: Account, requests: Sequence[Request], on_reply: Callable[[int], None] | None
    ) -> None:
        self.account = account
        self.requests = requests
        self.on_reply = on_reply
        self.gate = Gate(account.endpoint.requests_per_minute)
        self.replies: dict[int, Reply] = {}
        self.repeated: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._given_up = 0  # in a row
        self._rejected = 0
        self._lock = threading.Lock()
        bodies = [account.body(request) for request in requests]
        keys = [fingerprint(account.served.url, asked) for asked in bodies]
        self._places: dict[str, list[int]] = {}  # equal requests are made once
        for at, key in enumerate(keys):
            self._places.setdefault(key, []).append(at)
            if reply := account.kept.get(key):
                self.replies[at] = reply
        self._left: Iterator[tuple[str, dict[str, Any]]] = iter(
            [
                (key, bodies[places[0]])
                for key, places in self._places.items()
                if places[0] not in self.replies
            ]
        )

    @property
    def keys(self) -> Iterable[str]:
        """The fingerprints of the requests, each once."""
        return self._places.keys()

    def do(self) -> None:
        """Ask for what is left.

        Raises:
            UserError: what `Endpoint.ask` says.
        """
        caller = Caller(
            self.account.served,
            self.account.endpoint,
            self.account.key,
            self.gate,
            self.account.errand,
            self._repeated,
        )
        threads = [
            threading.Thread(target=self._thread, args=(caller,), daemon=True)
            for _ in range(min(self.account.endpoint.concurrency, len(self._places)))
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
        account, places = self.account, self._places[key]
        most = most_tokens(asked, self.requests[places[0]])
        bill = Bill(account, key, account.cost(most))
        try:
            reply = caller.call(asked, bill)
            # Without usage the most that it can have been counts, or a cap would mean nothing.
            used = (reply.prompt_tokens, reply.answer_tokens)
            charged = reply.failed not in ("given_up", "rejected")
            bill.cost = account.cost(used if any(used) else most) if charged else 0.0
            account.kept.add(key, reply, bill.cost)
        except OverBudget:
            raise self._over_budget() from None
        finally:
            bill.settle()
        with self._lock:
            self.replies |= dict.fromkeys(places, reply)
            done = len(self.replies)
            self._given_up = self._given_up + 1 if reply.failed == "given_up" else 0
            self._rejected += len(places) if reply.failed == "rejected" else 0
            enough = max(IN_A_ROW, account.endpoint.concurrency)
            is_down = self._given_up >= enough
            takes_none = enough <= self._rejected == done
        if reply.failed and account.endpoint.on_failure == "stop":
            self.gate.close()
            raise account.unanswered([reply])
        if is_down:
            raise UserError(
                f"{account.served.host} answers nothing any more: {self._given_up} requests in a "
                f"row were given up, the last for {reply.detail}",
                fix=f"go on with `{account.errand.again}` when it does: what was answered is kept",
            )
        if takes_none:
            raise UserError(
                f"{account.served.host} takes no request: all of the first {self._rejected} were "
                f"rejected, the last with {reply.detail}",
                where=account.errand.settings,
                fix="see `parameters` and `limit_parameter`, and whether the model chats",
            )
        if self.on_reply is not None:
            self.on_reply(done)

    def _repeated(self, why: str) -> None:
        with self._lock:
            self.repeated[why.partition(":")[0]] += 1

    def _over_budget(self) -> UserError:
        spent, most = self.account.purse.spent, self.account.endpoint.max_cost
        assert most is not None
        return UserError(
            "the next request could cost more than "
            f"{self.account.errand.settings}.max_cost: {spent:.4g} of {most:g} is spent, "
            f"{len(self.replies)} of {len(self.requests)} items are answered",
            where=self.account.served.model,
            fix=f"raise it to {_rounded_up(self._whole_cost())} or more and go on with "
            f"`{self.account.errand.again}`: what was answered is kept",
        )

    def _whole_cost(self) -> float:
        """What all of it costs at most, by what it has cost and the most for the rest."""
        left = [
            self.requests[places[0]]
            for places in self._places.values()
            if places[0] not in self.replies
        ]
        most = sum(
            self.account.cost(most_tokens(self.account.body(request), request)) for request in left
        )
        return self.account.purse.spent + most


def _rounded_up(amount: float) -> str:
    """An amount of two significant digits that is not smaller."""
    if amount <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(amount))
    return f"{math.ceil(amount * 10**digits) / 10**digits:g}"
