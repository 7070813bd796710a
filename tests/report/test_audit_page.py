"""The audit's page in a real browser: hostile rows run nothing, and what is found can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tutelage.curate.findings import SEVERITIES
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import SourceOptions
from tutelage.pipeline.audit import audit

ATTACK = "window.pwned = 1"
HOSTILE = [
    f"</script><script>{ATTACK}</script>",
    f"<!--<script>{ATTACK}//",
    f"<img src=x onerror='{ATTACK}'>",
    f"[click](javascript:{ATTACK})",
    f'"><svg onload="{ATTACK}">',
    f"{{{{ {ATTACK} }}}} {{% raw %}}",
    "\u202egnihton yas\u202c \u2066x",
    "\x1b[31m red \x08 bell \x07",
    "שלום עולם, \u200f a 1.",
    "wide \U0001f600 \U00020000 then 2 + 2 = 5.",
    "x" * 1_000_000,
]


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    rows = [
        {"instruction": f"{text} {number}?", "input": text, "output": f"{text} 12 + 30 = 45."}
        for number, text in enumerate(HOSTILE)
    ]
    rows += [{"instruction": text, "output": ""} for text in HOSTILE]
    (folder / "a<b>.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    options = AuditOptions(rules_only=True)
    audit([SourceOptions(path="a<b>.jsonl")], folder / "out", options, base=folder)
    return folder / "out" / "audit.html"


def test_no_text_ends_the_data_block(page_of: Path) -> None:
    text = page_of.read_text("utf-8")
    assert text.count("</script>") == 2
    assert text.count("<script") == 2
    assert "<!--" not in text


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_hostile_rows_run_nothing(browser: Any, page_of: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_of.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.focus("#list")
    lines = page.evaluate("document.querySelectorAll('.line').length")
    assert lines > 3
    for _ in range(12):
        page.keyboard.press("ArrowDown")
        assert (
            page.evaluate(
                "document.querySelectorAll('main script, main img, main svg, main iframe').length"
            )
            == 0
        )
    assert said == []
    assert [url for url in asked if url not in (page_of.as_uri(), "data:,")] == []
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.slow
def test_evidence_beyond_what_is_shown_is_told(browser: Any, tmp_path: Path) -> None:
    output = "We know 12 + 30 = 45. " + "And so on it goes. " * 600 + "Also 1 + 1 = 3."
    row = {"instruction": "What do we know of sums, all in all?", "output": output}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row))
    options = AuditOptions(only=["false_arithmetic"])
    audit([SourceOptions(path="a.jsonl")], tmp_path / "out", options, base=tmp_path)
    page = browser.new_page()
    page.goto((tmp_path / "out/audit.html").as_uri())
    page.focus("#list")
    said = []
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        said.append(page.text_content("#row"))
    assert any("outside of what is shown: 1 + 1 = 3" in text for text in said)
    page.close()


@pytest.mark.slow
def test_filters_count_and_evidence_is_marked(browser: Any, page_of: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_of.as_uri())
    page.select_option("#check", "false_arithmetic")
    page.select_option("#severity", str(SEVERITIES.index("error")))
    page.fill("#query", "wide")
    assert page.text_content("#shown").startswith("2 of ")
    page.focus("#list")
    page.keyboard.press("End")
    assert page.text_content("#row mark") in ("2 + 2 = 5", "12 + 30 = 45")
    page.close()
