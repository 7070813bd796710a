"""Files of a user's own: Python whose decorators register entries beside ours.

Checks of an audit and kinds of constraints come this way. A file is run once a process, whoever
names it first, so that one which evaluation and an audit both name is not registered twice. Of a
file that fails nothing stays registered: half of what it meant to would be found by the next to
look. It is run as code: only a recipe or a command line names one, never data.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.registry import Registry

OWN = "tutelage_own_"
"""Beginning of the names of modules that are files of a user's."""


def load_own(path: Path, registries: Sequence[Registry[Any]], fix: str) -> str:
    """Run a file, once a process; its decorators register what it defines.

    Args:
        path: the file.
        registries: at least one of which it is to register something in.
        fix: where to read how such a file is written.

    Returns:
        The name of its module, which stands in `__module__` of what it defines.

    Raises:
        UserError: there is no such file, it fails, or it registers nothing.
    """
    name = f"{OWN}{path.resolve().as_posix()}"
    if name in sys.modules:
        return name
    kinds = " or ".join(dict.fromkeys(registry.kind for registry in registries))
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError(f"no such Python file to register a {kinds}", where=str(path))
    before = [set(registry.names()) for registry in registries]
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pydantic looks up the types that options name
    try:
        spec.loader.exec_module(module)
        registered = [set(registry.names()) for registry in registries] != before
        problem = None if registered else f"the file registers no {kinds}"
    except Exception as error:  # whatever a stranger's file does wrong
        problem = f"{type(error).__name__}: {error}"
    if problem is None:
        return name
    for registry, known in zip(registries, before, strict=True):
        for entry in set(registry.names()) - known:
            registry.forget(entry)
    del sys.modules[name]
    raise UserError(problem, where=str(path), fix=fix)
