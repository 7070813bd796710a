"""Several processes share one run: each holds a part of the weights and computes a part of a step.

The same loop runs in every process that `torchrun` started. What a step trains on and how it is
packed are pure functions, so all know the whole step and nothing about it is sent around: a
process takes its packs, FSDP2 (`fully_shard`; Zhao et al. 2023) gathers one layer's weights at a
time and adds up their gradients, and a few numbers are exchanged. Every pass is a collective, so
all make as many; one that has no pack left makes a small one that weighs nothing. With one
process there is no group, no sharding, and none of this costs anything.

The unit that FSDP wraps is a whole pass, from tokens to loss, and not the model (`Unit`). So
embeddings, last norm and head are gathered once a pass, however many chunks the loss is formed in
(TRL #6076 gathers the head once a chunk), and the head's gradient is reduced once, tied or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from tutelage import ranks
from tutelage.errors import UserError
from tutelage.model.families.family import repeated_layers

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, who may be reading data or trying the largest step.
A process that has died is noticed by torchrun, at once."""


P = TypeVar("P")


class Unit(nn.Module):
    """A module whose forward pass is whatever is computed with a model.

    Outside of it the model's weights may be in parts; inside, embeddings and head are whole.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, compute: Callable[[PreTrainedModel], Any]) -> Any:
        """What `compute` makes of the model."""
        return compute(self.model)


class World:
    """The processes of a run, seen from one of them.

    Args:
        mesh: the processes that share the weights, in one dimension; None if this one is alone.
    """

    def __init__(self, mesh: DeviceMesh | None = None) -> None:
        self.mesh = mesh
        self.rank = 0 if mesh is None else mesh.get_rank()
        self.size = 1 if mesh is None else mesh.size()

    @property
    def leads(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.rank == 0

    def shard(self, unit: Unit, parameters: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        """Spread the model's weights over the processes, in place.

        Args:
            unit: whose weights; each repeated layer is gathered alone, the rest with the pass.
            parameters: the trainable ones, by their names in the model.

        Returns:
            The trainable ones as they are now: each process's part of them.

        Raises:
            UserError: they have several precisions, which FSDP does not reduce together.
        """
        if self.mesh is None:
            return dict(parameters)
        _check_precisions(parameters)
        precision = next(iter(parameters.values())).dtype
        # Gradients of 16 bits would lose more with every process they are added over.
        policy = MixedPrecisionPolicy(reduce_dtype=torch.promote_types(precision, torch.float32))
        for module in [*reversed(repeated_layers(unit.model)), unit]:
            fully_shard(module, mesh=self.mesh, mp_policy=policy)
            assert isinstance(module, FSDPModule)
            # The loop divides by the weight of the whole step, so gradients are added up.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
        return {name: unit.model.get_parameter(name) for name in parameters}

    def release(self, unit: Unit) -> None:
        """Drop the weights that passes without gradients have left gathered."""
        if isinstance(unit, FSDPModule):
            unit.reshard()

    def share(self, packs: Sequence[P], cost: Callable[[P], int]) -> Iterator[tuple[int | None, P]]:
        """The packs that this process computes, one a pass.

        All wait in a pass for the longest of its packs, so packs of nearly equal cost are computed
        together, and as few passes are made as can be.

        Yields:
            A pack and its place among all; or, where none is left for this process, the cheapest
            of all without a place: it is to take part in the pass, and to weigh nothing.
        """
        places = range(len(packs))
        if self.size == 1:
            yield from zip(places, packs, strict=True)
            return
        longest_first = sorted(places, key=lambda place: -cost(packs[place]))
        for first in range(0, len(packs), self.size):
            together = longest_first[first : first + self.size]
            if self.rank < len(together):
                yield together[self.rank], packs[together[self.rank]]
            else:
                yield None, packs[longest_first[-1]]

    def sum(self, values: Sequence[float]) -> list[float]:
        """Each value added up over all processes, the same to the last bit in each."""
        return [sum(found) for found in zip(*self._all(values), strict=True)]

    def maximum(self, value: float) -> float:
        """The largest value of any process."""
        return max(found for (found,) in self._all([value]))

    def gathered(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors from everybody's parts, in the first process; nothing in the others.

        All processes call it with the same names in the same order. The first one needs host
        memory for all of it, the others for one tensor at a time.
        """
        if self.size == 1:
            return dict(tensors)
        found = {}
        for name, tensor in tensors.items():
            full = whole(tensor)
            if self.leads:
                found[name] = full.cpu()
        return found

    def wait(self) -> None:
        """Until all processes are here."""
        self._all([0.0])

    def check_same(self, fingerprint: str) -> None:
        """Make sure that all processes are about to do the same.

        Raises:
            UserError: they have prepared different things.
        """
        if self.size == 1:
            return
        found: list[str] = [""] * self.size
        dist.all_gather_object(found, fingerprint)
        if len(set(found)) > 1:
            raise UserError(
                "the processes have read different data, models or recipes",
                where=f"{self.size} processes under torchrun",
                fix="give every machine the same files and the same versions of the packages",
            )

    def _all(self, values: Sequence[float]) -> list[list[float]]:
        """Every process's values, by rank."""
        if self.size == 1:
            return [list(values)]
        mine = torch.tensor(values, dtype=torch.float64)
        found = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(found, mine)
        return [tensor.tolist() for tensor in found]


ALONE = World()


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """The processes that torchrun started, joined in a group until the end; alone without it.

    Join them when the data is prepared: a group does not wait for ever (LLaMA-Factory #2424).

    Args:
        device: where this process computes.
    """
    if ranks.size() == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    world = World(init_device_mesh(device.type, (ranks.size(),)))
    yield world
    # After an error there is nobody to take leave of.
    world.wait()
    dist.destroy_process_group()


def take_device(device: str) -> None:
    """Make `cuda` mean this process's own GPU.

    Args:
        device: the recipe's `model.device`.

    Raises:
        UserError: there is none for it.
    """
    if ranks.size() == 1 or device == "cpu":
        return
    where, gpus = "model.device", torch.cuda.device_count()
    if device.startswith("cuda:"):
        raise UserError(
            f"'{device}' is one GPU, and torchrun started {ranks.local_size()} processes here",
            where=where,
            fix="set model.device: cuda, which gives each process its own",
        )
    if gpus == 0:  # `auto` means the CPU, and `cuda` is refused where the model is loaded
        return
    if ranks.local_size() > gpus:
        raise UserError(
            f"torchrun started {ranks.local_size()} processes here, and there are {gpus} GPUs",
            where=where,
            fix=f"start {gpus} with --nproc-per-node, or set model.device: cpu",
        )
    torch.cuda.set_device(ranks.local_rank())


def whole(tensor: Tensor) -> Tensor:
    """A tensor from everybody's parts; all processes call it together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(full: Tensor, tensor: Tensor) -> Tensor:
    """This process's part of a whole tensor, cut as `tensor` is and on its device.

    What has another shape (an optimizer's count of steps) is in no parts.
    """
    full = full.to(tensor.device)
    if not isinstance(tensor, DTensor) or full.shape != tensor.shape:
        return full
    # Every process has read the whole, so nothing needs to be sent.
    return distribute_tensor(full, tensor.device_mesh, tensor.placements, src_data_rank=None)


def _check_precisions(parameters: Mapping[str, nn.Parameter]) -> None:
    found = {str(parameter.dtype).removeprefix("torch.") for parameter in parameters.values()}
    if len(found) > 1:
        raise UserError(
            f"the trained weights are of several precisions: {', '.join(sorted(found))}",
            where="several processes under torchrun",
            fix="set model.precision: float32, or train in one process",
        )
