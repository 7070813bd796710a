"""Every check stands on a page with its severity, and the audit's page leads to every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tutelage.curate.check import CHECKS, WHOLE_CHECKS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {page.name: page.read_text("utf-8") for page in (DOCS / "checks").glob("*.md")}


@pytest.mark.parametrize("name", [*CHECKS.names(), *WHOLE_CHECKS.names()])
def test_a_check_is_on_a_page_with_its_severity(name: str) -> None:
    registry = CHECKS if name in CHECKS.names() else WHOLE_CHECKS
    severity = registry.get(name).severity  # type: ignore[attr-defined]
    line = re.compile(rf"^\| `{name}` \| (\w+) \|", re.MULTILINE)
    found = [match for page in PAGES.values() for match in line.findall(page)]
    assert severity in found, f"no line `| `{name}` | {severity} |` in docs/checks"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_audits_page_leads_to_it(page: str) -> None:
    assert f"(checks/{page})" in (DOCS / "audit.md").read_text("utf-8")
