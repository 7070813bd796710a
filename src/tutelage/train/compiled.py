"""Compile a model's repeated block once and use it for all layers, in training passes only.

`torch.compile` for a whole model takes minutes, and most of it goes into the same block again and
again ("regional compilation", as torchtitan and PyTorch's tutorial do it). Three things keep it to
one compilation: token counts are dynamic; attention, whose calls differ from pack to pack, stays
outside (`attention` is a break in the graph); and the first block is left as it is where its input
has no gradient, which would be another variant. Validation and decoding run as ever.

Under the compiler our fused functions are their plain definitions: they hide from it what it is to
fuse. So it replaces them rather than adding to them, and on a CPU that hardly pays: 51 processor
seconds for 3 % of a step (benchmarks/RESULTS.md, "compile by repeated block").
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.families.family import repeated_layers
from tutelage.train.distribution import World
from tutelage.train.options import TrainOptions

BACKEND = "inductor"
"""torch.compile's; others only trace."""


def compiled_passes(
    model: PreTrainedModel, options: TrainOptions, world: World
) -> Callable[[], AbstractContextManager[None]]:
    """The context for a run's training passes.

    Raises:
        UserError: the run is to be compiled, and cannot be.
    """
    if options.compile == "never":
        return nullcontext
    if options.recomputed != "none":
        raise _refused("layers that are computed again in the backward pass are not compiled")
    if model.config.is_encoder_decoder or not model.can_generate():
        raise _refused("compiling has been proven for decoder-only models only")
    if world.size > 1:
        raise _refused("compiling has been proven in one process only")
    return CompiledBlocks(model).used


class CompiledBlocks:
    """The repeated layers of a model, compiled while asked for.

    Args:
        model: as it is to be trained; nothing is compiled before the first pass.

    Raises:
        UserError: there is nothing to compile, or nothing to compile it with.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        layers = repeated_layers(model)
        if not layers:
            raise _refused(f"{type(model).__name__} has no repeated layers that are known")
        _check_compiler(model.device.type)
        self._calls = [(layer, _compiled_call(layer)) for layer in _with_gradient(model, layers)]

    @contextmanager
    def used(self) -> Iterator[None]:
        """Layers run compiled in here; spans the backward pass too."""
        for layer, call in self._calls:
            layer._compiled_call_impl = call
        try:
            yield
        finally:
            for layer, _ in self._calls:
                layer._compiled_call_impl = None


def _compiled_call(layer: nn.Module) -> Callable[..., Any] | None:
    """What `nn.Module.compile` has a module call; it is taken out again until it is wanted."""
    layer.compile(dynamic=True, backend=BACKEND)
    call, layer._compiled_call_impl = layer._compiled_call_impl, None
    return call


def _with_gradient(model: PreTrainedModel, layers: list[nn.Module]) -> list[nn.Module]:
    embeddings: nn.Module = model.get_input_embeddings()
    trained = any(weight.requires_grad for weight in embeddings.parameters())
    return layers if trained else layers[1:]


def _check_compiler(device: str) -> None:
    compiler = os.environ.get("CXX", "g++")
    if device == "cpu" and shutil.which(compiler) is None:
        raise UserError(
            f"compiling for a CPU needs a C++ compiler, and {compiler} is not there",
            where="train.compile",
            fix="install g++, name another compiler in CXX, or leave train.compile out",
        )


def _refused(what: str) -> UserError:
    return UserError(what, where="train.compile", fix="leave it out")
