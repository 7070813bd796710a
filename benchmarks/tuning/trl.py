"""TRL as a contender: SFTTrainer in four settings, on a PEFT model with our first matrices, or on
the plain model where every weight is trained.

As of TRL 1.16. What its documentation says of settings that matter here: activation checkpointing
is on by default ("~20 % slower"); grouping by length is `train_sampling_strategy`; packing's
default `bfd` keeps samples whole and apart, as padding-free batches do. Both are documented for
FlashAttention only; with scaled_dot_product_attention transformers masks the samples by their
positions, and the losses equal those of padded batches (benchmarks/RESULTS.md, "tuning").

A step of more rows than a forward pass is accumulated over several. Trainer divides by the
supervised tokens of the whole step, so the loss is the same. As delivered a pass has 8 rows; the
settings that a user would choose on a CPU have about as many tokens in a pass as TRL's default
pack, which is 8 rows of Alpaca and 4 of Natural Instructions. (There 8 rows took a fifth more
processor time than 4 where padded, and half as much again as one sequence, whose rows attend under
one mask of the square of its length.)
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer, pack_dataset

from tuning.watch import Watch, held_out_loss, resident_bytes
from tuning.workload import (
    ADAPTER,
    BETAS,
    EPSILON,
    IGNORED,
    LONGEST,
    MAX_GRADIENT_NORM,
    MICRO_BATCH,
    WEIGHT_DECAY,
    Row,
    Workload,
)

SETTINGS: dict[str, dict[str, Any]] = {
    # As delivered, but for the order of rows: ours, so that every step has the samples of ours.
    "trl-default": {"train_sampling_strategy": "sequential"},
    "trl-tuned": {"gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"},
    # No padding: the rows of a pass are one sequence. In our order too.
    "trl-flat": {
        "gradient_checkpointing": False,
        "train_sampling_strategy": "sequential",
        "padding_free": True,
        "max_length": None,
    },
    # One pack a forward pass, of the length that `pack_length` finds.
    "trl-packed": {
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 1,
        "packing": True,
        "packing_strategy": "bfd",
    },
}
"""What each contender sets beyond what all share."""

PASS_TOKENS = 1.25 * LONGEST
"""Most tokens of a pass, on average, where it is chosen; see above."""


class Steps(TrainerCallback):
    """Tells the watch when the loop begins and when an optimizer step has ended."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.parts: list[tuple[float, list[int], int]] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """All is set up; no batch has been drawn."""
        self.watch.start()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Add up the step's forward passes."""
        losses, rows, supervised = zip(*self.parts, strict=True)
        self.watch.lap(sum(losses), [at for part in rows for at in part], sum(supervised))
        self.parts.clear()


class WatchedTrainer(SFTTrainer):
    """SFTTrainer that tells what each of its forward passes trained on."""

    def __init__(self, *, steps: Steps, index: Mapping[tuple[int, ...], int], **rest: Any) -> None:
        super().__init__(callbacks=[steps], **rest)
        self.steps = steps
        self.index = index

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """TRL's own; its loss is a part of the step's."""
        rows = [self.index[ids] for ids in sequences(inputs)]
        supervised = int((inputs["labels"][..., 1:] != IGNORED).sum())
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.steps.parts.append((loss.item(), rows, supervised))
        return loss


def tune(work: Workload, folder: Path, name: str) -> dict[str, Any]:
    """Train once over the rows in the settings called `name`; what was noted."""
    datasets.disable_progress_bars()
    torch.set_num_threads(work.settings.threads)
    runtime = resident_bytes()
    tokenizer = AutoTokenizer.from_pretrained(work.base)
    model: Any = AutoModelForCausalLM.from_pretrained(work.base, dtype=torch.float32)
    if work.settings.method == "lora":
        model = PeftModel.from_pretrained(model, folder / ADAPTER, is_trainable=True)

    def train(
        rows: Sequence[Row], order: Sequence[int], learning_rate: float, watch: Watch
    ) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            trainer = WatchedTrainer(
                steps=Steps(watch),
                index={tuple(row.ids): at for at, row in enumerate(rows)},
                model=model,
                args=config(work, rows, name, learning_rate, scratch),
                train_dataset=datasets.Dataset.from_list(
                    [{"input_ids": rows[at].ids, "labels": rows[at].labels} for at in order]
                ),
                processing_class=tokenizer,
            )
            trainer.train()

    watch = Watch(runtime, model)
    train(work.warm_up, range(len(work.warm_up)), 0.0, Watch(runtime, model))
    gc.collect()
    train(work.rows, [at for step in work.order for at in step], work.settings.learning_rate, watch)
    return watch.report() | {"held_out_loss": held_out_loss(model, work.held_out)}


def config(
    work: Workload, rows: Sequence[Row], name: str, learning_rate: float, scratch: str
) -> SFTConfig:
    """What all settings share, and the named ones."""
    together = rows_a_pass(work, name)
    chosen = {
        "per_device_train_batch_size": together,
        "gradient_accumulation_steps": work.settings.batch_size // together,
    } | SETTINGS[name]
    if chosen.get("packing"):
        chosen["max_length"] = pack_length(rows, together)
    return SFTConfig(
        output_dir=scratch,
        **chosen,
        learning_rate=learning_rate,
        lr_scheduler_type="constant",
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        adam_epsilon=EPSILON,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=MAX_GRADIENT_NORM,
        num_train_epochs=1,
        seed=work.settings.seed,
        bf16=False,  # its default is mixed bfloat16
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def rows_a_pass(work: Workload, name: str) -> int:
    """Rows of a forward pass, on average where they are packed."""
    rows = MICRO_BATCH
    if name != "trl-default":
        while rows > 1 and rows * work.tokens > PASS_TOKENS * len(work.rows):
            rows //= 2
    return rows


def sequences(inputs: Mapping[str, torch.Tensor]) -> Iterator[tuple[int, ...]]:
    """The samples in a batch: padded rows with their mask, or one row without padding."""
    ids = inputs["input_ids"]
    if "attention_mask" in inputs:
        for row, mask in zip(ids, inputs["attention_mask"].bool(), strict=True):
            yield tuple(row[mask].tolist())
    else:
        starts = (inputs["position_ids"][0] == 0).nonzero().flatten()
        for part in torch.tensor_split(ids[0], starts[1:]):
            yield tuple(part.tolist())


def pack_length(rows: Sequence[Row], rows_a_pack: int) -> int:
    """Shortest pack for which best-fit packing makes one pack for every `rows_a_pack` rows.

    As many packs as everyone has forward passes make as many steps as everyone's, so that a step
    holds as many rows and supervised tokens on average; and so short a pack has next to no room
    unused.
    """
    lengths = [len(row.ids) for row in rows]
    packs = -(-len(rows) // rows_a_pack)
    data = datasets.Dataset.from_dict({"input_ids": [row.ids for row in rows]})
    length = max(*lengths, -(-sum(lengths) // packs))
    while len(pack_dataset(data, length, "bfd")) > packs:
        length += 1
    return length
