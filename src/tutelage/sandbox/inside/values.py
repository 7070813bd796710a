"""How values pass between the checker and the program: rebuilt from plain data, never unpickled.

What the checker compares must be of Python's own types, built by the checker itself: an object of
the program's making could answer `==` as it likes. Whatever is not plain data therefore stays in
its process and passes as a handle, a number, which equals nothing but itself.

JSON carries None, booleans, text, lists and small integers as they are; the rest is
`{"kind": ..., "value": ...}`. Integers beyond 53 bits go in hexadecimal, which is read in linear
time (decimal is quadratic: a known way to hang a checker).
"""

from collections.abc import Callable
from typing import Any

_TYPES = {
    kind.__name__: kind
    for kind in (
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        set,
        frozenset,
        dict,
    )
}
"""Types that pass as themselves."""
_PLAIN_INTEGER = 1 << 53
_DEEPEST = 200


class NotPlainError(Exception):
    """A value that cannot cross, with the reason."""


def encode(value: Any, handle: Callable[[Any], int], depth: int = 0) -> Any:
    """A value as JSON data.

    Args:
        value: anything.
        handle: gives the number for what is not plain data, or raises `NotPlainError`.
        depth: how deep in a nested value this one lies.

    Raises:
        NotPlainError: it nests more than 200 deep, or `handle` raised.
    """
    if depth > _DEEPEST:
        raise NotPlainError("the value nests too deeply")
    if value is None or isinstance(value, bool):
        return value

    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int(value)
        small = -_PLAIN_INTEGER < number < _PLAIN_INTEGER
        return number if small else {"kind": "int", "value": hex(number)}
    if isinstance(value, float):
        return float(value)
    if isinstance(value, complex):
        return {"kind": "complex", "value": [value.real, value.imag]}
    for binary in (bytes, bytearray):
        if isinstance(value, binary):
            return {"kind": binary.__name__, "value": value.hex()}
    if isinstance(value, list | tuple | set | frozenset | dict):
        return _container(value, lambda member: encode(member, handle, depth + 1))
    if isinstance(value, type) and value in _TYPES.values():
        return {"kind": "type", "value": value.__name__}
    return {"kind": "handle", "value": handle(value)}


def _container(value: Any, encoded: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {"kind": "dict", "value": [encoded(list(pair)) for pair in value.items()]}
    members = [encoded(member) for member in value]
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {"kind": kind.__name__, "value": members}
    return members


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "type": lambda name: _TYPES[name],
    "int": lambda text: int(text, 16),
    "complex": lambda parts: complex(*parts),
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
}


def decode(data: Any, handled: Callable[[int], Any]) -> Any:
    """The value that JSON data stands for.

    Args:
        data: as `encode` gave it, or anything a hostile sender wrote.
        handled: gives the object for a handle's number.

    Raises:
        ValueError: it stands for nothing.
        TypeError: likewise (a set of lists, a number where text belongs).
        OverflowError: likewise (an infinite number of a handle).
        RecursionError: it nests too deeply.
    """
    if isinstance(data, list):
        return [decode(member, handled) for member in data]
    if not isinstance(data, dict):
        return data
    kind, value = data.get("kind"), data.get("value")
    if kind == "handle":
        return handled(int(value))  # type: ignore[arg-type]
    maker = _MAKERS.get(str(kind))
    if maker is None or (kind == "type" and value not in _TYPES):
        raise ValueError(f"no value of kind {kind!r}")
    return maker(decode(value, handled))
