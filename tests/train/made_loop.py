"""A whole tuning run over a tiny model, in this process."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from forests import examples, rendered
from torch import Tensor

import tiny_models
from tutelage.data.mixture import Mixture
from tutelage.model.families import families
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.prompt.renderer import Rendered
from tutelage.rundir import TrainLog
from tutelage.train.checkpoint import Checkpoints
from tutelage.train.example import TrainingExample
from tutelage.train.loop import Loop
from tutelage.train.objectives import objectives
from tutelage.train.options import TrainOptions
from tutelage.train.trackers import Tracker

UNEQUAL = ("seconds", "peak_memory_bytes")
"""Fields of the log that differ between two equal runs."""


def made_sequences(count: int, seed: int = 0) -> list[Rendered]:
    """Prompts that share a beginning, each with its answer."""
    random = np.random.default_rng(seed)
    stem = random.integers(2, 300, 12).tolist()
    made = []
    for _ in range(count):
        prompt = [*stem, *random.integers(2, 300, random.integers(1, 9)).tolist()]
        answer = random.integers(2, 300, random.integers(1, 9)).tolist()
        made.append(rendered(prompt + answer, [0.0] * len(prompt) + [1.0] * len(answer)))
    return made


def made_preferences(count: int, seed: int = 0) -> list[TrainingExample]:
    """The same prompts and answers, each with one undesired answer or two."""
    random = np.random.default_rng(seed)
    made = []
    for example in examples(made_sequences(count, seed)):
        (desired,) = example.sequences
        prompt = desired.ids[: int(desired.weights.argmax())].tolist()
        answers = [random.integers(2, 300, n).tolist() for n in random.integers(1, 9, 2)]
        negatives = tuple(
            rendered(prompt + answer, [0.0] * len(prompt) + [1.0] * len(answer))
            for answer in answers[: 1 + len(made) % 2]
        )
        made.append(replace(example, negatives=negatives))
    return made


def make_loop(
    folder: Path,
    *trackers: Tracker,
    kind: str = "llama",
    method: str = "lora",
    dtype: torch.dtype = torch.float32,
    dropout: float = 0.0,
    count: int = 13,
    validation: int = 5,
    loop: type[Loop] = Loop,
    fingerprint: str = "made",
    mixture: Mixture | None = None,
    **train: Any,
) -> Loop:
    """A loop over a fresh model; its log and checkpoints are in `folder`."""
    folder.mkdir(exist_ok=True)
    shape = {"attention_dropout": dropout} if method == "full" else {}
    model = tiny_models.make_model(kind, **shape).to(dtype)
    lora = {"lora": LoraOptions(rank=4, dropout=dropout)} if method == "lora" else {}
    methods.get(method).prepare(model, ModelOptions(method=method, **lora), seed=0)
    settings = {"batch_size": 4, "epochs": 2, "micro_batch_tokens": 48, **train}
    options = TrainOptions(**settings)

    def data(count: int, seed: int = 0) -> list[TrainingExample]:
        if options.objective == "supervised":
            return examples(made_sequences(count, seed))
        return made_preferences(count, seed)

    def base() -> AbstractContextManager[None]:
        chosen = methods.get(method)
        return chosen.disabled(model) if chosen.keeps_base else nullcontext()

    return loop(
        model,
        families.get("causal"),
        objectives.get(options.objective)(options),
        methods.get(method).trainable_parameters(model),
        data(count),
        data(validation, seed=1),
        options,
        options.learning_rate or 1e-2,
        TrainLog(folder / "log.jsonl"),
        Checkpoints(folder / "checkpoints", options.keep_checkpoints),
        trackers,
        fingerprint=fingerprint,
        base=base,
        mixture=mixture,
    )


def weights(loop: Loop) -> dict[str, Tensor]:
    """A copy of the trained parameters."""
    return {name: p.detach().clone() for name, p in loop.optimizer.parameters.items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two sets of weights are equal to the last bit."""
    return first.keys() == second.keys() and all(
        torch.equal(tensor, second[name]) for name, tensor in first.items()
    )


def log_rows(folder: Path) -> list[dict[str, Any]]:
    """The log without what differs between equal runs."""
    rows = TrainLog(folder / "log.jsonl").rows()
    return [{key: row[key] for key in row if key not in UNEQUAL} for row in rows]
