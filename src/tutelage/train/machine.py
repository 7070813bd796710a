"""What the loop asks of the machine: memory used, less of it, and seeds for dropout."""

from __future__ import annotations

import resource
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from tutelage.errors import UserError


def peak_memory(device: torch.device) -> int:
    """Most bytes held so far: by the device's allocator on CUDA, by the process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def seeded(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Make torch's random numbers a function of seed and step; the outer state comes back."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed * 1_000_003 + step)
        yield


def recompute_activations(model: PreTrainedModel) -> None:
    """Keep only each layer's input for the backward pass (Chen et al. 2016).

    Raises:
        UserError: the model cannot.
    """
    if not model.supports_gradient_checkpointing:
        raise UserError(
            f"{type(model).__name__} cannot recompute its activations",
            where="train.activation_checkpointing",
            fix="set it to false; lower train.micro_batch_tokens to save memory",
        )
    with warnings.catch_warnings():  # transformers 5.17 has only the name that 5.23 regrets
        warnings.simplefilter("ignore", FutureWarning)
        model.gradient_checkpointing_enable(  # type: ignore[no-untyped-call]
            gradient_checkpointing_kwargs={"use_reentrant": False}
        )
