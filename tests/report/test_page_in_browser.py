"""The report in a real browser: it runs nothing, asks for nothing and fits its window."""

import html
from typing import Any

import pytest

from tutelage.report import build
from tutelage.rundir import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(params=["evaluated", "hostile"])
def run(request: pytest.FixtureRequest) -> RunFolder:
    found: RunFolder = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 700, 1280])
def test_it_fits_is_silent_and_runs_nothing(
    browser: Any, run: RunFolder, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(build(run).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for_timeout(100)

    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.scripts.length") == 0
    # The style sheet was let through by its hash, and one drawing of each figure is shown.
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "600"
    assert page.evaluate(
        "[...document.querySelectorAll('figure')].every(f =>"
        " [...f.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width > 0)"
        ".length === 1)"
    )
    page.close()


def test_the_policy_stops_what_escaping_might_let_through(browser: Any, hostile: RunFolder) -> None:
    page = browser.new_page()
    source = build(hostile).read_text(encoding="utf-8")
    broken = hostile.path / "broken.html"
    broken.write_text(html.unescape(source), encoding="utf-8")
    page.goto(broken.as_uri())
    page.wait_for_timeout(200)
    assert page.evaluate("document.scripts.length") > 0
    assert page.evaluate("window.pwned") is None
    page.close()
