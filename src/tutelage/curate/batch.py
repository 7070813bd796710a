"""Some thousand examples as columns: what every check looks at.

A batch has two tables. `rows` has one line an example, with the last exchange in columns: the
instruction, its input where the data has one, and the response. `texts` has one line for each piece
of text, earlier turns and undesired responses included, and names the field of the file it stands
in. A field is found by its text: formats join and reorder fields, and a finding should point into
the file, not into our idea of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson
import polars as pl

from tutelage.data.example import Example, Message
from tutelage.data.reading import Reading

Part = Literal["system", "instruction", "input", "response", "negative", "tool"]
PARTS: tuple[Part, ...] = ("system", "instruction", "input", "response", "negative", "tool")

LAST: tuple[Part, ...] = ("system", "instruction", "input", "response")
"""Parts that `rows` has columns for."""

ROWS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": pl.UInt32,
    "source": pl.String,
    "row": pl.Int64,
    "task": pl.String,
    "turns": pl.UInt32,
    "history": pl.String,
    **dict.fromkeys(LAST, pl.String),
    **{f"{part}_field": pl.String for part in LAST},
    "constraints": pl.String,
}
TEXTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": pl.UInt32,
    "part": pl.Enum(PARTS),
    "field": pl.String,
    "last": pl.Boolean,
    "text": pl.String,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples that follow one another in a dataset.

    Attributes:
        rows: one line an example, in order: `at` (0-based place in the batch), `source` and `row`
            (where it was read), `task`, `turns` (messages), `history` (the text of what precedes
            the last exchange), `system`, `instruction`, `input`, `response` (of the last exchange;
            "" where there is none), each with the file's field in `instruction_field` and so on
            (null where there is none), and `constraints` (JSON of the row's verifiable
            instructions, null where it has none).
        texts: one line a piece of text: `at`, `part`, `field` (in the file, as `output` or
            `messages[2].content`), `last` (it is in `rows` too), `text`.
        first: place of the first example in the dataset.
    """

    rows: pl.DataFrame
    texts: pl.DataFrame
    first: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, *parts: Part, last: bool = False) -> pl.DataFrame:
        """The texts of these parts; with `last`, of the last exchange only."""
        wanted = pl.col("part").is_in(list(parts))
        return self.texts.filter(wanted & pl.col("last") if last else wanted)


class Piece(NamedTuple):
    """A part of a message that stands in one field of the file."""

    field: str
    text: str


def batch_of(readings: Sequence[Reading], first: int = 0) -> Batch:
    """Examples as columns."""
    rows: dict[str, list[Any]] = {name: [] for name in ROWS}
    texts: dict[str, list[Any]] = {name: [] for name in TEXTS}
    for at, reading in enumerate(readings):
        _add(at, reading, rows, texts)
    return Batch(pl.DataFrame(rows, schema=ROWS), pl.DataFrame(texts, schema=TEXTS), first)


def _add(
    at: int, reading: Reading, rows: dict[str, list[Any]], texts: dict[str, list[Any]]
) -> None:
    example = reading.example
    leaves = list(_leaves(reading.values))
    exchange = _last_exchange(example)
    last: dict[str, Piece] = {}
    for number, message in enumerate(example.messages):
        is_last = message.role == "system" or number >= exchange
        for part, piece in _parts(message, leaves, None if is_last else f"turns[{number}]"):
            # Two fields may hold one text; each then stands for one of the places it is found in.
            leaves = [leaf for leaf in leaves if leaf.field != piece.field]
            if is_last:
                last[part] = piece
            _add_text(texts, at, part, piece, is_last)
    for number, text in enumerate(example.negatives):
        _add_text(texts, at, "negative", _piece(text, leaves, f"negatives[{number}]"), False)
    rows["at"].append(at)
    rows["source"].append(example.source.file)
    rows["row"].append(example.source.row)
    rows["task"].append(example.task)
    rows["turns"].append(len(example.messages))
    earlier = example.messages[:exchange]
    rows["history"].append("\n\n".join(m.content for m in earlier if m.role != "system"))
    for part in LAST:
        there = last.get(part)
        rows[part].append("" if there is None else there.text)
        rows[f"{part}_field"].append(None if there is None else there.field)
    rows["constraints"].append(
        orjson.dumps(example.constraints).decode() if example.constraints else None
    )


def _add_text(texts: dict[str, list[Any]], at: int, part: str, piece: Piece, last: bool) -> None:
    texts["at"].append(at)
    texts["part"].append(part)
    texts["field"].append(piece.field)
    texts["last"].append(last)
    texts["text"].append(piece.text)


def _last_exchange(example: Example) -> int:
    """Index of the last user turn (0 where there is none)."""
    for number in range(len(example.messages) - 1, -1, -1):
        if example.messages[number].role == "user":
            return number
    return 0


def _parts(
    message: Message, leaves: Sequence[Piece], place: str | None
) -> Iterator[tuple[Part, Piece]]:
    """The message's pieces; of a user turn the first is the instruction and the rest its input.

    `place` names a text that is no field of its own, such as a turn of a transcript; of the last
    exchange its part does.
    """
    if message.role != "user":
        part: Part = "response" if message.role == "assistant" else message.role
        if message.content:
            yield part, _piece(message.content, leaves, place or part)
        return
    pieces = _pieces(message.content, leaves)
    if len(pieces) <= 1:
        field = pieces[0].field if pieces else place or "instruction"
        yield "instruction", Piece(field, message.content)
        return
    yield "instruction", pieces[0]
    if len(pieces) == 2:
        yield "input", pieces[1]
        return
    rest = message.content[message.content.find(pieces[0].text) + len(pieces[0].text) :].strip()
    yield "input", Piece(pieces[-1].field, rest)


def _piece(text: str, leaves: Sequence[Piece], otherwise: str) -> Piece:
    """The field that holds exactly this text."""
    for leaf in leaves:
        if leaf.text == text:
            return leaf
    return Piece(otherwise, text)


def _pieces(text: str, leaves: Sequence[Piece]) -> list[Piece]:
    """The fields that a text was joined from, in their order in it."""
    for leaf in leaves:
        if leaf.text == text:
            return [leaf]
    pieces: list[Piece] = []
    end = 0
    while True:
        # A field that stands in another one too is looked for behind what is explained already.
        placed = ((text.find(leaf.text, end), leaf) for leaf in leaves if leaf.text.strip())
        found = [(start, -len(leaf.text), leaf) for start, leaf in placed if start >= 0]
        if not found:
            break
        start, _, piece = min(found, key=lambda item: item[:2])
        pieces.append(piece)
        end = start + len(piece.text)
    # What explains less than half of a text is a stray word that stands in another field too.
    explained = sum(len(piece.text) for piece in pieces)
    return pieces if explained * 2 >= len(text) else []


def _leaves(value: Any, path: str = "") -> Iterator[Piece]:
    """Every text of a raw row, with its path."""
    if isinstance(value, str):
        yield Piece(path, value.replace("\0", ""))  # as reading does
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
