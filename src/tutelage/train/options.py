"""How the model is trained."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from tutelage.options import Options

Recomputed = Literal["none", "selective", "full"]
"""What is computed again in the backward pass rather than kept for it."""

DEFAULT_TOKENS = 1536
"""Tokens in one forward pass where the recipe says nothing; see benchmarks/RESULTS.md."""

VALIDATIONS = 8
"""Validations in a run whose recipe does not say."""

UNITS = {"GiB": 2**30, "MiB": 2**20, "GB": 10**9, "MB": 10**6}


def validation_interval(every: int | None, steps: int) -> int:
    """Steps between the validations of a run of `steps`; `every` is what its recipe says."""
    return every or math.ceil(steps / VALIDATIONS)


class DpoOptions(Options):
    """Direct preference optimisation (Rafailov et al. 2023)."""

    beta: float = Field(default=0.1, gt=0)
    """How closely the tuned model is held to the base: the paper's beta. A larger one holds it
    more closely."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of the pairs that are taken to be labelled the wrong way round (conservative DPO,
    Mitchell 2023)."""


class UnlikelihoodOptions(Options):
    """Unlikelihood training (Welleck et al. 2019)."""

    weight: float = Field(default=1.0, gt=0)
    """Weight of an undesired token, where a desired one weighs 1: the paper's alpha."""


