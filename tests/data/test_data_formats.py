"""Formats: real shapes beyond the page's samples, every defect with its field, and hostile rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.data import Example, Message, Reason
from tutelage.data.format import FORMATS, Draft
from tutelage.data.load import load
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.data.rows import BadRow, Row
from tutelage.errors import UserError

PLAIN = SourceOptions(path="rows.jsonl")
U, A = "user", "assistant"


def draft(name: str, values: dict[str, Any], options: SourceOptions = PLAIN) -> Draft:
    return FORMATS.get(name).read(Row(values), options)


def said(name: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in draft(name, values).messages]


def defect(name: str, values: dict[str, Any], options: SourceOptions = PLAIN) -> BadRow:
    with pytest.raises(BadRow) as caught:
        draft(name, values, options)
    return caught.value


def detected(tmp_path: Path, *rows: dict[str, Any], **options: Any) -> list[Example]:
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    source = SourceOptions(path="rows.jsonl", **options)
    return load(DataOptions(train=[source], validation=0, test=0), tmp_path).train


def turn(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


# ------------------------------------------------------------------ text


def test_text_is_kept_as_it_stands() -> None:
    odd = "  \tgünstig \u2028 ﬁ 👩\u200d👩\u200d👧 \r\n "
    row = Row({"instruction": odd, "output": odd, "input": "\n"})
    messages = FORMATS.get("alpaca").read(row, PLAIN).messages
    assert [message.content for message in messages] == [odd, odd]
    assert row.changes == []


def test_numbers_and_null_characters_are_changed_and_noted() -> None:
    row = Row({"question": "2+2?\0", "answer": 4})
    messages = FORMATS.get("question_answer").read(row, PLAIN).messages
    assert [message.content for message in messages] == ["2+2?", "4"]
    assert {reason for reason, _ in row.changes} == {Reason.NULL_REMOVED, Reason.NUMBER_AS_TEXT}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", Reason.EMPTY_FIELD),
        (" \n\t", Reason.EMPTY_FIELD),
        ("\0", Reason.EMPTY_FIELD),
        (None, Reason.MISSING_FIELD),
        (math.nan, Reason.MISSING_FIELD),
        (True, Reason.WRONG_VALUE),
        (["text"], Reason.WRONG_VALUE),
        ({"text": "x"}, Reason.WRONG_VALUE),
    ],
)
def test_a_field_without_text_is_a_defect_with_its_name(value: Any, reason: Reason) -> None:
    for field in ("instruction", "output"):
        bad = defect("alpaca", {"instruction": "Say hi.", "output": "Hi.", field: value})
        assert (bad.reason, bad.field) == (reason, field)
    assert said("alpaca", {"instruction": "a", "output": "b", "input": None})[0] == (U, "a")


# ------------------------------------------------------------------ conversations


def test_several_turns_and_a_system_message() -> None:
    turns = [turn("system", "s"), turn(U, "a"), turn(A, "b"), turn(U, "c"), turn(A, "d")]
    expected = [("system", "s"), (U, "a"), (A, "b"), (U, "c"), (A, "d")]
    assert said("messages", {"messages": turns}) == expected


def test_an_empty_system_message_is_removed_and_noted() -> None:
    row = Row({"messages": [turn("system", ""), turn(U, "a"), turn(A, "b")]})
    assert [m.role for m in FORMATS.get("messages").read(row, PLAIN).messages] == [U, A]
    assert row.changes == [(Reason.EMPTY_SYSTEM_REMOVED, "messages")]


def test_text_parts_are_joined_and_other_parts_refused() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert said("messages", {"messages": [turn(U, parts), turn(A, "c")]})[0] == (U, "ab")
    image = [*parts, {"type": "image_url", "image_url": {"url": "x"}}]
    bad = defect("messages", {"messages": [turn(U, image), turn(A, "c")]})
    assert bad.field == "messages[0].content[2]"


@pytest.mark.parametrize("arguments", [{"city": "Oslo"}, '{"city": "Oslo"}'])
@pytest.mark.parametrize("legacy", [True, False])
def test_tool_calls_in_either_spelling(arguments: Any, legacy: bool) -> None:
    function = {"name": "weather", "arguments": arguments}
    calls = (
        {"function_call": function}
        if legacy
        else {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    )
    answer = (
        turn("function", "rain", name="weather")
        if legacy
        else turn("tool", "rain", tool_call_id="c1")
    )
    described = {"name": "weather", "parameters": {}}
    values = {
        "messages": [turn(U, "Oslo?"), turn(A, None, **calls), answer, turn(A, "Rain.")],
        **(
            {"functions": [described]}
            if legacy
            else {"tools": [{"type": "function", "function": described}]}
        ),
    }
    read = draft("messages", values)
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    assert read.messages[1] == Message("assistant", "", (call,))
    assert read.messages[2] == Message("tool", "rain", name="weather")
    assert read.tools == ({"type": "function", "function": described},)


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "messages"),
        ("Hi", "messages"),
        ([turn(U, "a")], "messages"),
        ([turn(A, "a")], "messages"),
        ([turn("system", "a"), turn(A, "a")], "messages"),
        ([turn("judge", "a"), turn(A, "a")], "messages[0].role"),
        ([turn(U, "a"), {"role": A}], "messages[1].content"),
        ([turn(U, ""), turn(A, "a")], "messages[0].content"),
        ([turn(U, "a"), turn(A, "a", weight=0)], "messages[1].weight"),
        ([turn(U, "a"), "b"], "messages[1]"),
        ([turn(U, "a"), turn(A, "", tool_calls=[{}])], "messages[1].tool_calls[0]"),
        ([turn(U, "a"), turn(A, "", tool_calls=5)], "messages[1].tool_calls"),
        (
            [turn(U, "a"), turn(A, "", tool_calls=[{"name": "f", "arguments": "{"}])],
            "messages[1].tool_calls[0].arguments",
        ),
    ],
)
def test_defects_of_a_conversation_are_placed(messages: Any, field: str) -> None:
    assert defect("messages", {"messages": messages}).field == field


# ------------------------------------------------------------------ preferences


def test_a_preference_pair_in_every_spelling_is_the_same_example() -> None:
    hello, yes, no = "Say hi.", "Hi!", "No."
    spellings: list[dict[str, Any]] = [
        {"prompt": hello, "chosen": yes, "rejected": no},
        {"prompt": hello, "chosen": yes, "rejected": [no]},
        {"question": hello, "chosen": yes, "rejected": no},
        {"instruction": "Say hi.", "input": "", "chosen": yes, "rejected": no},
        {"prompt": [turn(U, hello)], "chosen": [turn(A, yes)], "rejected": [turn(A, no)]},
        {"chosen": [turn(U, hello), turn(A, yes)], "rejected": [turn(U, hello), turn(A, no)]},
        {
            "prompt": hello,
            "chosen": [turn(U, hello), turn(A, yes)],
            "rejected": [turn(U, hello), turn(A, no)],
        },
        {
            "conversations": [{"from": "human", "value": hello}],
            "chosen": {"from": "gpt", "value": yes},
            "rejected": {"from": "gpt", "value": no},
        },
        {
            "chosen": f"\n\nHuman: {hello}\n\nAssistant: {yes}",
            "rejected": f"\n\nHuman: {hello}\n\nAssistant: {no}",
        },
        {"prompt": f"\n\nHuman: {hello}\n\nAssistant:", "chosen": yes, "rejected": no},
    ]
    for values in spellings:
        read = draft("preference", values)
        assert read.messages == (Message("user", hello), Message("assistant", yes)), values
        assert read.negatives == (no,), values


def test_a_system_message_goes_before_a_pair_however_it_is_written() -> None:
    spellings: list[dict[str, Any]] = [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {"chosen": [turn(U, "a"), turn(A, "b")], "rejected": [turn(U, "a"), turn(A, "c")]},
    ]
    for values in spellings:
        read = draft("preference", {"system": "s", **values})
        assert [message.content for message in read.messages] == ["s", "a", "b"]
        assert read.negatives == ("c",)


def test_pairs_that_cannot_be_compared_are_defects() -> None:
    assert defect("preference", {"prompt": "a", "chosen": "b", "rejected": "b"}).field == "rejected"
    parted = {
        "chosen": "\n\nHuman: a\n\nAssistant: b",
        "rejected": "\n\nHuman: other\n\nAssistant: b",
    }
    assert "another conversation" in defect("preference", parted).detail
    assert defect("preference", {"prompt": "a", "chosen": "b", "rejected": ""}).field == "rejected"
    ends_early = {
        "chosen": "\n\nHuman: a\n\nAssistant: b",
        "rejected": "\n\nHuman: a\n\nAssistant:",
    }
    assert defect("preference", ends_early).reason == Reason.EMPTY_FIELD


@pytest.mark.parametrize(
    ("label", "thumb"), [(True, True), (1, True), ("True", True), (False, False), ("0", False)]
)
def test_thumbs_as_they_are_written(label: Any, thumb: bool) -> None:
    read = draft("thumbs", {"prompt": "a", "completion": "b", "label": label})
    assert read.negatives == (() if thumb else ("b",))
    assert read.messages[-1].role == ("assistant" if thumb else "user")


def test_a_label_that_is_no_thumb_says_how_to_go_on() -> None:
    bad = defect("thumbs", {"messages": [turn(U, "a"), turn(A, "b")], "label": "sports"})
    assert bad.field == "label"
    assert "format: messages" in bad.detail


# ------------------------------------------------------------------ the others


def test_answers_in_every_spelling() -> None:
    for answers in (["x", "y", "x"], {"text": ["x", "y"]}, [{"text": "x"}, {"text": "y"}]):
        read = draft("question_answer", {"question": "q", "answers": answers})
        assert (read.references, read.messages[-1].content) == (("x", "y"), "x")
    assert defect("question_answer", {"question": "q", "answers": []}).field == "answers"
    unanswerable = {"question": "q", "answers": {"text": [], "answer_start": []}}
    assert defect("question_answer", unanswerable).field == "answers"
    choices = {"question": "q", "choices": ["a", "b"], "answer": 1}
    assert defect("question_answer", choices).field == "choices"


def test_end_of_text_is_removed_only_at_the_end() -> None:
    marker = "<|endoftext|>"
    read = said("prompt_completion", {"prompt": f"a{marker}", "completion": f"{marker}b{marker}"})
    assert read == [(U, f"a{marker}"), (A, f"{marker}b")]
    empty = defect("prompt_completion", {"prompt": "a", "completion": marker})
    assert empty.reason == Reason.EMPTY_FIELD


@pytest.mark.parametrize(
    ("tags", "iob2"),
    [
        ("I-a I-a O I-a", "B-a I-a O B-a"),
        ("I-a I-b", "B-a B-b"),
        ("B-a I-a B-a", "B-a I-a B-a"),
        ("O O", "O O"),
    ],
)
def test_tags_become_iob2(tags: str, iob2: str) -> None:
    row = Row({"tokens": ["t"] * len(tags.split()), "tags": tags.split()})
    assert FORMATS.get("conll").read(row, PLAIN).messages[-1].content == iob2
    assert bool(row.changes) == (tags != iob2)


def test_defects_of_a_sentence() -> None:
    assert defect("conll", {"tokens": ["a", "b"], "tags": ["O"]}).field == "tags"
    assert defect("conll", {"tokens": ["a b"], "tags": ["O"]}).field == "tokens"
    assert defect("conll", {"tokens": ["a"], "tags": ["NN"]}).field == "tags[0]"
    assert "not their numbers" in defect("conll", {"tokens": ["a"], "ner_tags": [3]}).detail


def test_columns_take_what_is_mapped_and_nothing_else(tmp_path: Path) -> None:
    row = {"text": "fine", "category": "joy", "note": "n", "alt": ["glad", "joy"]}
    examples = detected(
        tmp_path,
        row,
        columns={"input": "text", "response": "category", "references": ["category", "alt"]},
        instruction="Which feeling?",
    )
    assert examples[0].messages == (
        Message("user", "Which feeling?\n\nfine"),
        Message("assistant", "joy"),
    )
    assert examples[0].references == ("joy", "glad")
    assert examples[0].task == "rows"
    assert examples[0].meta == {"note": "n"}


def test_references_alone_give_the_response(tmp_path: Path) -> None:
    columns: dict[str, str | list[str]] = {"instruction": "q", "references": ["a", "b"]}
    (example,) = detected(tmp_path, {"q": "?", "a": "x", "b": "y"}, columns=columns)
    assert (example.response, example.accepted) == ("x", ("x", "y"))


def test_a_mapping_to_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    columns = {"instruction": "qestion", "response": "reply"}
    with pytest.raises(UserError, match=r"unknown column 'qestion'(.|\n)*did you mean question"):
        detected(tmp_path, {"question": "a", "reply": "b"}, columns=columns)


# ------------------------------------------------------------------ detection


def test_instruction_and_response_are_recognised_where_nothing_else_is_meant(
    tmp_path: Path,
) -> None:
    (plain,) = detected(tmp_path, {"instruction": "Say hi.", "response": "Hi."})
    assert plain.messages == (Message("user", "Say hi."), Message("assistant", "Hi."))
    (dolly,) = detected(tmp_path, {"instruction": "Who?", "context": "I am.", "response": "You."})
    assert dolly.messages[0] == Message("user", "Who?\n\nI am.") and dolly.meta == {}
    # Beside an output the context is no input: as before, it is kept as it is.
    (other,) = detected(tmp_path, {"instruction": "Who?", "context": "c", "output": "You."})
    assert other.messages[0] == Message("user", "Who?") and other.meta == {"context": "c"}
    with pytest.raises(UserError, match="could be alpaca or prompt_completion"):
        detected(tmp_path, {"instruction": "a", "prompt": "b", "response": "c"})


def test_unknown_rows_list_keys_and_formats(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        detected(tmp_path, {"dialogue": "a", "summary": "b"})
    message = str(caught.value)
    assert "dialogue, summary" in message
    assert "alpaca: instruction + output" in message
    assert "columns" in message


def test_hostile_keys_are_shown_harmlessly(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        detected(tmp_path, {"\x1b[2Jgone": 1, "k" * 9999: 2})
    assert "'\\x1b[2Jgone'" in str(caught.value)
    assert "k" * 61 not in str(caught.value)


def test_ambiguous_rows_are_an_error_and_a_name_decides(tmp_path: Path) -> None:
    row = {"question": "a", "answer": "b", "prompt": "c", "completion": "d"}
    with pytest.raises(UserError, match="could be prompt_completion or question_answer"):
        detected(tmp_path, row)
    (example,) = detected(tmp_path, row, format="question_answer")
    assert example.response == "b"
    assert example.meta == {"prompt": "c", "completion": "d"}


def test_defective_first_rows_do_not_hide_the_format(tmp_path: Path) -> None:
    rows = [{"instruction": "a"}, {"nothing": 1}, *[{"instruction": "a", "output": "b"}] * 3]
    assert len(detected(tmp_path, *rows)) == 3


def test_a_named_format_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    row = {"messages": [turn(U, "a"), turn(A, "b")]}
    with pytest.raises(UserError, match=r"not of the format 'alpaca'(.|\n)*instruction \+ output"):
        detected(tmp_path, row, format="alpaca")
    with pytest.raises(UserError, match=r"unknown format 'alpacca'(.|\n)*did you mean alpaca"):
        detected(tmp_path, row, format="alpacca")


# ------------------------------------------------------------------ hostile rows

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from(
        ["", "a", "{", '{"name": "f", "arguments": 3}', "\n\nHuman: a", "\0", "user"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "from", "value", "name", "text", "input", "output"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
GOOD: dict[str, list[dict[str, Any]]] = {
    "alpaca": [{"instruction": "a", "output": "b", "input": "c", "history": [["d", "e"]]}],
    "messages": [
        {
            "messages": [
                turn("system", "s"),
                turn(U, [{"type": "text", "text": "a"}]),
                turn(A, None, tool_calls=[{"id": "1", "function": {"name": "f", "arguments": {}}}]),
                turn("tool", "t", tool_call_id="1"),
                turn(A, "b"),
            ],
            "tools": [{"function": {"name": "f"}}],
        }
    ],
    "sharegpt": [
        {
            "conversations": [
                {"from": "human", "value": "a"},
                {"from": "function_call", "value": '{"name": "f", "arguments": "{}"}'},
                {"from": "observation", "value": "t"},
                {"from": "gpt", "value": "b"},
            ],
            "tools": '[{"name": "f"}]',
            "system": "s",
        }
    ],
    "prompt_completion": [{"prompt": "a", "completion": [turn(A, "b<|endoftext|>")]}],
    "question_answer": [
        {"question": "a", "context": "c", "answers": {"text": ["b", "d"]}},
        {"paragraphs": [{"context": "c", "qas": [{"question": "a", "answers": [{"text": "b"}]}]}]},
    ],
    "preference": [
        {"prompt": [turn(U, "a")], "chosen": [turn(A, "b")], "rejected": [turn(A, "c")]},
        {"instruction": "a", "chosen": "b", "rejected": ["c", "d"]},
        {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
    ],
    "openai_preference": [
        {
            "input": {"messages": [turn(U, "a")], "tools": [{"function": {"name": "f"}}]},
            "preferred_output": [turn(A, "b")],
            "non_preferred_output": [turn(A, "c")],
        }
    ],
    "gemini": [
        {
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "a"}]},
                {"role": "model", "parts": [{"text": "b"}]},
            ],
        }
    ],
    "thumbs": [{"messages": [turn(U, "a"), turn(A, "b")], "label": False}],
    "natural_instructions": [
        {"Definition": ["a"], "Examples": {}, "Instances": [{"input": "b", "output": ["c"]}]}
    ],
    "self_instruct": [{"instruction": "a", "instances": [{"input": "b", "output": "c"}]}],
    "conll": [{"tokens": ["a", "b"], "tags": ["I-x", "O"], "types": ["x"]}],
    "columns": [{"question": "a", "input": "b", "answer": "c", "answers": ["d"], "bad": "e"}],
}
MAPPED = SourceOptions(
    path="rows",
    columns={
        "instruction": "question",
        "input": "input",
        "references": ["answers", "answer"],
        "negative": "bad",
    },
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside a row."""
    if not isinstance(value, dict | list):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    here = [path] if path else []
    return here + [place for key, item in inner for place in places(item, (*path, key))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def test_every_format_is_attacked() -> None:
    assert sorted(GOOD) == FORMATS.names()


@pytest.mark.parametrize("name", sorted(GOOD))
@given(draws=st.data())
@settings(max_examples=200, deadline=None)
def test_a_row_with_anything_anywhere_gives_an_example_or_a_defect(
    name: str, draws: st.DataObject
) -> None:
    values = draws.draw(st.sampled_from(GOOD[name]))
    for _ in range(draws.draw(st.integers(0, 2))):
        spots = [spot for spot in places(values) if spot]
        values = replaced(values, draws.draw(st.sampled_from(spots)), draws.draw(VALUES))
    form = FORMATS.get(name)
    try:
        for part in form.unfold(values):
            read = form.read(Row(part), MAPPED if name == "columns" else PLAIN)
            for message in read.messages:
                assert message.content.strip() or message.tool_calls
            assert read.messages[-1].role == "assistant" or read.negatives
            assert all(text.strip() for text in (*read.negatives, *read.references))
    except BadRow as bad:
        assert bad.detail.startswith(bad.field)
