"""Examples as columns: every text is there once, and its field is the file's."""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl
import pytest

from tutelage.curate.batch import Batch, batch_of
from tutelage.curate.findings import FOUND, matches
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream


def read(folder: Path, *rows: object) -> Batch:
    path = folder / "made.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    readings = list(stream([SourceOptions(path=str(path))], folder))
    assert all(isinstance(reading, Reading) for reading in readings)
    return batch_of([reading for reading in readings if isinstance(reading, Reading)])


def test_an_instruction_and_its_input_are_two_fields(tmp_path: Path) -> None:
    batch = read(tmp_path, {"instruction": "Add.", "input": "1 and 2", "output": "3"})
    row = batch.rows.row(0, named=True)
    assert (row["instruction"], row["input"], row["response"]) == ("Add.", "1 and 2", "3")
    assert row["input_field"] == "input"
    assert row["response_field"] == "output"
    assert batch.texts["field"].to_list() == ["instruction", "input", "output"]


def test_an_input_that_stands_in_the_instruction_too_is_an_input(tmp_path: Path) -> None:
    row = {"instruction": "Sort: pear, fig.", "input": "pear, fig", "output": "fig, pear"}
    columns = read(tmp_path, row).rows.row(0, named=True)
    assert (columns["instruction"], columns["input"]) == (row["instruction"], row["input"])


def test_two_fields_of_one_text_are_two_fields(tmp_path: Path) -> None:
    batch = read(tmp_path, {"instruction": "Say it:", "input": "so", "output": "so"})
    assert batch.texts["field"].to_list() == ["instruction", "input", "output"]


def test_earlier_turns_are_texts_and_history(tmp_path: Path) -> None:
    turns = [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Why?")]
    messages = [{"role": role, "content": text} for role, text in [*turns, ("assistant", "So.")]]
    batch = read(tmp_path, {"messages": messages})
    row = batch.rows.row(0, named=True)
    assert row["history"] == "Hi\n\nHello"
    assert row["system"] == "Be kind."
    assert row["response_field"] == "messages[4].content"
    assert batch.texts["last"].to_list() == [True, False, False, True, True]
    assert batch.of("response")["text"].to_list() == ["Hello", "So."]
    assert batch.of("response", last=True)["text"].to_list() == ["So."]


def test_undesired_responses_are_texts_alone(tmp_path: Path) -> None:
    batch = read(tmp_path, {"prompt": "Name a bird.", "chosen": "Wren", "rejected": "Cat"})
    assert batch.of("negative").select("field", "text").rows() == [("rejected", "Cat")]
    assert batch.rows["response"].to_list() == ["Wren"]


def test_turns_of_a_transcript_are_told_apart(tmp_path: Path) -> None:
    said = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: "
    batch = read(tmp_path, {"chosen": said + "So.", "rejected": said + "No."})
    responses = batch.of("response")
    assert responses.select("field", "text").rows() == [("turns[1]", "Yes?"), ("response", "So.")]


@pytest.mark.parametrize(("text", "span"), [("ab12", (2, 4)), ("é—7", (2, 3)), ("none", None)])
def test_evidence_is_counted_in_characters(text: str, span: tuple[int, int] | None) -> None:
    texts = pl.DataFrame(
        {"at": [0], "field": ["f"], "text": [text]}, schema_overrides={"at": pl.UInt32}
    )
    found = matches(texts, r"[0-9]+", "digits")
    assert found.schema == FOUND
    assert found.select("start", "end").rows() == ([] if span is None else [span])
