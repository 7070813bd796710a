from __future__ import annotations

from pathlib import Path

import pytest

import tiny_project
from commands import Commands
from tiny_project import Tuned
from tutelage.rundir import RunFolder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """A folder with recipe.yaml, data.jsonl and a tiny model; tests must not change it."""
    return tiny_project.write_project(tmp_path_factory.mktemp("project") / "tiny", tiny_base)


@pytest.fixture
def own_project(tmp_path: Path, tiny_base: Path) -> Path:
    """The same for one test to change."""
    return tiny_project.write_project(tmp_path / "project", tiny_base)


@pytest.fixture(scope="session", params=["lora", "full"])
def tuned(
    request: pytest.FixtureRequest,
    project: Path,
    command: Commands,
    tmp_path_factory: pytest.TempPathFactory,
) -> Tuned:
    """A finished run of each method; tests must not change it."""
    out = tmp_path_factory.mktemp("runs") / request.param
    said = command(
        "run", "recipe.yaml", "--out", out, "--set", f"model.method={request.param}", cwd=project
    )
    assert said.code == 0, said.err
    return Tuned(request.param, project, RunFolder.open(out), said)
