"""Rows read one at a time: what a row carries beside its conversation."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"n": None, "k": 2}]},
            ({"id": "punctuation:no_comma", "kwargs": {"k": 2}},),
        ),
        ({"instruction_id_list": ["a"], "kwargs": []}, ()),
        ({"kwargs": {"a": 1}}, ()),
        ({}, ()),
    ],
)
def test_constraints_of_ifevals_rows(
    tmp_path: Path, given: dict[str, object], expected: tuple[object, ...]
) -> None:
    row = {"prompt": "Write.", "completion": "So.", **given}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row))
    (reading,) = stream([SourceOptions(path="a.jsonl")], tmp_path)
    assert isinstance(reading, Reading)
    assert reading.example.constraints == expected
