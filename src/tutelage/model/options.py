"""What is tuned, and how: the base model and the method."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tutelage.options import Options


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


class ModelOptions(Options):
    """The base model and the tuning method."""

    base: str = "smollm2-135m-instruct"
    """A hub id, a local folder, or the embedded default `smollm2-135m-instruct`."""

    revision: str | None = None
    """Branch, tag or commit of a hub id."""

    method: Literal["full", "lora"] = "lora"
    """`lora` trains small updates beside frozen weights; `full` trains every weight."""

    lora: LoraOptions = LoraOptions()
    """Settings of the method `lora`."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the frozen weights and the arithmetic; `auto` takes what this machine does well."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
