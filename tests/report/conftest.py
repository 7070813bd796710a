import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_run
import pytest

from tutelage.rundir import RunFolder


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with every part; tests must not change it."""
    return made_run.evaluated(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same with hostile text wherever data can bring it; tests must not change it."""
    return made_run.evaluated(tmp_path_factory.mktemp("runs") / "hostile", hostile=True)


@pytest.fixture
def a_run(tmp_path: Path) -> RunFolder:
    """A run with every part, to damage."""
    return made_run.evaluated(tmp_path / "run", items=4, steps=9)


QUIET = ["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
         "disable-component-update", "disable-sync"]  # fmt: skip
ARGUMENTS = ["--headless", "--no-sandbox", *(f"--{flag}" for flag in QUIET)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no chromium on the path")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()
