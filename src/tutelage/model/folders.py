"""Find the folder of a base model, look at it before it is loaded, and know it again.

A model is named by an embedded name, a local folder or a hub id; each ends as a local folder, so
that everything after this treats them alike. A folder is untrusted: its configuration is read as
JSON and refused if it asks for code (`auto_map`), and weights are read from safetensors only,
since unpickling runs code (even `weights_only` was bypassed: CVE-2025-32434). From the hub only
the files that we read are fetched, so a pickle never arrives.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tutelage.errors import UserError, nearest
from tutelage.model.embedded import PACKAGES, embedded_folder

WHERE = "model.base"
WANTED = ["*.json", "*.jinja", "*.txt", "tokenizer.model", "*.spm", "model*.safetensors"]
"""What is fetched from the hub: neither pickles nor code nor a second copy of the weights."""


def locate(base: str, revision: str | None = None) -> Path:
    """The local folder of a base model, fetched if need be.

    Args:
        base: an embedded name, a local folder or a hub id.
        revision: branch, tag or commit of a hub id.

    Raises:
        UserError: there is no such model, or it cannot be had here.
    """
    if base in PACKAGES:
        return embedded_folder(base)
    folder = Path(base).expanduser()
    if folder.is_dir():
        if revision is not None:
            what = f"only a model of the hub has a revision; '{base}' is a folder here"
            raise UserError(what, where="model.revision", fix="leave it out")
        return folder
    if folder.exists():
        raise UserError(f"'{base}' is a file, expected a folder", where=WHERE)
    looks_local = base.startswith(("/", "./", "../", "~")) or base.count("/") > 1
    if looks_local:
        raise UserError(f"there is no folder '{base}'", where=WHERE, fix=_suggestion(folder))
    return _from_hub(base, revision)


def _from_hub(base: str, revision: str | None) -> Path:
    try:
        return Path(snapshot_download(base, revision=revision, allow_patterns=WANTED))
    except HFValidationError:
        reason = "it is neither an embedded name, nor a folder here, nor a valid hub id"
    except GatedRepoError:
        raise UserError(
            f"the hub lets only people with access fetch '{base}'",
            where=WHERE,
            fix="accept its terms on its page and log in with `hf auth login`",
        ) from None
    except RevisionNotFoundError:
        raise UserError(
            f"'{base}' has no revision '{revision}'", where="model.revision", fix="leave it out"
        ) from None
    except RepositoryNotFoundError:
        reason = "it is neither an embedded name, nor a folder here, nor on the hub"
    except LocalEntryNotFoundError:
        reason = (
            "it is neither an embedded name, nor a folder here, nor in the hub's cache, "
            "and no hub can be reached"
        )
    except Exception as error:  # errors of the network, the disk and the hub's server alike
        reason = f"fetching it from the hub failed: {error}"
    raise UserError(f"no model '{base}': {reason}", where=WHERE, fix=_suggestion(Path(base)))


def _suggestion(path: Path) -> str:
    """The embedded names and neighbouring folders that were perhaps meant."""
    siblings = path.parent.iterdir() if path.parent.is_dir() else iter(())
    folders = {str(entry) for entry in siblings if (entry / "config.json").is_file()}
    close = [*nearest(path.name, PACKAGES), *nearest(str(path), folders)]
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{meant}give a local folder, or the embedded {' or '.join(sorted(PACKAGES))}"


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model folder that is fit to be loaded.

    Raises:
        UserError: the folder holds no model, wants code of its own to be run, or has its weights
            pickled or quantised.
    """
    if (folder / "adapter_config.json").is_file():
        # transformers would go on to load whatever base model the adapter names.
        what = "the folder holds an adapter, expected a whole model"
        raise UserError(what, where=str(folder), fix="merge it: tutelage export RUN --to merged")
    if not (folder / "config.json").is_file():
        what = "the folder holds no config.json, so it is no model that transformers reads"
        raise UserError(what, where=str(folder), fix="name the folder that holds config.json")
    config = _read_json(folder / "config.json")
    if "model_type" not in config:
        raise UserError("config.json names no model_type", where=str(folder))
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).is_file() and "auto_map" in _read_json(folder / name):
            raise UserError(
                "the model brings code of its own (auto_map), and Tutelage runs no code of models",
                where=str(folder / name),
                fix="if transformers has this architecture itself, use a copy of the folder "
                "without the key auto_map",
            )
    if "quantization_config" in config:
        what = "the weights are quantised, which cannot be tuned yet"
        raise UserError(what, where=str(folder), fix="use the original model")
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            "the folder holds no *.safetensors; pickled weights (.bin, .pt) are not read, "
            "as they can run code",
            where=str(folder),
            fix="convert them with transformers' save_pretrained in a place you trust",
        )
    return config


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"the file cannot be read: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise UserError("expected a JSON object", where=str(path))
    return value


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and whole contents of a model folder's files, in hexadecimal.

    Every byte counts, because caches and evidence hang on it; hidden files and subfolders do not.
    At 1.3 GB/s on one core the embedded model takes 0.4 s, and one of 8 billion parameters 12 s.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{path.name}\0{content}\n".encode())
    return digest.hexdigest()
