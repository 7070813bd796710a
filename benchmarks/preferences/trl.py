"""TRL as a contender: DPOTrainer in three settings, with our first LoRA matrices.

As of TRL 1.16. Its loss runs through a fused head that passes over prompt and padding; padding-free
batches are announced as temporarily unavailable. Activation checkpointing is on by default, and so
is asking the reference model at every step; asking it once before (`precompute_ref_log_probs`) is
counted in the time, as ours is. Given a PEFT model it would compute the reference through a copy of
the adapter; given the base model and the LoRA settings, as here, it asks the base alone.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import PeftConfig, load_peft_weights, set_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

from preferences.workload import BETA, Pair, Pairs
from tuning.watch import Watch, resident_bytes
from tuning.workload import ADAPTER, BETAS, EPSILON, MAX_GRADIENT_NORM, WEIGHT_DECAY

_TUNED = {"gradient_checkpointing": False, "precompute_ref_log_probs": True}
SETTINGS: dict[str, dict[str, Any]] = {
    "trl-default": {},
    "trl-tuned": _TUNED,
    # One pair a forward pass: next to no padding.
    "trl-single": {**_TUNED, "per_device_train_batch_size": 1},
}
"""What each contender sets beyond what all share."""


class Steps(TrainerCallback):
    """Tells the watch when the loop begins and when an optimizer step has ended."""

    watch: Watch

    def __init__(self) -> None:
        self.parts: list[tuple[float, list[int], int]] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """All is set up; no batch has been drawn."""
        self.watch.start()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Add up the step's forward passes, which TRL has divided by their number."""
        losses, rows, compared = zip(*self.parts, strict=True)
        self.watch.lap(sum(losses), [at for part in rows for at in part], sum(compared))
        self.parts.clear()


class WatchedTrainer(DPOTrainer):
    """DPOTrainer on tokenized pairs that tells what each forward pass trained on."""

    def __init__(self, *, index: Mapping[tuple[int, ...], int], **rest: Any) -> None:
        self.reference_seconds = self.reference_cpu_seconds = 0.0
        self.steps = Steps()
        self.index = index
        super().__init__(callbacks=[self.steps], **rest)

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """The pairs are tokenized already, for everyone."""
        return dataset

    def _precompute_ref_logps(self, *arguments: Any, **named: Any) -> Any:
        """TRL's own, timed: it runs before the loop begins."""
        started, cpu = time.perf_counter(), time.process_time()
        found = super()._precompute_ref_logps(*arguments, **named)
        self.reference_cpu_seconds += time.process_time() - cpu
        self.reference_seconds += time.perf_counter() - started
        return found

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """TRL's own; its loss is a part of the step's."""
        half = len(inputs["input_ids"]) // 2
        chosen = zip(inputs["input_ids"][:half], inputs["attention_mask"][:half], strict=True)
        rows = [self.index[tuple(ids[mask.bool()].tolist())] for ids, mask in chosen]
        compared = int(inputs["completion_mask"].sum())
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.steps.parts.append((loss.item(), rows, compared))
        return loss


def tune(work: Pairs, folder: Path, name: str) -> dict[str, Any]:
    """Train once over the pairs in the settings called `name`; what was noted."""
    datasets.disable_progress_bars()
    torch.set_num_threads(work.settings.threads)
    runtime = resident_bytes()
    base: Any = AutoModelForCausalLM.from_pretrained(work.base, dtype=torch.float32)

    def trained(
        base: Any, pairs: Sequence[Pair], order: Sequence[int], learning_rate: float
    ) -> WatchedTrainer:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            trainer = WatchedTrainer(
                index={(*pair.prompt, *pair.chosen): at for at, pair in enumerate(pairs)},
                model=base,
                peft_config=_adapter(folder),
                args=config(work, name, learning_rate, scratch),
                train_dataset=datasets.Dataset.from_list([_row(pairs[at]) for at in order]),
                processing_class=AutoTokenizer.from_pretrained(work.base),
            )
            set_peft_model_state_dict(trainer.model, load_peft_weights(str(folder / ADAPTER)))
            gc.collect()
            trainer.steps.watch = Watch(runtime, trainer.model)
            trainer.train()
        return trainer

    warm = trained(base, work.warm_up, range(len(work.warm_up)), 0.0)
    base = warm.model.unload()
    del warm
    order = [at for step in work.order for at in step]
    trainer = trained(base, work.pairs, order, work.settings.learning_rate)
    report = trainer.steps.watch.report()
    return {
        **report,
        "seconds": report["seconds"] + trainer.reference_seconds,
        "cpu_seconds": report["cpu_seconds"] + trainer.reference_cpu_seconds,
        "reference_seconds": trainer.reference_seconds,
    }


def config(work: Pairs, name: str, learning_rate: float, scratch: str) -> DPOConfig:
    """What all settings share, and the named ones."""
    chosen = {"per_device_train_batch_size": work.settings.batch_size} | SETTINGS[name]
    return DPOConfig(
        output_dir=scratch,
        **chosen,
        gradient_accumulation_steps=(
            work.settings.batch_size // chosen["per_device_train_batch_size"]
        ),
        beta=BETA,
        max_length=None,
        train_sampling_strategy="sequential",  # our order, so that every step has our pairs
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


def _adapter(folder: Path) -> PeftConfig:
    """The settings of our first LoRA matrices, to be trained on."""
    found = PeftConfig.from_pretrained(str(folder / ADAPTER))
    found.inference_mode = False
    return found


def _row(pair: Pair) -> dict[str, list[int]]:
    return {
        "prompt_ids": pair.prompt,
        "chosen_ids": pair.chosen,
        "rejected_ids": pair.rejected,
    }
