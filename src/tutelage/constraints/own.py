"""Kinds of a user's own: a Python file whose classes register themselves as ours do.

    from tutelage.constraints import CONSTRAINTS, Constraint

    @CONSTRAINTS.register("own:palindrome")
    class Palindrome(Constraint):
        def holds(self, response: str, prompt: str) -> bool:
            return response == response[::-1]

The file is run as code: only the recipe or the command line names one, never data.
"""

from __future__ import annotations

from pathlib import Path

from tutelage.constraints.constraint import CONSTRAINTS
from tutelage.own_files import load_own


def load_kinds(path: Path) -> None:
    """Run a file of own kinds, once a process; its decorators register them.

    Raises:
        UserError: there is no such file, it fails, or it registers nothing.
    """
    load_own(path, [CONSTRAINTS], 'see docs/constraints.md, "A kind of your own"')
