"""How the model is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from tutelage.options import Options


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

    dpo: DpoOptions = DpoOptions()
    """Settings of `objective: dpo`."""

    unlikelihood: UnlikelihoodOptions = UnlikelihoodOptions()
    """Settings of `objective: unlikelihood`."""

    epochs: float = Field(default=2.0, gt=0)
    """Passes over the training examples; a fraction is allowed. LIMA (Zhou et al. 2023) and most
    instruction-tuning recipes use 2 to 3 with LoRA."""

    max_steps: int | None = Field(default=None, ge=1)
    """Stop after this many optimizer steps, whatever `epochs` says."""

    batch_size: int = Field(default=16, ge=1)
    """Examples in an optimizer step. Memory does not depend on it: see `micro_batch_tokens`."""

    micro_batch_tokens: int = Field(default=2048, ge=16)
    """Most tokens in one forward pass; a longer example travels alone."""

    learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate. Null takes the method's: 2e-4 for lora (QLoRA), 2e-5 for full; with
    `objective: dpo` 5e-6 and 5e-7 (Zephyr)."""

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

    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""

    threads: int | None = Field(default=None, ge=1)
    """CPU threads; null takes one a core."""

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
