"""Shared by all tests: the package comes before torch, as it does behind the command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# The workers share the machine: none waits as if it were alone.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import tutelage  # noqa: F401
from commands import Commands
from tutelage.model.embedded import cache_folder

# How long an example takes says how busy the machine is, and nothing of the code. In CI the
# examples are the same every time; elsewhere they go on searching.
hypothesis.settings.register_profile(
    "tutelage", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("tutelage")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the session's own: prepared data is neither found in the user's nor left there.

    Embedded models, which are fetched and converted for half a minute, are the user's.
    """
    folder = tmp_path_factory.mktemp("cache")
    models = cache_folder()
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTELAGE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> Iterator[Commands]:
    """Runs `tutelage`: `command("check", "recipe.yaml", cwd=folder)`."""
    commands = Commands(tmp_path_factory.mktemp("commands") / "streams")
    yield commands
    commands.close()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random model; tests must not change it."""
    import tiny_project

    return tiny_project.write_model(tmp_path_factory.mktemp("tiny") / "model")
