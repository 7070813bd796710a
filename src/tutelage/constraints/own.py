"""Kinds of a user's own: a Python file whose classes register themselves as ours do.

    from tutelage.constraints import CONSTRAINTS, Constraint

    @CONSTRAINTS.register("own:palindrome")
    class Palindrome(Constraint):
        def holds(self, response: str, prompt: str) -> bool:
            return response == response[::-1]

The file is run as code: only the recipe or the command line names one, never data.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from tutelage.constraints.constraint import CONSTRAINTS
from tutelage.errors import UserError

OWN = "tutelage_own_constraints_"


def load_kinds(path: Path) -> None:
    """Run a file of own kinds, once a process; its decorators register them.

    Raises:
        UserError: there is no such file, it fails, or it registers nothing.
    """
    name = f"{OWN}{path.resolve().as_posix()}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError("no such Python file with kinds of constraints", where=str(path))
    before = set(CONSTRAINTS.names())
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pydantic looks up the types that the options name
    try:
        spec.loader.exec_module(module)
        problem = None if set(CONSTRAINTS.names()) > before else "the file registers no constraint"
    except Exception as error:  # whatever a stranger's file does wrong
        problem = f"{type(error).__name__}: {error}"
    if problem:
        for kind in set(CONSTRAINTS.names()) - before:
            CONSTRAINTS.forget(kind)
        del sys.modules[name]
        fix = 'see docs/constraints.md, "A kind of your own"'
        raise UserError(problem, where=str(path), fix=fix)
