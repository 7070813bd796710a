"""Messages between the sandbox's processes: JSON behind its length, so that no byte is ambiguous.

The receiver says how long a message may be: the sender may be hostile, and would otherwise choose
how much memory the receiver spends.
"""

import json
import os
from typing import Any

_HEADER = 4


class FrameTooLongError(Exception):
    """The other side announced more than may be read."""


def send(descriptor: int, message: Any) -> None:
    """Write one message whole.

    Raises:
        OSError: the other side is gone.
    """
    body = json.dumps(message).encode()
    left = memoryview(len(body).to_bytes(_HEADER, "big") + body)
    while left:
        left = left[os.write(descriptor, left) :]


def receive(descriptor: int, longest: int) -> Any:
    """Read one message; None where the other side closed before or within one.

    Raises:
        FrameTooLongError: it is longer than `longest` bytes.
        ValueError: it is not JSON.
        RecursionError: it nests too deeply to be read.
    """
    header = _exactly(descriptor, _HEADER)
    if header is None:
        return None
    length = int.from_bytes(header, "big")
    if length > longest:
        raise FrameTooLongError
    body = _exactly(descriptor, length)
    return None if body is None else json.loads(body)


def _exactly(descriptor: int, length: int) -> bytes | None:
    parts, missing = [], length
    while missing:
        part = os.read(descriptor, min(missing, 1 << 20))
        if not part:
            return None
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
