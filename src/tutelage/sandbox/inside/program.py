"""The process in which the untrusted program lives: it answers the checker's requests.

Nothing in this process is trusted once the program has been loaded: it can change every line
below. All it gains is to answer with other values than it computed, which it may do anyway; what
the values are compared with never enters this process.
"""

import operator
import os
import random
import sys
import types
from typing import Any

from . import frames, jail, values


def live(limits: dict[str, int], requests: int, replies: int) -> None:
    """Lock this process and serve requests until the checker is gone; never returns.

    Args:
        limits: `tutelage.sandbox.Limits`, as a dictionary.
        requests: descriptor to read requests from.
        replies: descriptor to write replies to.
    """
    jail.lock(limits, [requests, replies])
    sys.stdin = sys.stdout = sys.stderr = open("/dev/null", "r+")  # noqa: PTH123, SIM115
    random.seed(0)
    program = Program()
    while (request := frames.receive(requests, 1 << 30)) is not None:
        frames.send(replies, program.answer(request))
    os._exit(0)


class Program:
    """The loaded program and the objects of it that the checker holds by number."""

    def __init__(self) -> None:
        # A module of its own, where dataclasses and pickling look their class up.
        self._module = types.ModuleType("program")
        sys.modules["program"] = self._module
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request; every failure of the program becomes part of the reply."""
        try:
            return self._carry_out(request)
        except BaseException as error:
            return {"error": [type(error).__name__, _message(error)]}

    def _carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "load":
                code = compile(request["program"], "<program>", "exec")
                exec(code, vars(self._module))
                return {"value": [self._named(name) for name in request["names"]]}
            case "call":
                return self._call(request)
            case "next":
                try:
                    return {"value": self._encode(next(self._objects[request["of"]]))}
                except StopIteration:
                    return {"end": True}
        of = self._objects[request["of"]]
        given = [values.decode(item, self._objects.__getitem__) for item in request["given"]]
        operation = {
            "get": getattr,
            "set": setattr,
            "iterate": iter,
            "item": operator.getitem,
            "length": len,
            "text": str,
        }[request["do"]]
        return {"value": self._encode(operation(of, *given))}  # type: ignore[operator]

    def _named(self, name: str) -> Any:
        if not hasattr(self._module, name):
            raise NameError(f"the program defines no {name!r}")
        return self._encode(getattr(self._module, name))

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        lookup = self._objects.__getitem__
        sent = request["positional"]
        positional = [values.decode(item, lookup) for item in sent]
        named = {key: values.decode(item, lookup) for key, item in request["named"].items()}
        value = self._encode(self._objects[request["of"]](*positional, **named))
        # A function may change a list it was given; the caller's own list must follow.
        changed = {
            str(index): encoded
            for index, item in enumerate(positional)
            if isinstance(item, list | dict | set | bytearray)
            and (encoded := self._encode(item)) != sent[index]
        }
        return {"value": value, "changed": changed}

    def _encode(self, value: Any) -> Any:
        return values.encode(value, self._number)

    def _number(self, value: Any) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return self._numbers[id(value)]


def _message(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except Exception:
        return ""
