"""Every sample of docs/data-formats.md is read by its format and becomes what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
from ruamel.yaml import YAML

from tutelage.data import Example, Reason
from tutelage.data.format import FORMATS
from tutelage.data.load import load
from tutelage.data.options import DataOptions, SourceOptions

PAGE = (Path(__file__).parents[2] / "docs" / "data-formats.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))


def block(section: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def written(example: Example) -> str:
    """An example in the page's notation."""
    lines = []
    for message in example.messages:
        calls = [
            f"{call['function']['name']}({orjson.dumps(call['function']['arguments']).decode()})"
            for call in message.tool_calls
        ]
        speaker = f"{message.role} {message.name}" if message.name else message.role
        lines.append(f"{speaker}: {message.content or ' '.join(calls)}")
    lines += [f"negative: {text}" for text in example.negatives]
    lines += [f"reference: {text}" for text in example.references]
    if example.tools:
        lines.append("tools: " + ", ".join(tool["function"]["name"] for tool in example.tools))
    return "\n".join(line.replace("\n", "\\n") for line in lines)


def test_every_format_has_a_section() -> None:
    assert sorted(SECTIONS) == FORMATS.names()


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_samples_become_what_the_page_says(name: str, tmp_path: Path) -> None:
    section = SECTIONS[name]
    file = tmp_path / "sample.jsonl"
    file.write_text(block(section, "json"), encoding="utf-8")
    settings = YAML(typ="safe").load(block(section, "yaml")) or {}
    source = SourceOptions(path="sample.jsonl", **settings)
    splits = load(DataOptions(train=[source], validation=0, test=0), tmp_path)
    assert splits.ledger.lost() == 0
    expected = block(section, "text").strip()
    tasks = [f"task: {e.task}" if e.task != "sample" else "" for e in splits.train]
    found = [f"{written(e)}\n{task}".strip() for e, task in zip(splits.train, tasks, strict=True)]
    assert "\n\n".join(found) == expected


def test_the_table_of_reasons_is_complete() -> None:
    for reason in Reason:
        assert f"| `{reason.code}` | {reason.meaning} |{' yes' if reason.lost else ''} |" in PAGE
