"""Predict the peak memory of a training step, by parts, without taking it.

The pack that needs most is run forwards and backwards on tensors without data, and every byte
that is alive is counted (see `live_bytes`): no table of architectures, no formula to keep up with
the code. What stands there besides is known exactly (parameters, gradients, the optimizer's
state) or read from the process. Measured against real runs in benchmarks/RESULTS.md, "memory".

It is right within 10 % where freed tensors go back to the operating system, as under
`train.memory_limit`; see `machine.give_back_memory`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import PreTrainedModel

from tutelage.model.families.family import decoder
from tutelage.train.live_bytes import LiveBytes, Phase
from tutelage.train.machine import peak_memory


class UnpredictableError(Exception):
    """What the model computes depends on the data in a way that only a real pass can follow."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Peak memory of training in bytes, by what takes it when most is taken.

    Attributes:
        runtime: what the process (CPU) or the device (CUDA) holds besides the parameters.
        parameters: trained and frozen ones, and buffers.
        optimizer: running means, and float32 masters of 16-bit weights.
        gradients: of all trained parameters, or of those that have one at the peak.
        activations: what the forward pass keeps for the backward pass.
        logits: a chunk of logits, and what the loss keeps.
        temporaries: what the backward pass holds for a moment.
    """

    runtime: int
    parameters: int
    optimizer: int
    gradients: int
    activations: int
    logits: int
    temporaries: int

    @property
    def total(self) -> int:
        """All parts together."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, int]:
        """Bytes by the names above."""
        return asdict(self)


@dataclass(frozen=True)
class MemoryPlan:
    """What a run is predicted to take, and with what settings.

    Attributes:
        prediction: at the peak of training.
        before: the most the process (CPU) has held until now, while loading say.
        settings: what was chosen, in words.
    """

    prediction: Prediction
    before: int
    settings: str

    @property
    def total(self) -> int:
        """Predicted peak of the run."""
        return max(self.prediction.total, self.before)


def predict(
    model: PreTrainedModel,
    trained: Mapping[str, nn.Parameter],
    trial: Callable[[], object],
    *,
    accumulating: bool,
    state: int,
    runtime: int,
) -> Prediction:
    """Predict the peak of the steps that need most memory.

    Args:
        model: prepared, recomputing what it is to recompute.
        trained: the trained parameters.
        trial: runs the largest pack forwards and backwards.
        accumulating: a step has several packs.
        state: bytes of the optimizer's state.
        runtime: of `runtime_bytes`.

    Raises:
        UnpredictableError: see there.
    """
    peak = trace(model, trial, accumulating=accumulating)
    gradients = tensor_bytes(trained.values())
    if accumulating:
        peak["gradients"] = gradients
    # The optimizer sees all gradients at once, in float32.
    stepping = sum(parameter.numel() * max(4, parameter.itemsize) for parameter in trained.values())
    if stepping > sum(peak.values()):
        peak = {"activations": 0, "logits": 0, "temporaries": 0, "gradients": stepping}
    parameters = tensor_bytes([*model.parameters(), *model.buffers()])
    return Prediction(runtime=runtime, parameters=parameters, optimizer=state, **peak)


def trace(
    model: PreTrainedModel, trial: Callable[[], object], *, accumulating: bool
) -> dict[Phase, int]:
    """Bytes that are alive at the peak of a trial, by phase, besides parameters and buffers.

    Raises:
        UnpredictableError: see there.
    """
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    # What stands for a weight in the pass takes no memory of its own.
    weights = [fake.from_tensor(t) for t in (*model.parameters(), *model.buffers())]
    live = LiveBytes(model.parameters(), weights)
    live.accumulating = accumulating
    backbone = decoder(model)

    def forwards(*_: object) -> None:
        live.phase = "activations"

    def backwards(_: Tensor) -> None:
        live.phase = "temporaries"

    def to_the_loss(_module: nn.Module, _inputs: object, output: object) -> None:
        live.phase = "logits"
        hidden = output.last_hidden_state  # type: ignore[attr-defined]
        if hidden.requires_grad:
            hidden.register_hook(backwards)

    hooks = [
        backbone.register_forward_pre_hook(forwards),
        backbone.register_forward_hook(to_the_loss),
    ]
    try:
        with fake, live:
            trial()
    except Exception as error:  # an operation without a fake version can fail anyhow
        raise UnpredictableError(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    finally:
        for hook in hooks:
            hook.remove()
        model.zero_grad(set_to_none=True)
    return live.peak


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of tensors, memory that several of them share counted once."""
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


def runtime_bytes(model: PreTrainedModel) -> int:
    """Bytes held now besides the model's parameters and buffers: by the process, or on CUDA by
    the device's allocator."""
    tensors = [*model.parameters(), *model.buffers()]
    if model.device.type == "cuda":
        return int(torch.cuda.memory_allocated(model.device)) - tensor_bytes(tensors)
    with torch.no_grad():
        for tensor in tensors:  # weights are mapped from their file, and not yet read
            tensor.sum()
    return max(0, _resident() - tensor_bytes(tensors))


def _resident() -> int:
    """Bytes of this process in memory; the most there ever were where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_memory(torch.device("cpu"))
    return pages * _PAGE


_PAGE = os.sysconf("SC_PAGE_SIZE")
