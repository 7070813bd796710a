"""What is tuned, and how: the base model and the method."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from tutelage.options import Options

EMBEDDED = "smollm2-135m-instruct"
"""The model that comes with the extra `embedded` and needs no hub."""


class LoraOptions(Options):
    """Low-rank adaptation (Hu et al. 2021), in PEFT's terms and on-disk form."""

    rank: int = Field(default=16, ge=1)
    """Width of the low-rank update (PEFT: r)."""

    alpha: float = Field(default=32.0, gt=0)
    """Scale of the update: it is multiplied by alpha / rank."""

    rank_stabilised: bool = False
    """Multiply by alpha / sqrt(rank) instead (rsLoRA, Kalajdzievski 2023), for large ranks."""

    dora: bool = False
    """Train the length of each weight's rows apart from their direction (DoRA, Liu et al. 2024):
    nearer to full fine-tuning at small ranks, for more time."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the inputs of the update that is dropped while training."""

    learning_rate_ratio: float = Field(default=1.0, gt=0)
    """How many times faster B moves than A (LoRA+, Hayou et al. 2024, who advise 16 together with
    a lower `train.learning_rate`)."""

    target_modules: list[str] | Literal["all-linear"] = "all-linear"
    """Names (or name endings) of the linear layers to adapt; all but the output head by default,
    as QLoRA (Dettmers et al. 2023) found necessary to match full fine-tuning."""

    @field_validator("target_modules")
    @classmethod
    def _something_is_adapted(
        cls, modules: list[str] | Literal["all-linear"]
    ) -> list[str] | Literal["all-linear"]:
        if modules != "all-linear" and not all(modules or [""]):
            raise ValueError("expected at least one layer's name, or all-linear; found none")
        return modules


class PrefixOptions(Options):
    """Prefix tuning (Li & Liang 2021): trained keys and values that every token sees."""

    tokens: int = Field(default=20, ge=1)
    """Length of the prefix (PEFT: num_virtual_tokens). Few do for labels and short answers; Li &
    Liang took 10 for table-to-text and 200 for summaries."""

    projection: int | None = Field(default=None, ge=1)
    """Width of a network that the prefix is passed through while it is trained, 512 in the paper;
    null trains the keys and values themselves, as P-tuning v2 (Liu et al. 2022) does."""


class AdapterOptions(Options):
    """Bottleneck adapters: small networks beside or behind the blocks of every layer."""

    placement: Literal["parallel", "pfeiffer", "houlsby"] = "parallel"
    """`parallel` beside the feed-forward block (He et al. 2022, who found it best), `pfeiffer`
    behind it (Pfeiffer et al. 2021), `houlsby` behind attention too (Houlsby et al. 2019)."""

    width: int = Field(default=64, ge=1)
    """Width of the bottleneck; 64 is Houlsby's."""

    activation: Literal["relu", "gelu", "silu"] = "relu"
    """What stands between the way down and the way up."""

    scale: float = Field(default=1.0, gt=0)
    """Factor on what the adapter adds; He et al. also report 4 for `parallel`."""


class FullOptions(Options):
    """Full fine-tuning, or that of some weights."""

    target_modules: list[str] | Literal["all"] = "all"
    """Names (or name endings) of the modules whose weights are trained, such as `norm` or
    `layers.29`; the rest is frozen."""

    last_layers: int | None = Field(default=None, ge=1)
    """Train the last so many layers alone."""

    @field_validator("target_modules")
    @classmethod
    def _something_is_trained(
        cls, modules: list[str] | Literal["all"]
    ) -> list[str] | Literal["all"]:
        if modules != "all" and not all(modules or [""]):
            raise ValueError("expected at least one module's name, or all; found none")
        return modules

    @field_validator("last_layers")
    @classmethod
    def _one_choice(cls, layers: int | None, info: ValidationInfo) -> int | None:
        if layers is not None and info.data.get("target_modules", "all") != "all":
            raise ValueError("chooses weights, and so does target_modules; remove one of the two")
        return layers


class ModelOptions(Options):
    """The base model and the tuning method."""

    base: str = EMBEDDED
    """A hub id, a local folder, or the embedded default `smollm2-135m-instruct`."""

    revision: str | None = None
    """Branch, tag or commit of a hub id."""

    method: Literal["full", "lora", "prefix", "adapter"] = "lora"
    """`lora` trains small updates beside frozen weights, `prefix` keys and values that every
    token sees, `adapter` small networks beside the blocks; `full` trains the weights themselves."""

    lora: LoraOptions = LoraOptions()
    """Settings of the method `lora`."""

    prefix: PrefixOptions = PrefixOptions()
    """Settings of the method `prefix`."""

    adapter: AdapterOptions = AdapterOptions()
    """Settings of the method `adapter`."""

    full: FullOptions = FullOptions()
    """Settings of the method `full`."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the frozen weights and the arithmetic; `auto` takes what this machine does well."""

    quantization: Literal["nf4"] | None = None
    """`nf4` keeps the frozen base in four bits a weight (QLoRA), for every method but `full`: a
    seventh of float32's memory, more time; needs the extra `quantized`."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""

    @field_validator("base")
    @classmethod
    def _base_is_named(cls, base: str) -> str:
        if not base.strip():
            raise ValueError(f"expected a hub id, a local folder or {EMBEDDED}, found no name")
        return base

    @field_validator("revision")
    @classmethod
    def _revision_is_of_the_hub(cls, revision: str | None, info: ValidationInfo) -> str | None:
        if revision is not None and info.data.get("base") == EMBEDDED:
            raise ValueError(f"only a model of the hub has a revision; the base is {EMBEDDED}")
        return revision

    @field_validator("lora", "prefix", "adapter", "full")
    @classmethod
    def _settings_are_used(cls, settings: Options, info: ValidationInfo) -> Options:
        method = info.data.get("method")
        if method not in (info.field_name, None) and settings != type(settings)():
            raise ValueError(
                f"has settings, but `method: {method}` does not use them; "
                f"remove them or write `method: {info.field_name}`"
            )
        return settings

    @field_validator("quantization")
    @classmethod
    def _base_is_frozen(cls, quantization: str | None, info: ValidationInfo) -> str | None:
        if quantization is not None and info.data.get("method") == "full":
            raise ValueError(
                "quantised weights cannot be trained, and `method: full` trains them; "
                "write `method: lora`"
            )
        return quantization

    @field_validator("device")
    @classmethod
    def _device_exists(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise ValueError(f'expected auto, cpu, cuda or cuda:N, found "{device}"')
        return device
