"""Bytes of a file, decompressed by what it is rather than by what it is called.

A `.jsonl` that is really gzip, or a `.gz` that is not, is common enough in downloads, and the
first four bytes always tell. Lines are read with a ceiling, so that a hostile or broken file of
one endless line costs a few megabytes and not the machine.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import zstandard

from tutelage.data.rows import MAX_ROW_BYTES
from tutelage.data.sources.records import File
from tutelage.errors import UserError, near_files

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
MARK = "\ufeff"
"""The byte-order mark, which some editors put before the first character."""
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")

ZSTD_INPUT = 1024
"""Bytes decompressed at once."""

MAX_DOCUMENT_BYTES = 4 * 2**30
"""A file that must be read whole may not be larger than this once decompressed."""


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        number: 1-based, as editors count.
        start: byte at which it starts, after decompression.
        content: with its line end; None if it is longer than a row may be.
        size: its length in bytes.
    """

    number: int
    start: int
    content: bytes | None
    size: int


@contextmanager
def opened(file: File) -> Iterator[io.BufferedIOBase]:
    """The file's bytes, decompressed if its first bytes say gzip or zstd.

    Raises:
        UserError: the file is not there, not readable, or its compressed data is broken.
    """
    try:
        with file.path.open("rb") as raw:
            head = raw.read(4)
            raw.seek(0)
            if head[:2] == GZIP:
                with gzip.open(raw) as stream:
                    yield stream
            elif head == ZSTD:
                yield io.BufferedReader(_Pieces(_zstd_pieces(raw)))
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise UserError(
            f"the compressed data is broken or cut off: {error}",
            where=file.label,
            fix="fetch the file again, or decompress it to see how much is left",
        ) from error
    except FileNotFoundError as error:
        fix = near_files(file.path) or "look at the path; a relative one starts from this folder"
        raise UserError("there is no such file", where=file.label, fix=fix) from error
    except IsADirectoryError as error:
        fix = "name a file in it"
        raise UserError("expected a file, found a folder", where=file.label, fix=fix) from error
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror or error}", where=file.label) from error


def _zstd_pieces(raw: io.BufferedIOBase) -> Iterator[bytes]:
    """The decompressed content of all frames.

    `zstandard`'s own reader takes a frame that is cut off for the end of the file, which would
    lose rows in silence. At most 32 MiB come of one piece of input, however hostile (a block of 4
    bytes stands for at most 128 KiB).

    Raises:
        EOFError: the last frame is cut off.
    """
    data = raw.read(ZSTD_INPUT)
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        yield frame.decompress(data)
        while not frame.eof:
            data = raw.read(ZSTD_INPUT)
            if not data:
                raise EOFError("the last frame has no end")
            yield frame.decompress(data)
        data = frame.unused_data or raw.read(ZSTD_INPUT)


class _Pieces(io.RawIOBase):
    """An iterator of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size


def whole(stream: io.BufferedIOBase, label: str) -> bytes:
    """Everything in the stream.

    Raises:
        UserError: larger than `MAX_DOCUMENT_BYTES`.
    """
    data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise UserError(
            f"larger than {MAX_DOCUMENT_BYTES // 2**30} GiB, and can only be read whole",
            where=label,
            fix="write it as JSON Lines or Parquet, which are read piece by piece",
        )
    return data


def lines(stream: io.BufferedIOBase) -> Iterator[Line]:
    """The stream's lines, one after the other; of an over-long one only the size is kept."""
    number, start = 0, 0
    while content := stream.readline(MAX_ROW_BYTES + 2):
        number += 1
        size = len(content)
        whole_line = content.endswith(b"\n") or size < MAX_ROW_BYTES + 2
        while not whole_line:
            rest = stream.readline(2**20)
            size += len(rest)
            whole_line = rest.endswith(b"\n") or not rest
        fits = size == len(content)
        yield Line(number, start, content if fits else None, size)
        start += size


def text(line: Line, label: str) -> str:
    """A line as text, with its line end but without a byte-order mark.

    Raises:
        UserError: it is not UTF-8, or too long for a row; the message has the line and the byte.
    """
    content = line.content
    if content is None:
        raise UserError(
            f"a line of {line.size:,} bytes; a row may have at most {MAX_ROW_BYTES:,}",
            where=f"{label} line {line.number}, byte {line.start}",
            fix="if it is one row, shorten it; else look for a missing line end",
        )
    try:
        decoded = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(content, error.start, line.number, line.start + error.start, label) from None
    return decoded.removeprefix(MARK) if line.number == 1 else decoded


def not_utf8(data: bytes, at: int, line: int, byte: int, label: str) -> UserError:
    """The error for a file in another encoding, with the line and byte where it shows."""
    wide = data[:2] in WIDE_BOMS
    guess = "UTF-16" if wide else "Windows-1252 or Latin-1"
    code = "UTF-16" if wide else "WINDOWS-1252"
    return UserError(
        f"byte 0x{data[at]:02x} is not UTF-8 (the file may be {guess})",
        where=f"{label} line {line}, byte {byte}",
        fix=f"convert it, for example with: iconv -f {code} -t UTF-8",
    )
