"""Prepared data: what comes back is what was made, and nothing stale, torn or planted ever does."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, normalizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

import tiny_project
from tutelage.data.options import DataOptions
from tutelage.errors import UserError
from tutelage.model.options import ModelOptions
from tutelage.pipeline import prepare as job
from tutelage.pipeline import prepared, prepared_key
from tutelage.pipeline.prepare import Prepared
from tutelage.prompt.negatives import Negatives
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer
from tutelage.recipe import Recipe

FOUND = "as it was prepared before"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "prepared"


@dataclass
class Inputs:
    """All that decides prepared data, to be changed piece by piece."""

    folder: Path
    base: Path
    data: dict[str, Any] = field(default_factory=lambda: {"validation": 6, "test": 12})
    prompt: dict[str, Any] = field(default_factory=lambda: {"max_tokens": 128})
    negatives: Negatives = Negatives.IGNORED
    adapt: Callable[[PreTrainedTokenizerBase], object] = bool

    def recipe(self) -> Recipe:
        options = DataOptions(**{"train": str(self.folder / "data.jsonl"), **self.data})
        prompt = PromptOptions(**self.prompt)
        return Recipe(model=ModelOptions(base=str(self.base)), data=options, prompt=prompt)

    def renderer(self) -> Renderer:
        tokenizer = AutoTokenizer.from_pretrained(self.base)
        self.adapt(tokenizer)
        return Renderer(tokenizer, PromptOptions(**self.prompt), self.negatives)

    def uncached(self) -> Prepared:
        """The same, on its own feet: nothing of it is mapped from a file."""
        return replace(self, data={**self.data, "cache": False}).prepare()

    def prepare(self) -> Prepared:
        recipe = self.recipe()
        return job.prepare(recipe, job.read(recipe), self.renderer())


@pytest.fixture
def inputs(tmp_path: Path, tiny_base: Path) -> Inputs:
    """60 rows of which one is broken, one has tools and one a pair of responses."""
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"n": [1, 2.5]}}}]
    calls = [{"function": {"name": "find", "arguments": '{"what": "a ü"}'}}]
    rows: list[Any] = [
        *tiny_project.rows(),
        {"instruction": "Add.", "output": None},
        {
            "messages": [
                {"role": "user", "content": "Look."},
                {"role": "assistant", "content": "", "tool_calls": calls},
                {"role": "tool", "content": "3"},
                {"role": "assistant", "content": "Three."},
            ],
            "tools": tools,
        },
    ]
    tiny_project.write_rows(tmp_path / "data.jsonl", rows[:-1])
    tiny_project.write_rows(tmp_path / "calls.jsonl", rows[-1:] * 3)
    pairs = [{"prompt": f"Say {n}.", "chosen": "Yes", "rejected": "No way"} for n in range(4)]
    tiny_project.write_rows(tmp_path / "pairs.jsonl", pairs)
    train = [str(tmp_path / name) for name in ("data.jsonl", "calls.jsonl", "pairs.jsonl")]
    given = Inputs(tmp_path, tiny_base)
    given.data |= {"train": train, "max_lost": 0.3}
    return given


def same(first: Prepared, second: Prepared) -> bool:
    """Whether two are alike in everything, to the last bit and mark."""
    for one, other in ((first.train, second.train), (first.validation, second.validation)):
        for a, b in zip(one, other, strict=True):
            if (a.source, a.task, len(a.negatives)) != (b.source, b.task, len(b.negatives)):
                return False
            for c, d in zip(a.all_sequences, b.all_sequences, strict=True):
                alike = np.array_equal(c.ids, d.ids) and np.array_equal(c.weights, d.weights)
                if not alike or c.stop_trained != d.stop_trained:
                    return False
                assert (c.ids.dtype, c.weights.dtype) == (np.int32, np.float32)
    return (
        first.items == second.items
        and first.ledger.table().equals(second.ledger.table())
        and first.counts() == second.counts()
        and first.tasks() == second.tasks()
        and first.fingerprint == second.fingerprint
    )


def entries(cache: Path) -> list[Path]:
    return sorted(path.parent for path in cache.glob("*/*/manifest.json"))


@pytest.mark.parametrize("negatives", Negatives)
def test_what_comes_back_is_what_was_made(
    inputs: Inputs, negatives: Negatives, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs.negatives = negatives
    plain = inputs.uncached()
    made = inputs.prepare()
    assert FOUND not in capsys.readouterr().err
    found = inputs.prepare()
    said = capsys.readouterr().err
    assert FOUND in said
    assert "reading the data" not in said
    assert same(plain, made)
    assert same(made, found)
    counts = found.counts()
    assert counts.pop("read") == sum(counts.values())
    assert counts["dropped"] >= 1
    assert any(example.negatives for example in found.train) == (negatives != Negatives.IGNORED)


def test_arrays_are_of_the_file_and_not_to_be_written(inputs: Inputs) -> None:
    inputs.prepare()
    train = inputs.prepare().train
    for column in (train.ids, train.weights):
        assert not column.flags.owndata
        assert not column.flags.writeable
    assert [one.source for one in train[2:9:3]] == [train[at].source for at in (2, 5, 8)]
    assert train[-1].source == train[len(train) - 1].source
    with pytest.raises(IndexError):
        train[len(train)]


def test_limits_and_the_mixture_are_no_part_of_what_is_kept(inputs: Inputs, cache: Path) -> None:
    made = inputs.prepare()
    recipe = inputs.recipe()
    evaluate = recipe.evaluate.model_copy(update={"max_items": 2})
    fewer = recipe.model_copy(update={"evaluate": evaluate})
    some = job.prepare(fewer, job.read(fewer), inputs.renderer())
    assert 0 < len(some.items) < len(made.items)
    inputs.data["mixture"] = {"strategy": "equal"}
    mixed = inputs.prepare().mixture
    assert mixed is not None and len(set(mixed.rates.tolist())) == 1
    assert len(entries(cache)) == 1
    inputs.data["max_lost"] = 0.001
    with pytest.raises(UserError, match="rows are lost"):
        inputs.prepare()
    assert len(entries(cache)) == 1


def flip(path: Path) -> None:
    """Change one byte of the last row's text."""
    content = bytearray(path.read_bytes())
    content[content.rindex(b"way")] ^= 1
    path.write_bytes(content)


