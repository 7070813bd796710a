"""Ordinary text that was not tuned on, to measure what tuning made the model forget."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import orjson

from tutelage.errors import UserError

FIX = "give a text file (a document a paragraph), a JSONL file with field text, or null"


def general_texts(setting: str | None) -> list[str]:
    """The documents that `evaluate.general_text` names.

    Raises:
        UserError: the file is missing, not text, or holds no document.
    """
    if setting is None:
        return []
    if setting == "builtin":
        shipped = files("tutelage.demo").joinpath("general.jsonl").read_text(encoding="utf-8")
        return [orjson.loads(line)["text"] for line in shipped.splitlines()]
    path = Path(setting)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read the text: {error}", where="evaluate.general_text", fix=FIX
        ) from error
    if path.suffix == ".jsonl":
        texts = [_text(line, at, path) for at, line in enumerate(content.splitlines()) if line]
    else:
        texts = [part.strip() for part in content.split("\n\n")]
    if not any(texts):
        raise UserError("the file holds no text", where=f"evaluate.general_text {path}", fix=FIX)
    return [text for text in texts if text]


def _text(line: str, row: int, path: Path) -> str:
    try:
        text = orjson.loads(line)["text"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(
            "expected a JSON object with the field text", where=f"{path} row {row}", fix=FIX
        ) from error
    if not isinstance(text, str):
        raise UserError("field text: expected a string", where=f"{path} row {row}", fix=FIX)
    return text