class TrainOptions(Options):
    """The tuning loop's settings."""

    objective: Literal["supervised", "dpo", "unlikelihood"] = "supervised"
    """What is minimised: the loss of the desired responses; or, with the undesired ones the data
    has (rejected, thumbed down), `dpo` or `unlikelihood`."""

    epochs: float = Field(default=2.0, gt=0)
    """Passes over the training examples; a fraction is allowed. LIMA (Zhou et al. 2023) and most
    instruction-tuning recipes use 2 to 3 with LoRA."""

    max_steps: int | None = Field(default=None, ge=1)
    """Stop after this many optimizer steps, whatever `epochs` says."""

    batch_size: int = Field(default=16, ge=1)
    """Examples in an optimizer step. Memory does not depend on it: see `micro_batch_tokens`."""

    micro_batch_tokens: int | None = Field(default=None, ge=16)
    """Most tokens in one forward pass; a longer example travels alone. Null takes 1536, or what
    `memory_limit` leaves room for."""

    attention: Literal["auto", "segments", "flex", "varlen"] = "auto"
    """How attention walks a pack of token trees: `segments` makes a call of
    scaled_dot_product_attention for each segment, `flex` one of FlexAttention for the whole pack,
    `varlen` one of variable-length FlashAttention (16 bits). The last two are for CUDA, and have
    not been run on a GPU by us yet. `auto` is `segments` on a CPU, and on CUDA `varlen` for packs
    that share nothing and `flex` for others."""

    compile: Literal["never", "blocks"] = "never"
    """`blocks` has torch.compile fuse the operations of a layer, in one process. It takes a C++
    compiler and most of a minute to begin with, and on a CPU gains next to nothing over our own
    fused modules; on a GPU we have not measured it."""

    memory_limit: str | None = None
    """Most memory that training may take, such as `8GiB`: of the process on a CPU, of the device
    on CUDA. What is null of `micro_batch_tokens` and `activation_checkpointing`, and `precision:
    auto`, is chosen so that the prediction stays below it. Null sets no limit."""

    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak learning rate. Null takes the method's: 2e-4 for lora (QLoRA), 2e-5 for full (Alpaca),
    1e-2 for prefix (P-tuning v2), 3e-4 for adapter (LLM-Adapters); with `objective: dpo` a
    fortieth (Zephyr). More than 1 is refused: it is a slip, such as 1e4 for 1e-4."""

    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate falls after warm-up."""

    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from 0 to its peak."""

    final_learning_rate: float = Field(default=0.0, ge=0, le=1)
    """Where the schedule ends, as a share of the peak."""

    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay of AdamW, on matrices only."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of AdamW's running means of the gradient and of its square."""

    epsilon: float = Field(default=1e-8, gt=0)
    """Added to AdamW's denominator."""

    max_gradient_norm: float | None = Field(default=1.0, gt=0)
    """Clip the norm of the step's gradient to this; null does not clip."""

    order: Literal["shuffled", "related"] = "shuffled"
    """Which examples meet in a step: `shuffled` leaves it to chance; `related` lets up to eight
    that begin alike meet, so that more is computed once. Each is as likely at any place either
    way, but a step of relatives says less about the whole. See the prepared data page."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the order of the examples, of new weights and of dropout."""

    validate_every: int | None = Field(default=None, ge=1)
    """Steps between validations; null validates about eight times in the run."""

    patience: int | None = Field(default=None, ge=1)
    """Stop after this many validations without a lower loss; null never stops early."""

    keep_best: bool = True
    """Hand on the weights with the lowest validation loss rather than the last ones."""

    checkpoint_every: int | None = Field(default=None, ge=1)
    """Steps between checkpoints; null writes one at every validation."""

    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints to keep; the best one is always kept."""

    activation_checkpointing: Recomputed | None = None
    """What to compute again in the backward pass instead of keeping it: `selective` the cheap
    parts of a layer, `full` (or true) all of it, for about a third more time. Null takes `none`,
    or what `memory_limit` needs."""

    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """`adamw_8bit` keeps AdamW's running means in 8 bits (Dettmers et al. 2022): a quarter of the
    memory; needs the extra `quantized`."""

    threads: int | None = Field(default=None, ge=1)
    """CPU threads of each process; null divides the cores among the processes on the machine."""

    dpo: DpoOptions = DpoOptions()
    """Settings of `objective: dpo`."""

    unlikelihood: UnlikelihoodOptions = UnlikelihoodOptions()
    """Settings of `objective: unlikelihood`."""

    trackers: list[Literal["tensorboard", "wandb", "mlflow"]] = []
    """Where to send the log besides `log.jsonl`; each needs the extra of its name."""

    @field_validator("dpo", "unlikelihood")
    @classmethod
    def _settings_are_used(cls, settings: Options, info: ValidationInfo) -> Options:
        objective = info.data.get("objective")
        if objective not in (info.field_name, None) and settings != type(settings)():
            raise ValueError(
                f"has settings, but `objective: {objective}` does not use them; "
                f"remove them or write `objective: {info.field_name}`"
            )
        return settings

    @property
    def token_budget(self) -> int:
        """Most tokens in one forward pass."""
        return self.micro_batch_tokens or DEFAULT_TOKENS

    @property
    def recomputed(self) -> Recomputed:
        """What is computed again in the backward pass."""
        return self.activation_checkpointing or "none"

    @property
    def memory_limit_bytes(self) -> int | None:
        """The limit in bytes."""
        return None if self.memory_limit is None else _bytes(self.memory_limit)

    @field_validator("memory_limit")
    @classmethod
    def _limit_is_an_amount(cls, limit: str | None) -> str | None:
        if limit is not None and not _bytes(limit):
            raise ValueError(f'expected an amount such as 8GiB or 900MiB, found "{limit}"')
        return limit

    @field_validator("activation_checkpointing", mode="before")
    @classmethod
    def _switch_is_a_mode(cls, mode: object) -> object:
        return {True: "full", False: "none"}[mode] if isinstance(mode, bool) else mode

    @field_validator("final_learning_rate")
    @classmethod
    def _constant_does_not_fall(cls, share: float, info: ValidationInfo) -> float:
        if share > 0 and info.data.get("schedule") == "constant":
            raise ValueError(
                f"found {share}, but `schedule: constant` never falls; remove one of the two"
            )
        return share

    @field_validator("betas")
    @classmethod
    def _betas_are_shares(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"expected two numbers from 0 to below 1, found {list(betas)}")
        return betas


def _bytes(amount: str) -> int:
    """Bytes of an amount such as `8GiB`; 0 if it is none."""
    found = re.fullmatch(rf"(\d+(?:\.\d+)?) ?({'|'.join(UNITS)})", amount)
    return int(float(found[1]) * UNITS[found[2]]) if found else 0
