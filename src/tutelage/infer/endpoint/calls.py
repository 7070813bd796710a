"""One request, repeated until there is a reply or no hope: over HTTP, against the clock.

429, 5xx, lost connections, timeouts and torn answers are repeated, with a pause that doubles and is
drawn at random up to its length ("full jitter": Brooker, Exponential Backoff and Jitter, 2015), so
that many who were refused together do not come back together. What cannot get better (a wrong key,
an unknown model, an empty account, an address that there was never a connection to) ends the whole
work at once, before the other items repeat the mistake. An answer is read against a deadline and up
to a size: a server that drips or floods is a server that does not answer. The key goes into one
header and nowhere else; a server that repeats it in an error message gets it cut out.
"""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx2
import orjson

from tutelage import __version__
from tutelage.asking_options import AskingOptions
from tutelage.errors import UserError
from tutelage.infer.endpoint.errand import Errand
from tutelage.infer.endpoint.pace import Gate
from tutelage.infer.endpoint.protocol import Malformed, Reply, read, read_error
from tutelage.infer.options import Served

MOST_BYTES = 16 * 2**20
"""Of one response; the longest answers have a hundredth of it."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds of the first pause between repetitions at most, and of any."""

LONGEST_WAIT = 600.0
"""Seconds that an endpoint may ask us to wait; a longer wait is for the user to decide."""

LONGEST_CONNECT = 10.0
"""Seconds until a connection counts as not made; one across the world takes half a second."""

REPEATED = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Statuses that may be another the next time."""

EMPTY_ACCOUNT = {"insufficient_quota", "billing_hard_limit_reached", "credit_balance_too_low"}
"""Codes of a 429 that no wait will mend."""

HOPELESS = {401, 402, 403, 404, 405, 501}
"""Statuses that every other request would get too."""

ANEW = 1
"""How often a connection is tried again to an address that there was none to yet. A server that was
there may come back, and is waited for as the recipe says."""

UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""What goes wrong before a request is sent: nobody charges for it."""


class _Lost(Exception):  # noqa: N818 (what one attempt came to)
    """An attempt failed in a way that may pass.

    Args:
        why: in words.
        wait: seconds that the endpoint asks to wait.
        charged: whether the endpoint may have answered all the same.
        reached: whether there was a connection.
    """

    def __init__(
        self,
        why: str,
        wait: float | None = None,
        *,
        charged: bool = False,
        reached: bool = True,
    ) -> None:
        super().__init__(why)
        self.wait = wait
        self.charged = charged
        self.reached = reached


class Bill(Protocol):
    """What a request costs, attempt by attempt."""

    def begin(self) -> None:
        """An attempt is about to be made; raises what ends the work if it may not be paid."""
        ...

    def lost(self) -> None:
        """The attempt got no reply, and may have been charged for all the same."""
        ...


