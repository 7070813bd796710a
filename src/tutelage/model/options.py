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

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the inputs of the update that is dropped while training."""

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


class ModelOptions(Options):
    """The base model and the tuning method."""

    base: str = EMBEDDED
    """A hub id, a local folder, or the embedded default `smollm2-135m-instruct`."""

    revision: str | None = None
    """Branch, tag or commit of a hub id."""

    method: Literal["full", "lora"] = "lora"
    """`lora` trains small updates beside frozen weights; `full` trains every weight."""

    lora: LoraOptions = LoraOptions()
    """Settings of the method `lora`."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the frozen weights and the arithmetic; `auto` takes what this machine does well."""

    quantization: Literal["nf4"] | None = None
    """`nf4` keeps the frozen base in four bits a weight (QLoRA), for the method `lora`: a seventh
    of float32's memory, more time; needs the extra `quantized`."""

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

    @field_validator("lora")
    @classmethod
    def _lora_is_used(cls, lora: LoraOptions, info: ValidationInfo) -> LoraOptions:
        method = info.data.get("method")
        if method not in ("lora", None) and lora != LoraOptions():
            raise ValueError(
                f"has settings, but `method: {method}` does not use them; "
                "remove them or write `method: lora`"
            )
        return lora

    @field_validator("quantization")
    @classmethod
    def _base_is_frozen(cls, quantization: str | None, info: ValidationInfo) -> str | None:
        if quantization is not None and info.data.get("method") == "full":
            raise ValueError(
                "quantised weights cannot be trained, and `method: full` trains all of them; "
                "write `method: lora`"
            )
        return quantization

    @field_validator("device")
    @classmethod
    def _device_exists(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
            raise ValueError(f'expected auto, cpu, cuda or cuda:N, found "{device}"')
        return device
