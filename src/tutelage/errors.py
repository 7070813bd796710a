"""The one exception for a user's mistake; everything else is a bug and keeps its traceback.

A message says what was found and what was expected, where (file, row, field or line), and how
to fix it. The command line prints it without a traceback and exits with code 2.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can act on.

    Args:
        what: what was found and what was expected, in one sentence.
        where: the place, such as `recipe.yaml line 4, train.learning_rate`.
        fix: what to do about it, in one sentence.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """`where: what`, and the fix on a line of its own."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  fix: {self.fix}" if self.fix else head


REFUSED = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EIO),
}
"""Errors of the operating system that say something about the machine, not about our code."""


def refused_by_machine(error: OSError) -> UserError | None:
    """The error for what the machine refuses, such as a full disk; None if it says of a bug."""
    if error.errno not in REFUSED:
        return None
    return UserError(
        str(error.strerror), where=None if error.filename is None else str(error.filename)
    )


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names most like `name`, best first; empty if none is close."""
    return difflib.get_close_matches(name, sorted(known), n=limit, cutoff=0.5)


def unknown_name(kind: str, name: str, known: Iterable[str], where: str | None = None) -> UserError:
    """The error for a name that is not in a closed set, with the nearest ones."""
    known = sorted(known)
    close = nearest(name, known)
    fix = f"did you mean {' or '.join(close)}?" if close else None
    return UserError(
        f"unknown {kind} '{name}'; expected one of: {', '.join(known)}", where=where, fix=fix
    )


def missing_extra(package: str, extra: str, purpose: str) -> UserError:
    """The error for an optional package that is not installed, naming the extra that brings it."""
    return UserError(
        f"{purpose} needs the package '{package}', which is not installed",
        fix=f"pip install 'tutelage[{extra}]'",
    )
