"""docs/prompt.md says what the renderer does."""

from __future__ import annotations

import re
from pathlib import Path

from made_tokenizer import byte_tokenizer

from tutelage.data.example import Example, Message, Source
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.template import DATE, DEFAULT_TEMPLATE

PAGE = (Path(__file__).parents[2] / "docs" / "prompt.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_default_template_is_the_page_s() -> None:
    assert block("jinja") == DEFAULT_TEMPLATE + "\n"


def test_what_is_trained_is_what_the_page_shows() -> None:
    turns = (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Hello!"),
        Message("user", "And now?"),
        Message("assistant", "Still here."),
    )
    renderer = Renderer(byte_tokenizer(None, eos="</s>"), PromptOptions())
    (rendering,) = renderer.render([Example(turns, Source("rows.jsonl", 0))])
    (sequence,) = rendering.sequences
    runs = re.split(r"[{}]", block("text").removesuffix("\n"))
    expected = [(text, at % 2 == 1) for at, text in enumerate(runs) if text]
    ids, trained = sequence.ids.tolist(), (sequence.weights != 0).tolist()
    for text, supervised in expected:
        piece = renderer.tokenizer.encode(text, add_special_tokens=False)
        assert ids[: len(piece)] == piece
        assert trained[: len(piece)] == [supervised] * len(piece)
        ids, trained = ids[len(piece) :], trained[len(piece) :]
    assert not ids


def test_every_setting_and_the_date_are_explained() -> None:
    assert all(f"prompt.{name}" in PAGE for name in PromptOptions.model_fields)
    assert f"{DATE.day} {DATE:%B %Y}" in PAGE
    policies = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    annotation = PromptOptions.model_fields["over_long"].annotation
    assert annotation is not None and policies == list(annotation.__args__)
