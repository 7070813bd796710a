"""When a request may go: the rate, the pauses that an endpoint asks for, and what may be spent.

All requests share one gate. If one of them is told to wait (429 with Retry-After), all wait: the
limit is the account's, and pressing on only earns more refusals. Money is reserved before a
request goes, by the most that it can cost, so a cap holds whatever the answers turn out to be.
"""

from __future__ import annotations

import threading
import time


class Closed(Exception):  # noqa: N818 (the way out of waiting)
    """No more requests are to go."""


class OverBudget(Exception):  # noqa: N818 (made a UserError where the run can be named)
    """The next request could pass the cap."""


class Gate:
    """Lets requests go, one by one if there is a rate.

    Args:
        per_minute: requests that may begin in a minute; None for no limit of ours.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._lock = threading.Lock()
        self._free = 0.0  # when the next request may begin
        self._closed = threading.Event()

    def enter(self) -> None:
        """Wait until a request may go.

        Raises:
            Closed: meanwhile it was decided that none goes any more.
        """
        while True:
            with self._lock:
                wait = self._free - time.monotonic()
                if wait <= 0:
                    self._free = time.monotonic() + self._interval
                    break
            self.sleep(wait)
        self.sleep(0)

    def pause(self, seconds: float) -> None:
        """Let nothing go for so long."""
        with self._lock:
            self._free = max(self._free, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `Closed` as soon as the gate is closed."""
        if self._closed.wait(seconds):
            raise Closed

    def close(self) -> None:
        """Let nothing go any more."""
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        """Whether nothing goes any more."""
        return self._closed.is_set()


class Purse:
    """What was spent, what is out, and what may be.

    Args:
        most: the cap; None for none.
        spent: before now.
    """

    def __init__(self, most: float | None, spent: float = 0.0) -> None:
        self.most = most
        self.spent = spent
        self._out = 0.0
        self._changed = threading.Condition()

    def reserve(self, amount: float) -> None:
        """Set an amount aside, once it fits beside what is out.

        Raises:
            OverBudget: it would not fit if all that is out came back.
        """
        with self._changed:
            while self.most is not None and self.spent + self._out + amount > self.most:
                if self._out <= 0:
                    raise OverBudget
                self._changed.wait()
            self._out += amount

    def settle(self, reserved: float, cost: float) -> None:
        """Give back what was set aside, less what it cost."""
        with self._changed:
            self.spent += cost
            self._out -= reserved
            if self._out < 1e-12:  # sums of decimals leave dust
                self._out = 0.0
            self._changed.notify_all()
