"""Make a folder whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tutelage.errors import UserError


def check_vacant(path: Path) -> None:
    """Tell early whether a folder may be made.

    Raises:
        UserError: something is there already.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise UserError("something is there already", where=str(path), fix="choose another --out")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill; on leaving without an error it becomes `path`, else it is deleted.

    It lies beside `path` until then, so a folder named `path` is always complete. Files that a
    library made private get the permissions of any new file.

    Raises:
        OSError: `path` is there already, and not empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        made = Path(scratch, path.name)
        made.mkdir()
        yield made
        for file in made.rglob("*"):
            if file.is_file():
                file.chmod(made.stat().st_mode & 0o666)
        made.rename(path)
