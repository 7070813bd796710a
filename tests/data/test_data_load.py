"""From sources to splits: limits, tasks, meta, and the public data that people really have."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.data import Ledger, Source, Splits, load
from tutelage.data.options import DataOptions
from tutelage.errors import UserError

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[3] / "shared" / "data"))
public = pytest.mark.skipif(not DATA.is_dir(), reason=f"no public data in {DATA} (TUTELAGE_DATA)")


def write(path: Path, rows: list[Any]) -> None:
    path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))


def loaded(folder: Path, train: Any, **settings: Any) -> Splits:
    return load(DataOptions(train=train, **{"validation": 0, "test": 0, **settings}), folder)


def pairs(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"instruction": f"ask {i}", "output": f"say {i}", **more} for i in range(count)]


def test_a_limit_draws_rows_by_seed_and_marks_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", pairs(200))
    write(tmp_path / "b.jsonl", pairs(100))
    drawn = {}
    for seed in (0, 0, 1):
        splits = loaded(tmp_path, {"path": "*.jsonl", "limit": 60}, seed=seed)
        rows = [example.source for example in splits.train]
        assert len(rows) == 60
        assert rows == sorted(rows)
        assert splits.ledger.reasons() == {"not_sampled": 240}
        assert splits.ledger.lost_share() == 0
        assert drawn.setdefault(seed, rows) == rows
    assert drawn[0] != drawn[1]
    assert {file for file, _ in drawn[0]} == {"a.jsonl", "b.jsonl"}
    assert len(loaded(tmp_path, {"path": "b.jsonl", "limit": 1000}).train) == 100


def test_a_smaller_limit_draws_a_part_of_the_larger(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", pairs(100))
    few, many = (loaded(tmp_path, {"path": "a.jsonl", "limit": n}).train for n in (10, 50))
    assert {e.source for e in few} < {e.source for e in many}


def test_a_limit_draws_its_part_of_the_defects(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{**row, "output": ""} for row in pairs(50)] + pairs(50))
    splits = loaded(tmp_path, {"path": "a.jsonl", "format": "alpaca", "limit": 40})
    counts = splits.ledger.reasons()
    assert counts["not_sampled"] == 60
    assert len(splits.train) + counts["empty_field"] == 40
    assert 5 < counts["empty_field"] < 35


def test_the_task_is_the_sources_else_the_rows_else_the_files(tmp_path: Path) -> None:
    rows = [*pairs(1, category="joy"), *pairs(1, task="t", category="x"), *pairs(1, task=3)]
    write(tmp_path / "file.jsonl", rows)
    examples = loaded(tmp_path, "file.jsonl").train
    assert [e.task for e in examples] == ["joy", "t", "file"]
    assert [e.meta for e in examples] == [{}, {"category": "x"}, {"task": 3}]
    named = loaded(tmp_path, {"path": "file.jsonl", "task": "mine"})
    assert {e.task for e in named.train} == {"mine"}
    assert set(named.ledger.table()["task"]) == {"mine"}


def test_validation_and_test_may_have_sources_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", pairs(10))
    write(tmp_path / "dev.jsonl", [{"question": "q", "answer": "a"}])
    write(tmp_path / "test.jsonl", [{"prompt": "ASK 3", "completion": "b"}])
    splits = loaded(tmp_path, "train.jsonl", validation="dev.jsonl", test="test.jsonl")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (9, 1, 1)
    assert splits.ledger.table()["split"].to_list() == ["train"] * 10 + ["validation", "test"]
    assert splits.ledger.reasons() == {"duplicate_of_test": 1}


def test_if_all_is_lost_the_rows_are_shown(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", pairs(3, output=""))
    with pytest.raises(
        UserError, match=r"3 of 3 rows are lost(.|\n)*a\.jsonl row 0: output: found"
    ):
        loaded(tmp_path, "a.jsonl")


LINES = st.sampled_from(
    [
        orjson.dumps(pairs(1)[0]),
        b'{"instruction": "a", "output": ""}',
        b'{"instruction": "a"}',
        b'{"instruction": "a\\u0000", "output": 1}',
        b'{"instruction": "b", "output": "c"}',
        b"nonsense",
        b"[]",
        b"",
    ]
)


@given(lines=st.lists(LINES, max_size=30), limit=st.none() | st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_rows_read_are_kept_changed_or_dropped_and_no_more(
    lines: list[bytes], limit: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    (folder / "a.jsonl").write_bytes(b"\n".join([orjson.dumps(pairs(1)[0]), *lines]))
    try:
        splits = loaded(folder, {"path": "a.jsonl", "limit": limit}, validation=0.2, test=0.2)
    except UserError as error:
        assert "nothing is left" in str(error) or "are lost" in str(error)
        return
    counts = splits.ledger.counts()
    assert len(splits.ledger) == 1 + sum(bool(line) for line in lines)
    assert sum(counts.values()) == len(splits.ledger)
    used = len(splits.train) + len(splits.validation) + len(splits.test)
    assert used == counts["kept"] + counts["changed"]


def test_a_million_rows_fit_the_ledger() -> None:
    rows = 100_000
    tracemalloc.start()
    ledger = Ledger()
    for row in range(rows):
        ledger.register(Source("a.jsonl", row), "task", "train")
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size / rows < 40


# ------------------------------------------------------------------ public data

PUBLIC: list[tuple[str, dict[str, Any], int, int]] = [
    ("alpaca_12k.json", {}, 11_993, 7),
    ("dolly_3k.json", {}, 2_996, 0),
    ("code_alpaca_2k.json", {}, 2_015, 2),
    ("gsm8k", {}, 8_792, 0),
    ("natural_instructions", {}, 7_816, 1),
    ("super_natural_instructions", {}, 2_974, 1),
    ("self_instruct", {}, 427, 0),
    ("t0", {}, 4_160, 160),
    ("hh_rlhf", {}, 2_303, 9),
    ("formats/alpaca_en_demo.json", {}, 999, 0),
    ("formats/dpo_en_demo.json", {}, 300, 0),
    ("formats/kto_en_demo.json", {}, 300, 0),
    ("formats/glaive_toolcall_en_demo.json", {}, 300, 0),
    ("wnut17", {}, 4_403, 0),
    ("xquad", {}, 1_190, 0),
    (
        "dialogsum/dialogsum.test.jsonl",
        {
            "columns": {"input": "dialogue", "references": ["summary1", "summary2", "summary3"]},
            "instruction": "Summarise the dialogue.",
        },
        500,
        0,
    ),
    (
        "banking77/train.csv",
        {"columns": {"input": "text", "response": "category"}, "instruction": "Name the intent."},
        10_003,
        0,
    ),
    ("spider/dev.json", {"columns": {"instruction": "question", "response": "query"}}, 1_034, 0),
]


@public
@pytest.mark.parametrize(("path", "options", "kept", "lost"), PUBLIC, ids=[p[0] for p in PUBLIC])
def test_public_data_is_read_whole(path: str, options: Any, kept: int, lost: int) -> None:
    splits = loaded(DATA, {"path": path, **options}, validation=0.05, test=0.1)
    used = [*splits.train, *splits.validation, *splits.test]
    assert (len(used), splits.ledger.lost()) == (kept, lost)
    assert len(splits.ledger) == kept + lost
    assert all(example.accepted or example.negatives for example in used)


@public
def test_public_data_becomes_what_its_formats_say() -> None:
    by_source = {
        example.source: example
        for path in ("formats", "hh_rlhf", "wnut17", "dialogsum/dialogsum.dev.jsonl")
        for example in loaded(
            DATA,
            {
                "path": path,
                **(
                    {"columns": {"instruction": "dialogue", "response": "summary"}}
                    if "dialogsum" in path
                    else {}
                ),
            },
        ).train
    }
    dpo = by_source[Source("formats/dpo_en_demo.json", 0)]
    assert dpo.response
    assert len(dpo.negatives) == 1
    tool = by_source[Source("formats/glaive_toolcall_en_demo.json", 0)]
    assert tool.tools[0]["function"]["name"] == "search_recipes"
    (call,) = tool.messages[3].tool_calls
    assert call["function"]["arguments"]["ingredients"] == ["chicken", "bell peppers", "rice"]
    kto = [e for source, e in by_source.items() if "kto" in source.file]
    assert sum(e.response is None for e in kto) == 150
    hh = by_source[Source("hh_rlhf/harmless_test.jsonl.gz", 0)]
    assert [message.role for message in hh.messages] == ["user", "assistant"] * 3
    ner = by_source[Source("wnut17/wnut17train.conll", 0)]
    prompt = ner.messages[0].content.split("\n\n")
    assert ner.response is not None
    assert len(prompt[1].split()) == len(ner.response.split()) == 27
    assert prompt[0].endswith("creative-work, group, location, person, product.")


@public
def test_alpaca_loads_and_splits_in_well_under_a_second() -> None:
    """On the idle machine 0.3 s; the bound leaves room for a busy one."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        loaded(DATA, "alpaca_12k.json", validation=0.05, test=0.1)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 2
