"""The bytes counted on tensors without data are those that a real pass holds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from made_loop import make_loop
from torch.profiler import ProfilerActivity, profile

from tutelage.train.loop import Loop
from tutelage.train.memory import Prediction, predict, tensor_bytes, trace
from tutelage.train.optimizer import standing_bytes
from tutelage.train.recompute import recompute_activations

CASES = [
    ("llama", "lora", torch.float32, "none"),
    ("llama", "lora", torch.float32, "selective"),
    ("llama", "lora", torch.float32, "full"),
    ("llama", "full", torch.bfloat16, "none"),
    ("gemma3_text", "full", torch.float32, "selective"),
    ("gpt2", "lora", torch.bfloat16, "full"),
    ("llama", "prefix", torch.float32, "selective"),
    ("llama", "adapter", torch.float32, "full"),
]


def allocated(loop: Loop) -> int:
    """What the allocator gave at most during a real pass, above what it had given before.

    Read from the profiler's record of every allocation, those inside of kernels included.
    """
    pack = max(loop.longest(), key=len)
    loop.try_pack(pack)  # kernels set themselves up
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        loop.try_pack(pack)
    held = most = 0
    for event in recorded.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Kernels set aside some KiB for each thread, which is much beside so small a model."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("kind", "method", "dtype", "mode"), CASES)
def test_counted_without_data_as_allocated_with(
    tmp_path: Path, kind: str, method: str, dtype: torch.dtype, mode: str
) -> None:
    loop = make_loop(
        tmp_path,
        kind=kind,
        method=method,
        dtype=dtype,
        activation_checkpointing=mode,
        micro_batch_tokens=512,
        count=24,
        batch_size=24,
    )
    pack = max(loop.longest(), key=len)
    before = {name: p.detach().clone() for name, p in loop.optimizer.parameters.items()}
    counted = sum(trace(loop.model, partial(loop.try_pack, pack), accumulating=False).values())
    assert counted == pytest.approx(allocated(loop), rel=0.1)
    for name, parameter in loop.optimizer.parameters.items():
        assert parameter.grad is None and torch.equal(parameter, before[name])


def predicted(loop: Loop, accumulating: bool = False) -> Prediction:
    parameters = loop.optimizer.parameters
    return predict(
        loop.model,
        parameters,
        partial(loop.try_pack, max(loop.longest(), key=len)),
        accumulating=accumulating,
        state=standing_bytes(parameters, loop.options),
        runtime=1000,
    )


def test_parts_are_what_they_are_called(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, method="full")
    found = predicted(loop, accumulating=True)
    weights = tensor_bytes(loop.model.parameters())
    assert found.runtime == 1000
    assert found.parameters == weights + tensor_bytes(loop.model.buffers())
    assert found.gradients == weights
    assert found.optimizer == 2 * weights
    assert found.activations > 0 and found.logits > 0
    assert found.total == sum(found.parts().values())


def test_less_is_predicted_for_less(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, count=30, batch_size=30, micro_batch_tokens=400)
    totals = []
    for mode in ("none", "selective", "full"):
        recompute_activations(loop.model, mode)
        totals.append(predicted(loop).total)
    assert totals == sorted(totals, reverse=True) and len(set(totals)) == 3
    loop.passes.budget = 100
    assert predicted(loop).total < totals[-1]


def test_the_optimizers_step_counts_too(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, method="full", dtype=torch.bfloat16, count=1, validation=0)
    recompute_activations(loop.model, "full")
    found = predicted(loop)
    standing = found.runtime + found.parameters + found.optimizer
    # 16-bit gradients are turned into float32, all of them.
    assert found.total - standing >= 2 * tensor_bytes(loop.model.parameters())
