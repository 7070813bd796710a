"""Tuning runs that any number of processes may share; under torchrun this script makes them all."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from made_loop import make_loop
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.debug import CommDebugMode

from tutelage.model import linear_cross_entropy
from tutelage.train.distribution import ALONE, World, joined
from tutelage.train.loop import Loop

EPSILON = 1e-5
"""AdamW divides a gradient by its own size; with the default of 1e-8 one that is nothing but
rounding is blown up to a whole step."""
ONE_PACK = {"micro_batch_tokens": 1000, "validate_every": 4}
RUNS: dict[str, dict[str, Any]] = {
    # Steps of 4, 4, 4 and 1 example: packs even and odd in number, and a step of one pack.
    "lora": {"dropout": 0.2, "micro_batch_tokens": 40},
    "full": {"method": "full", "micro_batch_tokens": 16, "weight_decay": 0.1},
    "untied": {"method": "full", "kind": "qwen3", "dropout": 0.2, "activation_checkpointing": True},
    "one pack": {"method": "full", **ONE_PACK},
    "transposed": {"kind": "gpt2", "activation_checkpointing": True},
    "bfloat16": {"dtype": torch.bfloat16},
    "prefix": {"method": "prefix"},
    "adapter": {"method": "adapter", "activation_checkpointing": True},
    "dpo": {"objective": "dpo", "count": 9},
    "unlikelihood": {"objective": "unlikelihood", "method": "full", "count": 9},
    "continued lora": {"dropout": 0.2},
    "continued full": {"method": "full"},
}
"""What each run differs in; the gradients of all are clipped."""


def made(folder: Path, name: str, world: World = ALONE) -> Loop:
    """The loop of a run in its own folder below `folder`."""
    all_of_them = {
        "checkpoint_every": 3,
        "keep_checkpoints": 9,
        "max_gradient_norm": 0.5,
        "epsilon": EPSILON,
    }
    loop: Any = partial(Loop, world=world)
    return make_loop(folder / name, loop=loop, **{**all_of_them, **RUNS[name]})


def finish(folder: Path, name: str, world: World = ALONE) -> None:
    """Make the run, or continue it where it has checkpoints; leave its weights beside it."""
    started = (folder / name / "checkpoints").exists()
    world.wait()
    loop = made(folder, name, world)
    loop.run(resume=started)
    weights = loop.weights()
    if world.leads:
        save_file(weights, folder / f"{name}.safetensors")


def count_collectives(folder: Path, world: World) -> dict[str, int]:
    """Gathers and reductions of one pass over two layers, its loss in chunks of one token."""
    linear_cross_entropy.CHUNK_LOGITS = 1
    loop = made(folder, "untied", world)
    assert all(isinstance(value, DTensor) for value in loop.optimizer.parameters.values())
    (pack, *_) = loop.passes.packs(loop.examples[:1])
    loop.passes.backward(0, [pack])
    with CommDebugMode() as mode:
        loop.passes.backward(1, [pack])
    return {str(kind).rpartition(".")[2]: n for kind, n in mode.get_comm_counts().items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    with joined(torch.device("cpu")) as shared:
        for run in RUNS:
            finish(out, run, shared)
        counts = count_collectives(out / "counted", shared)
        if shared.leads:
            (out / "counts.txt").write_text(repr(counts))
