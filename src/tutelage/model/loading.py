"""Load a base model and its tokenizer, the same way wherever they come from.

What a run depends on is decided here and said: the device and precision (see `precision`), and
anything about the model that the user should know. Weights that are missing from the files stop
the run: transformers would fill them with random numbers and go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers import __version__ as transformers_version

from tutelage.errors import UserError, missing_extra
from tutelage.model.embedded import PACKAGES
from tutelage.model.families import families
from tutelage.model.folders import fingerprint, locate, read_config
from tutelage.model.options import ModelOptions
from tutelage.model.precision import choose
from tutelage.model.quantized import quantize
from tutelage.model.quiet import quiet_transformers


@dataclass(frozen=True)
class LoadedModel:
    """A base model ready to be prepared by a method or decoded from.

    Attributes:
        model: on `device` (or still in host memory), in `dtype`, as its files say.
        tokenizer: its own.
        name: the base as the user named it.
        folder: where its files are on this machine.
        family: key in `tutelage.model.families.families`.
        device: where the arithmetic is done.
        dtype: of the weights and the arithmetic.
        notes: sentences to tell the user.
    """

    model: PreTrainedModel
    tokenizer: Tokenizer
    name: str
    folder: Path
    family: str
    device: torch.device
    dtype: torch.dtype
    notes: list[str] = field(default_factory=list)

    @cached_property
    def fingerprint(self) -> str:
        """Of its files; read once, for a large model's take many seconds."""
        return fingerprint(self.folder)


def load(
    options: ModelOptions, *, attention: str = "tutelage", in_host_memory: bool = False
) -> LoadedModel:
    """Load the base model.

    Args:
        options: which model, device and precision.
        attention: transformers' name of the attention function; ours is registered here.
        in_host_memory: leave the weights there, for whoever spreads them over several devices.

    Raises:
        UserError: the model is unknown, out of reach, unsafe, of a kind that is not supported,
            or broken; or the device is not there.
    """
    from tutelage.model import attention as _registers  # noqa: F401

    choice = choose(options.device, options.precision)
    folder = locate(options.base, options.revision)
    config = read_config(folder)
    family = _family(config, options.base)
    tokenizer = _tokenizer(folder)
    model, notes = _weights(folder, choice.dtype, attention, families.get(family).loader)
    # Files written later name the base as its user did, not a path of this machine's cache.
    model.name_or_path = options.base
    if not in_host_memory:
        torch.nn.Module.to(model, choice.device)  # transformers' own `to` has no types
    if options.quantization is not None:
        quantize(model)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        name=options.base,
        folder=folder,
        family=family,
        device=choice.device,
        dtype=choice.dtype,
        notes=[choice.why, *_provenance(options.base), *notes],
    )


def load_tokenizer(options: ModelOptions) -> Tokenizer:
    """Load the tokenizer alone.

    Raises:
        UserError: as `load`.
    """
    folder = locate(options.base, options.revision)
    read_config(folder)
    return _tokenizer(folder)


def _tokenizer(folder: Path) -> Tokenizer:
    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except ImportError:
        raise missing_extra("sentencepiece", "sentencepiece", "this model's tokenizer") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"the tokenizer cannot be read: {error}", where=str(folder)) from None
    return tokenizer


def _family(config: dict[str, Any], base: str) -> str:
    """The name of the family that a configuration belongs to."""
    for name in families.names():
        if families.get(name).builds(config):
            return name
    architecture = next(iter(config.get("architectures") or [config["model_type"]]))
    raise UserError(
        f"'{base}' is a {architecture}, which transformers {transformers_version} "
        "knows neither as a decoder-only nor as an encoder-decoder nor as a masked language model",
        where="model.base",
        fix="choose a language model with its head; docs/families.md lists what is proven",
    )


def _weights(
    folder: Path, dtype: torch.dtype, attention: str, loader: Any
) -> tuple[PreTrainedModel, list[str]]:
    try:
        with quiet_transformers():
            loaded: Any = loader.from_pretrained(
                folder,
                dtype=dtype,
                attn_implementation=attention,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except KeyError as error:
        if error.args != (attention,):
            raise
        what = "this architecture computes attention in a way of its own, so it cannot be tuned"
        raise UserError(what, where=str(folder), fix="choose another model") from None
    except Exception as error:  # transformers has no exception of its own for a broken folder
        raise UserError(f"the model cannot be loaded: {error}", where=str(folder)) from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise UserError(
            f"the files lack {len(missing)} of the model's weights, such as {missing[0]}",
            where=str(folder),
            fix="fetch or save the model again",
        )
    notes = []
    if unused := sorted(report["unexpected_keys"]):
        notes.append(f"{len(unused)} weights in the files are not used, such as {unused[0]}")
    return model, notes


def _provenance(base: str) -> list[str]:
    return [PACKAGES[base].provenance] if base in PACKAGES else []
