"""The one exception for a user's mistake; everything else is a bug and keeps its traceback.

A message says what was found and what was expected, where (file, row, field or line), and how
to fix it. The command line prints it without a traceback and exits with code 2.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path


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


CLOSE = 0.55
"""Likeness (difflib's ratio) from which a name may be the one that was meant."""

MANY = 12
"""From so many known names on, the nearest are told instead of all."""


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names most like `name`, best first; empty if none is close.

    One that differs in capitals alone is the only one.
    """
    known = sorted(known)
    if same := [one for one in known if one.casefold() == name.casefold()]:
        return same[:limit]
    return difflib.get_close_matches(name, known, n=limit, cutoff=CLOSE)


def near_files(path: Path) -> str | None:
    """What to do where a file is not there: the ones beside it that may have been meant."""
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    return f"did you mean {' or '.join(close)}?" if close else None


def unknown_name(kind: str, name: str, known: Iterable[str], where: str | None = None) -> UserError:
    """The error for a name that is not in a closed set, with the nearest ones."""
    known = sorted(known)
    close = nearest(name, known)
    fix = f"did you mean {' or '.join(close)}?" if close else "name one of these"
    if close and len(known) > MANY:
        return UserError(f"unknown {kind} '{name}'; {len(known)} are known", where=where, fix=fix)
    return UserError(
        f"unknown {kind} '{name}'; expected one of: {', '.join(known)}", where=where, fix=fix
    )


def missing_extra(package: str, extra: str, purpose: str) -> UserError:
    """The error for an optional package that is not installed, naming the extra that brings it."""
    return UserError(
        f"{purpose} needs the package '{package}', which is not installed",
        fix=f"pip install 'tutelage[{extra}]'",
    )
