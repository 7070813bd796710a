"""Write a file whole or not at all.

A run may be killed at any moment, so nothing a later command reads is ever written in place: the
content goes to a temporary file beside its destination, is flushed to the disk, and takes its
name in one rename. The folder is flushed too, or the rename itself could be lost with the power.

JSON is strict: NaN and infinity are not JSON and break every reader but Python's, so orjson
writes them as null.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from tutelage.errors import UserError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to; on leaving without an error it becomes `path`.

    Any writer that takes a path can use it (`frame.write_parquet(temporary)`). Missing parent
    folders are made. After an error the temporary file is removed and `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def check_replaceable(path: Path, is_ours: bool, option: str) -> None:
    """Tell early whether a file that a user names may be written: none is lost by a slip of the
    hand.

    Args:
        path: the file.
        is_ours: whether one that is there was written by the same command before.
        option: that names it, for the message.

    Raises:
        UserError: a folder is there, or another file.
    """
    if path.is_dir():
        raise UserError("is a folder", where=str(path), fix=f"name a file for {option}")
    if path.exists() and not is_ours:
        raise UserError(
            f"would overwrite a file that {option} has not written",
            where=str(path),
            fix="name another file",
        )


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; NaN and infinity become null."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    with replacing(path) as temporary:
        temporary.write_bytes(orjson.dumps(value, option=options))


def read_json(path: Path) -> Any:
    """The value stored in a JSON file.

    Raises:
        UserError: the file is missing or is not JSON.
    """
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UserError("the file does not exist", where=str(path)) from error
    except orjson.JSONDecodeError as error:
        raise UserError(
            f"not valid JSON: {error}", where=str(path), fix="restore the file or repeat the run"
        ) from error


def _umask() -> int:
    # mkstemp makes private files; what a run leaves has the permissions of any new file.
    # The mask can only be read by setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
