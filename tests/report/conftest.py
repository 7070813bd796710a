from pathlib import Path

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
