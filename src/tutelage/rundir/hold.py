"""Keep a second process from writing where one is writing already.

The hold is on the folder itself (flock), so it leaves no file behind and goes with its process,
however that ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tutelage.errors import UserError


class FolderInUse(UserError):  # noqa: N818 (a mistake of the user's, by its kind)
    """Another process is at work on a folder; it may not be, the next time."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Be the only process that works on a folder, which exists.

    A file system that knows no such holds (some network ones) lets everybody in.

    Raises:
        FolderInUse: another process is at work on it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(
                "another process is at work on this folder",
                where=str(folder),
                fix="wait until it has ended, or stop it",
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder, if it is not there, and hold it; a failure leaves none that is empty.

    Raises:
        FolderInUse: another process is at work on it.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        try:
            yield
        except BaseException:
            for one in missing:
                with suppress(OSError):  # it holds something, such as parts to go on from
                    one.rmdir()
            raise
