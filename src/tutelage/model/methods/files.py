"""Reading the two files of an adapter folder, whoever wrote them.

`adapter_config.json` says what the tensors of `adapter_model.safetensors` mean. Both are untrusted:
pickled weights are not read, and what is not understood is refused by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tutelage.errors import UserError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def read_config(folder: Path, *kinds: str) -> dict[str, Any]:
    """The configuration of an adapter.

    Args:
        folder: holds both files.
        kinds: the `peft_type`s that are wanted.

    Raises:
        UserError: the file is missing, broken, or of another kind.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"there is no {CONFIG}", where=str(folder), fix="name a folder that holds an adapter"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"the file cannot be read: {error}", where=str(path)) from None
    if not isinstance(config, dict) or config.get("peft_type") not in kinds:
        raise refused(path, f"expected a JSON object with peft_type {' or '.join(kinds)}")
    return config


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """The tensors of an adapter.

    Args:
        folder: holds the file.
        name: the file's.

    Raises:
        UserError: the file is missing or broken.
    """
    path = folder / name
    try:
        return load_file(path)
    except FileNotFoundError:
        what = f"there is no {name}; pickled adapters (.bin) are not read, as they can run code"
        raise UserError(what, where=str(folder)) from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the file cannot be read: {error}", where=str(path)) from None


def refused(path: Path, what: str) -> UserError:
    """The error for an adapter that goes beyond what we understand."""
    fix = "merge the adapter into its base model with the tool that made it, and use the result"
    return UserError(what, where=str(path), fix=fix)
