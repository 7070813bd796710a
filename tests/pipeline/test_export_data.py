"""Fine-tuning files: read back by our own formats they are the examples that were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.data.example import Example, Message, Source
from tutelage.data.format import FORMATS
from tutelage.data.load import load
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.data.rows import BadRow, Row
from tutelage.data.tuning_files.service import SERVICES, Service
from tutelage.errors import UserError
from tutelage.pipeline.export_data import export_data

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
SPOKEN = TEXT.filter(lambda text: bool(text.strip()))
SOURCE = Source("a.jsonl", 0)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """A system turn or none, then questions and answers."""
    messages = [Message("system", draw(SPOKEN))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages += [Message("user", draw(SPOKEN)), Message("assistant", draw(SPOKEN))]
    return tuple(messages)


def read_back(name: str, row: dict[str, Any]) -> Any:
    return FORMATS.get(name).read(Row(json.loads(json.dumps(row))), SourceOptions(path="a"))


def written(service: Service, messages: tuple[Message, ...], **more: Any) -> dict[str, Any]:
    return service.supervised(Example(messages, SOURCE, **more), False)


@given(conversations(), SPOKEN)
def test_conversations_come_back_equal(messages: tuple[Message, ...], negative: str) -> None:
    openai, gemini = SERVICES.get("openai"), SERVICES.get("gemini")
    assert read_back("messages", written(openai, messages)).messages == messages
    assert read_back("gemini", written(gemini, messages)).messages == messages
    assert openai.preference is not None
    if negative != messages[-1].content:
        pair = openai.preference(Example(messages, SOURCE), negative)
        draft = read_back("openai_preference", pair)
        assert (draft.messages, draft.negatives) == (messages, (negative,))


def test_tools_come_back_equal() -> None:
    def call(city: str) -> dict[str, Any]:
        return {"type": "function", "function": {"name": city, "arguments": {"day": 1}}}

    tools = ({"type": "function", "function": {"name": "Oslo"}},)
    messages = (
        Message("user", "Rain?"),
        Message("assistant", "", (call("Oslo"), call("Rome"))),
        Message("tool", "yes", name="Oslo"),
        Message("tool", "no", name="Rome"),
        Message("assistant", "Only in Oslo."),
    )
    row = written(SERVICES.get("openai"), messages, tools=tools)
    assert [turn.get("tool_call_id") for turn in row["messages"][2:4]] == ["call_0", "call_1"]
    draft = read_back("messages", row)
    assert (draft.messages, draft.tools) == (messages, tools)
    with pytest.raises(BadRow, match="text alone"):
        written(SERVICES.get("gemini"), messages, tools=tools)


USER, ANSWER = Message("user", "Hi"), Message("assistant", "Hello.")


@pytest.mark.parametrize(
    ("service", "messages", "said"),
    [
        ("openai", (USER,), "no last assistant turn"),
        ("openai", (USER, Message("assistant", " \n")), "a blank turn"),
        ("openai", (USER, Message("system", "Be brief."), ANSWER), "at the start only"),
        ("openai", (USER, Message("tool", "3"), ANSWER), "a call before it"),
        ("gemini", (USER, USER, ANSWER), "one of assistant"),
    ],
)
def test_what_a_service_would_refuse_is_said(
    service: str, messages: tuple[Message, ...], said: str
) -> None:
    with pytest.raises(BadRow, match=said):
        written(SERVICES.get(service), messages)


def test_only_the_last_answer_is_weighted_where_the_recipe_says_so() -> None:
    row = SERVICES.get("openai").supervised(Example((USER, ANSWER, USER, ANSWER), SOURCE), True)
    assert [turn.get("weight") for turn in row["messages"]] == [None, 0, None, None]


def recipe(folder: Path, rows: list[dict[str, Any]], settings: str = "") -> Path:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "data.jsonl").write_text(lines, encoding="utf-8")
    path = folder / "recipe.yaml"
    text = f"data: {{train: data.jsonl, validation: 4, test: 6, max_lost: 0.2}}\n{settings}"
    path.write_text(text, encoding="utf-8")
    return path


def asked(number: int) -> dict[str, Any]:
    return {"prompt": f"Say {number}.", "chosen": str(number), "rejected": f"not {number}"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_files_hold_what_training_would_take(tmp_path: Path) -> None:
    path = recipe(tmp_path, [asked(n) for n in range(40)], "prompt: {system: Be brief.}\n")
    summary = export_data(path, "openai", tmp_path / "out")
    splits = load(DataOptions(train=["data.jsonl"], validation=4, test=6), tmp_path)
    for name, examples in (("train", splits.train), ("validation", splits.validation)):
        found = lines(tmp_path / "out" / f"{name}.jsonl")
        assert [row["messages"][-1]["content"] for row in found] == [e.response for e in examples]
        assert all(row["messages"][0]["content"] == "Be brief." for row in found)
        pairs = lines(tmp_path / "out" / f"preference-{name}.jsonl")
        assert [row["non_preferred_output"][0]["content"] for row in pairs] == [
            e.negatives[0] for e in examples
        ]
    prompts = lines(tmp_path / "out" / "prompts.jsonl")
    assert [(row["row"], row["references"]) for row in prompts] == [
        (e.source.row, [e.response]) for e in splits.test
    ]
    assert prompts[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert summary["counts"] == {"read": 40, "kept": 40, "changed": 0, "truncated": 0, "dropped": 0}
    assert json.loads((tmp_path / "out" / "export.json").read_text()) == summary


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    long = {"prompt": "word " * 70_000, "chosen": "yes", "rejected": "no"}
    path = recipe(tmp_path, [*(asked(n) for n in range(40)), long])
    settings = ["data.test=0", "data.validation=0"]
    counts = export_data(path, "openai", tmp_path / "out", settings)["counts"]
    assert counts == {"read": 41, "kept": 40, "changed": 0, "truncated": 0, "dropped": 1}
    table = pl.read_parquet(tmp_path / "out" / "ledger.parquet")
    dropped = table.filter(pl.col("fate") == "dropped")
    assert (len(table), dropped["row"].to_list()) == (41, [40])
    assert dropped["reasons"].to_list() == [["over_long"]]
    assert "at most 65,536" in dropped["details"][0][0]


def test_a_file_that_breaks_a_limit_is_not_made(tmp_path: Path) -> None:
    path = recipe(tmp_path, [asked(n) for n in range(15)])
    with pytest.raises(UserError, match="takes no fewer than 10"):
        export_data(path, "openai", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    summary = export_data(path, "gemini", tmp_path / "out")
    assert summary["files"]["train.jsonl"]["examples"] == 5
    with pytest.raises(UserError, match="something is there already"):
        export_data(path, "gemini", tmp_path / "out")


def test_pairs_that_a_service_has_no_file_for_are_told(tmp_path: Path) -> None:
    pairs = [{"prompt": f"q{n}", "chosen": "yes", "rejected": "no"} for n in range(12)]
    settings = ["data.test=0", "data.validation=0"]
    path = recipe(tmp_path, pairs)
    assert export_data(path, "openai", tmp_path / "openai", settings)["notes"] == []
    notes = export_data(path, "gemini", tmp_path / "gemini", settings)["notes"]
    assert notes == [
        "gemini takes no preference pairs: the undesired responses of 12 examples are left out"
    ]
