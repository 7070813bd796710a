"""What `metrics.json` says of a model and its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tutelage import ranks
from tutelage.pipeline.data_figures import data_figures
from tutelage.pipeline.prepare import Prepared, items_fingerprint
from tutelage.pipeline.workbench import Workbench
from tutelage.train.loop import Tuned

PREDICTED = ("predicted_memory_bytes", "predicted_memory_parts")


def training_metrics(
    bench: Workbench, prepared: Prepared, tuned: Tuned, before: Mapping[str, Any]
) -> dict[str, Any]:
    """All that is known of a run once it is trained.

    An evaluation that was there stays if the weights handed on are still those it was of.

    Args:
        bench: with the tuned model.
        prepared: what it was trained on.
        tuned: what the loop did.
        before: the run's metrics when it was stopped; empty for a new one.
    """
    found = dict(before)
    if before.get("training", {}).get("handed_on_step") != tuned.handed_on:
        found.pop("evaluation", None)
    evaluated = found["evaluation"]["seconds"] if "evaluation" in found else None
    seconds = tuned.progress.seconds
    return found | {
        "schema": 1,
        "name": bench.recipe.name,
        "model": _model(bench),
        "training": _training(bench, tuned) | _predicted(bench, before),
        "data": _data(prepared),
        "cost": {
            "train_seconds": seconds,
            "evaluate_seconds": evaluated,
            "total_seconds": seconds + (evaluated or 0),
        },
    }


def _predicted(bench: Workbench, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The memory predicted when the run was made; a resumed run predicts nothing anew."""
    if bench.memory is None:
        before = metrics.get("training", {})
        return {name: before.get(name) for name in PREDICTED}
    found = (bench.memory.total, bench.memory.prediction.parts())
    return dict(zip(PREDICTED, found, strict=True))


def _training(bench: Workbench, tuned: Tuned) -> dict[str, Any]:
    progress = tuned.progress
    trainable = bench.method.trainable_parameters(bench.model).values()
    return {
        "method": bench.recipe.model.method,
        "objective": bench.recipe.train.objective,
        "processes": ranks.size(),
        "learning_rate": bench.recipe.train.learning_rate,
        "steps": progress.step,
        "planned_steps": tuned.steps,
        "epochs": tuned.epochs,
        "supervised_tokens": progress.supervised_tokens,
        "tokens": progress.tokens,
        "computed_tokens": progress.computed_tokens,
        "seconds": progress.seconds,
        "tokens_per_second": progress.tokens / progress.seconds if progress.seconds else None,
        "peak_memory_bytes": tuned.peak_memory_bytes,
        "final_loss": tuned.final_loss,
        "best_validation_loss": progress.best_loss,
        "best_step": progress.best_step,
        "handed_on_step": tuned.handed_on,
        "stopped_early": tuned.stopped_early,
        "trainable_parameters": sum(parameter.numel() for parameter in trainable),
        "total_parameters": sum(parameter.numel() for parameter in bench.model.parameters()),
    }


def _data(prepared: Prepared) -> dict[str, Any]:
    sequences = [sequence for example in prepared.train for sequence in example.all_sequences]
    supervised = np.array([sequence.supervised_tokens for sequence in sequences])
    lengths = np.array([len(sequence) for sequence in sequences])
    splits = {
        "train": len(prepared.train),
        "validation": len(prepared.validation),
        "test": len(prepared.items),
    }
    return data_figures(
        prepared.ledger,
        splits,
        items_fingerprint(prepared.items),
        (lengths - supervised).tolist(),
        supervised.tolist(),
    )


def _model(bench: Workbench) -> dict[str, Any]:
    tokenizer = bench.renderer.tokenizer
    return {
        "base": bench.recipe.model.base,
        "template_source": bench.renderer.template.origin,
        "stop_tokens": [tokenizer.decode([stop]) for stop in sorted(bench.stop_ids)],
        "dtype": str(bench.loaded.dtype).removeprefix("torch."),
        "device": str(bench.loaded.device),
        "notes": bench.notes,
    }