def add_token(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.add_tokens([AddedToken("two numbers")])


def lower(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()


def no_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.eos_token = "<|endoftext|>"


def template(given: Inputs) -> None:
    text = tiny_project.CHATML.replace("message.role }}\n", "message.role }}:\n")
    (given.folder / "other.jinja").write_text(text)
    given.prompt["template"] = str(given.folder / "other.jinja")


def renamed(given: Inputs) -> None:
    path = given.folder / "pairs.jsonl"
    given.data["train"] = [*given.data["train"][:-1], str(path.rename(given.folder / "p.jsonl"))]


CHANGES: dict[str, Callable[[Inputs], object]] = {
    "a byte of the data": lambda given: flip(given.folder / "pairs.jsonl"),
    "a file's name": renamed,
    "a source's limit": lambda given: given.data.update(
        train=[{"path": path, "limit": 20} for path in given.data["train"]]
    ),
    "a subset": lambda given: given.data.update(subset={"examples": 20}),
    "the seed": lambda given: given.data.update(seed=1),
    "the test items": lambda given: given.data.update(test=13),
    "the validation": lambda given: given.data.update(validation=0.2),
    "a task held out": lambda given: given.data.update(holdout={"tasks": ["add"]}),
    "the length": lambda given: given.prompt.update(max_tokens=40),
    "the length's policy": lambda given: given.prompt.update(over_long="truncate_prompt"),
    "the system prompt": lambda given: given.prompt.update(system="Be kind."),
    "what is learned": lambda given: given.prompt.update(loss_on="last"),
    "the template": template,
    "the vocabulary": lambda given: setattr(given, "adapt", add_token),
    "the normaliser": lambda given: setattr(given, "adapt", lower),
    "the end of sequence": lambda given: setattr(given, "adapt", no_eos),
    "the objective": lambda given: setattr(given, "negatives", Negatives.UNDESIRED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_it_is_in_the_key(
    inputs: Inputs, change: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs.prepare()
    CHANGES[change](inputs)
    capsys.readouterr()
    changed = inputs.prepare()
    assert FOUND not in capsys.readouterr().err
    assert len(entries(cache)) == 2
    assert same(changed, inputs.prepare())
    assert same(changed, inputs.uncached())


@pytest.mark.parametrize("room", ["data/formats/alpaca.py", "prompt/turn.py", "pipeline/items.py"])
def test_a_byte_of_the_code_is_in_the_key(room: str, tmp_path: Path) -> None:
    house = tmp_path / "house"
    for place in ("data/formats", "prompt", "pipeline", "train"):
        (house / place).mkdir(parents=True)
    for name in (room, "prompt/template.py", "data/load.py", "train/example.py"):
        (house / name).write_text("x = 1\n")
    (house / "cli").mkdir()
    before = prepared_key.source_digest(house)
    (house / "cli/app.py").write_text("no matter")
    (house / "prompt/template.pyc").write_bytes(b"no matter")
    assert prepared_key.source_digest(house) == before
    (house / room).write_text("x = 2\n")
    changed = prepared_key.source_digest(house)
    assert changed != before
    (house / room).rename((house / room).with_name("another.py"))
    assert prepared_key.source_digest(house) not in (before, changed)


def test_code_and_libraries_are_in_the_key(
    inputs: Inputs, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs.prepare()
    for name in prepared_key.LIBRARIES:
        with monkeypatch.context() as patch:
            known = prepared_key.version
            patch.setattr(
                prepared_key,
                "version",
                lambda asked, n=name, k=known: k(asked) + ".1" * (asked == n),
            )
            prepared_key.code_digest.cache_clear()
            key = prepared_key.data_key(inputs.recipe())
        prepared_key.code_digest.cache_clear()
        assert key is not None
        assert not prepared.holds(key)
    assert prepared.holds(prepared_key.data_key(inputs.recipe()) or "")
    monkeypatch.setattr(prepared_key, "code_digest", lambda: "other")
    inputs.prepare()
    assert len(entries(cache)) == 2


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_another_kind(path: Path) -> None:
    path.write_bytes(b'["a list"]')


@pytest.mark.parametrize("harm", [torn, altered, empty, of_another_kind, Path.unlink])
def test_what_is_broken_is_made_again(
    inputs: Inputs, cache: Path, harm: Callable[[Path], None]
) -> None:
    made = inputs.uncached()
    inputs.prepare()
    (entry,) = entries(cache)
    for name in sorted(path.name for path in entry.iterdir()):
        harm(entry / name)
        assert same(inputs.prepare(), made), name
        assert entries(cache) == [entry]
        assert same(inputs.prepare(), made), name


class Planted:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_what_is_planted_is_not_run(inputs: Inputs, cache: Path, tmp_path: Path) -> None:
    made = inputs.uncached()
    inputs.prepare()
    (entry,) = entries(cache)
    assert {path.suffix for path in entry.iterdir()} == {".arrow", ".parquet", ".json"}
    content = pickle.dumps(Planted(tmp_path / "owned"))
    for name in ("train.arrow", "items.arrow", "ledger.parquet"):
        (entry / name).write_bytes(content)
        digests = json.loads((entry / "manifest.json").read_text())
        digests[name] = sha256(content).hexdigest()
        (entry / "manifest.json").write_text(json.dumps(digests))
        assert same(inputs.prepare(), made)
    assert not (tmp_path / "owned").exists()


def test_many_at_once_make_one(inputs: Inputs, cache: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [job.result() for job in [threads.submit(inputs.prepare) for _ in range(4)]]
    assert all(same(made[0], other) for other in made[1:])
    assert len(entries(cache)) == 1
    assert not list(cache.glob("*/.*"))


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    inputs: Inputs, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = job.load_rows

    def interrupted(*arguments: Any) -> Any:
        splits = read(*arguments)
        flip(inputs.folder / "pairs.jsonl")
        return splits

    monkeypatch.setattr(job, "load_rows", interrupted)
    inputs.prepare()
    assert entries(cache) == []


def test_nothing_is_kept_that_need_not_come_back(
    inputs: Inputs, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs.data["cache"] = False
    inputs.prepare()
    assert not cache.exists()
    inputs.data["cache"] = True
    rows = [{"instruction": f"Say {n}", "output": "x", "more": [float("nan")]} for n in range(9)]
    inputs.data |= {"train": str(tiny_project.write_rows(inputs.folder / "nan.jsonl", rows))}
    inputs.data |= {"validation": 2, "test": 2}
    for _ in range(2):
        inputs.prepare()
    assert entries(cache) == []
    assert FOUND not in capsys.readouterr().err


def test_no_validation_and_no_test(inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    inputs.data |= {"validation": 0, "test": 0}
    made = inputs.prepare()
    assert same(made, inputs.prepare())
    assert FOUND in capsys.readouterr().err
    assert len(made.validation) == len(made.items) == 0


def test_a_cache_that_cannot_be_written_is_done_without(
    inputs: Inputs, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTELAGE_CACHE", "/dev/null")
    assert same(inputs.prepare(), inputs.prepare())


def test_what_is_not_used_goes(
    inputs: Inputs, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        inputs.data["seed"] = seed
        inputs.prepare()
    by_age = {"old": 40, "older": 20, "used": 0}
    first, second, third = (
        cache / key / entry.name
        for seed in range(3)
        for key in [prepared_key.data_key(_with_seed(inputs, seed)) or ""]
        for entry in (cache / key).iterdir()
    )
    now = time.time()
    for entry, days in zip((first, second, third), by_age.values(), strict=True):
        os.utime(entry / "manifest.json", (now, now - days * 86_400))
    left = cache / "0" / ".killed"
    left.mkdir(parents=True)
    os.utime(left, (now, now - 2 * 86_400))
    prepared.prune(cache)
    assert set(entries(cache)) == {second, third}
    assert not left.exists()
    assert not first.parent.exists()
    monkeypatch.setattr(prepared, "LIMIT_BYTES", 1)
    prepared.prune(cache)
    assert entries(cache) == [third]  # what was used last stays, however large


def _with_seed(inputs: Inputs, seed: int) -> Recipe:
    inputs.data["seed"] = seed
    return inputs.recipe()
