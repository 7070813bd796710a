"""What a source's path stands for: one file, a folder's files, or a glob's.

Files come in sorted order. A folder means every data file below it; other files (a licence, a
README) are passed over, a hidden one too.
"""

from __future__ import annotations

import glob
from pathlib import Path

from tutelage.data.sources.records import SUFFIXES, File
from tutelage.errors import UserError, near_files


def find(path: str, folder: Path) -> list[File]:
    """The files that a source's path stands for.

    Args:
        path: file, folder or glob.
        folder: the recipe's folder, which a relative path starts from.

    Returns:
        At least one, sorted by name.

    Raises:
        UserError: there is no such file, or none in the folder or under the glob.
    """
    try:
        return [File(_label(file, folder), file) for file in sorted(_files(path, folder))]
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=path) from error


def _files(path: str, folder: Path) -> list[Path]:
    """Files in any order, at least one."""
    place = folder / Path(path).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        files = [file for file in place.rglob("*") if _is_data(file, place)]
        if not files:
            expected = f"expected files ending in {', '.join(SUFFIXES)}, each also with .gz or .zst"
            raise UserError("the folder holds no data file", where=path, fix=expected)
        return files
    pattern = str(Path(path).expanduser())  # pathlib's own glob takes no absolute pattern
    names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    files = [folder / name for name in names if (folder / name).is_file()]
    if not files:
        raise _not_found(path, place)
    return files


def _label(file: Path, folder: Path) -> str:
    """The file's name for messages and the ledger: relative to the recipe where it lies below."""
    below = file.is_relative_to(folder)
    return (file.relative_to(folder) if below else file).as_posix()


def _is_data(file: Path, folder: Path) -> bool:
    """Whether a file found in a folder is meant to be read."""
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and File(file.name, file).suffix in SUFFIXES and file.is_file()


def _not_found(path: str, place: Path) -> UserError:
    fix = near_files(place) or "a relative path starts from the recipe's folder"
    return UserError("no such file, folder or match of the pattern", where=path, fix=fix)
