"""LLaMA-Factory as a contender: its own `run_exp` on rows tokenized beforehand (`tokenized_path`).

As of LLaMA-Factory 0.9.5, whose pins (transformers up to 5.6, PEFT 0.18, TRL up to 0.24) need an
environment of their own. What its users are told to set is set: activation checkpointing off where
memory allows, batches of 8, float32 as for everyone. Rows come in our order, padded, so every step
has our samples; it logs a step's loss to four decimals, and these are what is compared.
"""

from __future__ import annotations

import gc
import math
import tempfile
from pathlib import Path
from typing import Any

import datasets
import torch
from llamafactory.train.tuner import run_exp
from transformers import TrainerCallback

from tuning.watch import Watch, held_out_loss, resident_bytes
from tuning.workload import (
    ADAPTER,
    BETAS,
    EPSILON,
    MAX_GRADIENT_NORM,
    MICRO_BATCH,
    WEIGHT_DECAY,
    Row,
    Workload,
)


class Steps(TrainerCallback):
    """Makes a watch when training begins, and tells it of each step and its logged loss."""

    def __init__(self, work: Workload, runtime_bytes: int) -> None:
        self.work = work
        self.runtime_bytes = runtime_bytes
        self.report: dict[str, Any] = {}

    def on_train_begin(self, *_: Any, model: torch.nn.Module, **__: Any) -> None:
        """All is set up; no batch has been drawn."""
        self.watch = Watch(self.runtime_bytes, model)
        self.watch.start()

    def on_step_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        """The dataset is in our order and is not shuffled."""
        rows = self.work.order[state.global_step - 1]
        self.watch.lap(math.nan, rows, sum(self.work.rows[row].supervised for row in rows))

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        """A step's loss, after its end."""
        if "loss" in logs:
            self.watch.losses[-1] = float(logs["loss"])

    def on_train_end(self, *_: Any, model: torch.nn.Module, **__: Any) -> None:
        """Before the model is saved and gone."""
        report = self.watch.report()
        self.report = {**report, "held_out_loss": held_out_loss(model, self.work.held_out)}


def tune(work: Workload, folder: Path) -> dict[str, Any]:
    """Train once over the rows; what was noted."""
    torch.set_num_threads(work.settings.threads)
    steps = Steps(work, resident_bytes())
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _run(work, work.warm_up, 0.0, folder, Path(scratch) / "warm_up", [])
        gc.collect()
        rows = [work.rows[at] for step in work.order for at in step]
        _run(work, rows, work.settings.learning_rate, folder, Path(scratch) / "rows", [steps])
    return steps.report


def _run(
    work: Workload,
    rows: list[Row],
    learning_rate: float,
    folder: Path,
    scratch: Path,
    callbacks: list[TrainerCallback],
) -> None:
    columns = [
        {"input_ids": row.ids, "attention_mask": [1] * len(row.ids), "labels": row.labels}
        for row in rows
    ]
    tokenized = datasets.DatasetDict({"train": datasets.Dataset.from_list(columns)})
    tokenized.save_to_disk(str(scratch / "tokenized"))
    settings = {
        "stage": "sft",
        "do_train": True,
        "model_name_or_path": work.base,
        "finetuning_type": work.settings.method,
        "disable_gradient_checkpointing": True,
        "dataset": "tokenized",
        "tokenized_path": str(scratch / "tokenized"),
        "template": "empty",
        "disable_shuffling": True,
        "output_dir": str(scratch / "output"),
        "per_device_train_batch_size": MICRO_BATCH,
        "gradient_accumulation_steps": work.settings.batch_size // MICRO_BATCH,
        "num_train_epochs": 1,
        "learning_rate": learning_rate,
        "lr_scheduler_type": "constant",
        "adam_beta1": BETAS[0],
        "adam_beta2": BETAS[1],
        "adam_epsilon": EPSILON,
        "weight_decay": WEIGHT_DECAY,
        "max_grad_norm": MAX_GRADIENT_NORM,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "seed": work.settings.seed,
        "disable_tqdm": True,
    }
    if work.settings.method == "lora":
        # Goes on training these matrices, as after an earlier run of its own.
        settings["adapter_name_or_path"] = str(folder / ADAPTER)
    run_exp(settings, callbacks)