class Caller:
    """Sends requests to one model.

    Args:
        served: the model and its address.
        endpoint: timeouts and repetitions.
        key: the key, if it takes one.
        gate: shared by all requests.
        errand: what is asked for.
        on_repeat: told why, each time a request is repeated.
    """

    def __init__(
        self,
        served: Served,
        endpoint: AskingOptions,
        key: str | None,
        gate: Gate,
        errand: Errand,
        on_repeat: Callable[[str], None],
    ) -> None:
        self.served = served
        self.endpoint = endpoint
        self.gate = gate
        self.errand = errand
        self.on_repeat = on_repeat
        self._key = key
        self._was_reached = False
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # so that the size read is the size there is
            "User-Agent": f"tutelage/{__version__}",
        }
        if key:
            headers["Authorization"] = f"Bearer {key}"
        many = endpoint.concurrency
        self._client = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(
                endpoint.timeout, connect=min(LONGEST_CONNECT, endpoint.timeout)
            ),
            limits=httpx2.Limits(max_connections=many, max_keepalive_connections=many),
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def call(self, asked: dict[str, Any], bill: Bill) -> Reply:
        """The reply to a request; one that says why there is none, after the last repetition.

        Args:
            asked: the request's JSON.
            bill: asked before each attempt, and told of those that were lost.

        Raises:
            UserError: no request can succeed.
            Closed: the gate was closed while this request waited.
        """
        content, why = orjson.dumps(asked), ""
        for attempt in range(self.endpoint.retries + 1):
            bill.begin()
            self.gate.enter()
            try:
                return self._attempt(content)
            except _Lost as lost:
                why = str(lost)
                self._was_reached |= lost.reached
                if not self._was_reached and attempt >= min(ANEW, self.endpoint.retries):
                    raise self._nobody(why) from None
                if lost.charged:
                    bill.lost()
                if attempt == self.endpoint.retries:
                    break
                self.on_repeat(why)
                if lost.wait is not None:
                    self.gate.pause(lost.wait)
                self.gate.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)))
        tries = self.endpoint.retries + 1
        return Reply(None, "stop", failed="given_up", detail=f"{why} ({tries} attempts)")

    def _attempt(self, content: bytes) -> Reply:
        url = f"{self.served.url}/chat/completions"
        deadline = time.monotonic() + self.endpoint.timeout
        try:
            with self._client.stream("POST", url, content=content) as response:
                received = self._received(response, deadline)
        except UNSENT as error:
            why = str(error) or type(error).__name__
            raise _Lost(
                f"no connection to {self.served.host} ({why})",
                reached=isinstance(error, httpx2.PoolTimeout),
            ) from None
        except httpx2.TransportError as error:
            raise _Lost(f"{type(error).__name__} from {self.served.host}", charged=True) from None
        self._was_reached = True
        if response.status_code == httpx2.codes.OK:
            try:
                return read(received)
            except Malformed as error:
                raise _Lost(self._without_key(str(error)), charged=True) from None
        return self._refused(response.status_code, response.headers, received)

    def _received(self, response: httpx2.Response, deadline: float) -> bytes:
        received = bytearray()
        for part in response.iter_raw():
            received += part
            if len(received) > MOST_BYTES:
                raise _Lost(f"a response of over {MOST_BYTES >> 20} MiB", charged=True)
            if time.monotonic() > deadline:
                raise _Lost(f"no whole answer in {self.endpoint.timeout:g} s", charged=True)
        return bytes(received)

    def _refused(self, status: int, headers: Mapping[str, str], received: bytes) -> Reply:
        """What an error response comes to: a repetition, this item's failure, or the end."""
        message, code = (self._without_key(part) for part in read_error(received))
        said = f"status {status}: {message}" if message else f"status {status}"
        if status in HOPELESS or code in EMPTY_ACCOUNT:
            raise self._hopeless(status, said)
        if 300 <= status < 400:
            raise UserError(
                f"{self.served.host} sends requests on to another address, which is not followed",
                where=f"{self.errand.settings}.url",
                fix="give the address that it names, often with /v1 at the end",
            )
        if status not in REPEATED:
            return Reply(None, "stop", failed="rejected", detail=said)
        wait = retry_after(headers.get("retry-after"))
        if wait is not None and wait > LONGEST_WAIT:
            raise UserError(
                f"{self.served.host} asks to wait {wait / 60:.0f} minutes ({said})",
                fix=f"go on then with `{self.errand.again}`: what was answered is kept",
            )
        raise _Lost(said, wait)

    def _nobody(self, why: str) -> UserError:
        return UserError(
            why,
            where=f"{self.errand.settings}.url: {self.served.url}",
            fix="see whether the address is right and its server is up, then go on with "
            f"`{self.errand.again}`",
        )

    def _hopeless(self, status: int, said: str) -> UserError:
        later = f"see to the account, then go on with `{self.errand.again}`: all answers are kept"
        fixes = {
            401: f"export a valid key as {self.served.key_name}"
            if self.served.key_name
            else f"export a key, and name its variable in {self.errand.settings}.key_variable",
            402: later,
            403: "see whether the key may use this model",
            404: "see whether model and address are right; the latter often ends in /v1",
            429: later,
        }
        return UserError(
            f"{self.served.host} refuses {self.served.model}: {said}",
            where=self.errand.settings,
            fix=fixes.get(status, "see whether the address speaks the chat-completions protocol"),
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, or a date; None if it is neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
