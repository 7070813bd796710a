"""What the checker holds in place of the program's own objects.

A proxy asks the program for each thing done with it. It answers no comparison by asking: an object
of the program equals itself only, so a result whose `__eq__` says yes to everything proves nothing.
"""

import builtins
from collections.abc import Callable
from typing import Any

from . import frames, values

LONGEST_REQUEST = 1 << 30


class ProgramGone(BaseException):
    """The program can no longer answer. Not an `Exception`, so that no test swallows it."""


class ProgramError(Exception):
    """The program raised an exception that is not one of Python's own."""


class Channel:
    """The checker's end of its line to the program."""

    def __init__(self, requests: int, replies: int, longest_reply: int) -> None:
        self._requests, self._replies = requests, replies
        self._longest_reply = longest_reply
        self.broken: str | None = None
        """Why the program can no longer answer: "gone", "output" or "nonsense"."""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its reply.

        Raises:
            ProgramGone: now or earlier, the program died, said nonsense or too much.
            Exception: what the program raised, as Python's exception of that name.
        """
        if self.broken is None:
            try:
                frames.send(self._requests, request)
                reply = frames.receive(self._replies, self._longest_reply)
            except OSError:
                reply = None
            except frames.FrameTooLongError:
                self.broken = "output"
            except (ValueError, RecursionError):
                self.broken = "nonsense"
            else:
                if isinstance(reply, dict):
                    if "error" in reply:
                        raise _python_error(reply["error"])
                    return reply
                self.broken = "gone" if reply is None else "nonsense"
            self.broken = self.broken or "gone"
        raise ProgramGone

    def load(self, program: str, names: list[str]) -> dict[str, Any]:
        """Have the program loaded; what it defines under `names`.

        Raises:
            NameError: it does not define one of them.
            Exception: what else it raised.
        """
        found = self.value({"do": "load", "program": program, "names": names})
        if not isinstance(found, list) or len(found) != len(names):
            self.broken = "nonsense"
            raise ProgramGone
        return dict(zip(names, found, strict=True))

    def value(self, request: dict[str, Any]) -> Any:
        """The value that a request's reply stands for."""
        return self.decode(self.ask(request).get("value"))

    def decode(self, data: Any) -> Any:
        """A value the program sent, rebuilt from plain data."""
        try:
            return values.decode(data, lambda number: Proxy(self, number))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            self.broken = "nonsense"
            raise ProgramGone from error


class Proxy:
    """One object of the program."""

    __slots__ = ("_channel", "_number")

    def __init__(self, channel: Channel, number: int) -> None:
        object.__setattr__(self, "_channel", channel)
        object.__setattr__(self, "_number", number)

    def _ask(self, what: str, *given: Any) -> Any:
        request = {"do": what, "of": self._number, "given": [_encode(item) for item in given]}
        return self._channel.value(request)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call the program's function, and let the given lists follow what it did to its own."""
        sent = [_encode(item) for item in positional]
        reply = self._channel.ask(
            {
                "do": "call",
                "of": self._number,
                "positional": sent,
                "named": {key: _encode(item) for key, item in named.items()},
            }
        )
        value = self._channel.decode(reply.get("value"))
        changed = reply.get("changed")
        for index, item in enumerate(positional):
            if isinstance(changed, dict) and str(index) in changed:
                _become(item, self._channel.decode(changed[str(index)]))
        return value

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __len__(self) -> int:
        return int(self._ask("length"))

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return str(self._ask("text"))

    def __iter__(self) -> Any:
        return self._ask("iterate")

    def __next__(self) -> Any:
        reply = self._channel.ask({"do": "next", "of": self._number})
        if reply.get("end") is True:
            raise StopIteration
        return self._channel.decode(reply.get("value"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and other._number == self._number

    def __hash__(self) -> int:
        return hash(self._number)


def _encode(value: Any) -> Any:
    def number(item: Any) -> int:
        if isinstance(item, Proxy):
            return int(item._number)
        raise TypeError(f"a {type(item).__name__} of the test cannot be given to the program")

    return values.encode(value, number)


def _become(own: Any, changed: Any) -> None:
    """Give the test's own list, dictionary, set or byte array the contents the program left."""
    renew: dict[type, Callable[[Any, Any], None]] = {
        list: lambda old, new: old.__setitem__(slice(None), new),
        bytearray: lambda old, new: old.__setitem__(slice(None), new),
        dict: lambda old, new: (old.clear(), old.update(new))[1],
        set: lambda old, new: (old.clear(), old.update(new))[1],
    }
    if type(own) is type(changed) and type(own) in renew:
        renew[type(own)](own, changed)


def _python_error(said: Any) -> Exception:
    """The exception of Python that a reply names.

    Not StopIteration, which would end a loop of the test early and so skip its assertions.
    """
    name, message = (str(part) for part in said) if _is_pair(said) else ("error", "")
    kind = getattr(builtins, name, None)
    ends_loops = (StopIteration, StopAsyncIteration)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ends_loops):
        try:
            return kind(message)
        except TypeError:  # needs more than a message
            pass
    return ProgramError(f"{name}: {message}")


def _is_pair(said: Any) -> bool:
    return isinstance(said, list) and len(said) == 2
