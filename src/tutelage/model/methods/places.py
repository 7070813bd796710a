"""Where adapters go: behind attention, behind the feed-forward block, and what goes into that.

In each layer, attention ends with the first linear layer after the attention function that gives
the stream's width, and the feed-forward block with the last one of the layer. A block that is a
module whose output is that layer's is taken whole (Llama's `mlp`, T5's `DenseReluDense`), the rest
by its linear layers (BERT's `output.dense`, BART's `fc2`). That each place is what it is taken for
is proven on a few tokens: what is added there to one token reaches the layer's output at that
token, and, as nothing behind it mixes tokens, at no other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tutelage.model.attention import NAME, using
from tutelage.model.fused.modules import FusedGated
from tutelage.model.methods.structure import (
    Asking,
    Call,
    Plain,
    Watched,
    first_tensor,
    layer_of,
    refused,
    watch,
)


@dataclass(frozen=True)
class LayerPlaces:
    """One layer's blocks, by the names of the modules that end or are them.

    Attributes:
        layer: the layer.
        attention: the linear layers that end attention; a decoder that reads an encoder has two.
        feed_forward: the feed-forward block, or the linear layer that ends it.
        reader: the module whose input is the feed-forward block's.
        width: features of what is read and given.
    """

    layer: str
    attention: tuple[str, ...]
    feed_forward: str
    reader: str
    width: int


@torch.no_grad()
def find_places(model: PreTrainedModel) -> list[LayerPlaces]:
    """The blocks of every layer, in the order in which they run; a shared layer once.

    Raises:
        UserError: a layer has no such blocks.
    """
    watched = watch(model)
    names = dict.fromkeys(layer_of(model, asking.name) for asking in watched.askings)
    if not names or None in names:
        raise refused(model, "adapter", "its layers are not in a list")
    found: list[LayerPlaces] = []
    for call in watched.calls:
        if call.name in names and call.name not in {places.layer for places in found}:
            places = _places(model, watched, call)
            _prove(model, call, places)
            found.append(places)
    return found


def _places(model: PreTrainedModel, watched: Watched, layer: Call) -> LayerPlaces:
    if layer.output is None:
        raise refused(model, "adapter", f"{layer.name} gives no tensor")
    if any(p.ndim == 3 for _, p in _stacks(model.get_submodule(layer.name))):
        raise refused(
            model, "adapter", f"the feed-forward block of {layer.name} is a stack of experts"
        )
    width = layer.output.shape[-1]
    events = watched.within(layer)
    linear = [
        (at, event)
        for at, event in enumerate(events)
        if isinstance(event, Call) and _is_linear(model.get_submodule(event.name))
    ]
    ends = [(at, event) for at, event in linear if _width(event) == width]
    attention = []
    last = -1
    for asked in (at for at, event in enumerate(events) if isinstance(event, Asking)):
        after = [(at, event.name) for at, event in ends if at > asked]
        if not after:
            raise refused(model, "adapter", f"no linear layer ends the attention of {layer.name}")
        last = after[0][0]
        attention.append(after[0][1])
    block = [event for at, event in linear if at > last]
    if not block or _width(block[-1]) != width:
        raise refused(model, "adapter", f"no linear layer ends the feed-forward of {layer.name}")
    whole = _climbed(events, block[-1], layer.name)
    inside = all(_is_in(event.name, whole) for event in block)
    return LayerPlaces(
        layer.name, tuple(attention), whole, whole if inside else block[0].name, width
    )


def _stacks(layer: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters of a layer but those of convolutions."""
    return [
        found
        for module in layer.modules()
        if not isinstance(module, nn.Conv1d)
        for found in module.named_parameters(recurse=False)
    ]


def _climbed(events: list[Call | Asking], end: Call, layer: str) -> str:
    """The largest module that gives what its last linear layer gives."""
    assert end.output is not None
    name = end.name
    for event in events:
        same = (
            isinstance(event, Call) and event.output is not None and _same(event.output, end.output)
        )
        if (
            same
            and _is_in(end.name, event.name)
            and len(event.name) < len(name)
            and event.name != layer
        ):
            name = event.name
    return name


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.data_ptr() == other.data_ptr()


def _is_in(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _is_linear(module: nn.Module) -> bool:
    """Whether a module ends a block: linear layers, and blocks that compute theirs themselves."""
    return isinstance(module, nn.Linear | Conv1D | FusedGated)


def _width(call: Call) -> int | None:
    return None if call.output is None else call.output.shape[-1]


def _prove(model: PreTrainedModel, call: Call, places: LayerPlaces) -> None:
    """Move one token behind each block, and see what becomes of the layer's output."""
    layer = model.get_submodule(call.name)
    training, attention = model.training, model.config._attn_implementation
    model.train(False)
    model.set_attn_implementation(NAME)

    def output() -> Tensor:
        with using(Plain()):
            found = first_tensor(layer(*call.inputs, **call.keywords))
        assert found is not None
        return found

    try:
        before = output()
        for name in (*places.attention, places.feed_forward):
            handle = model.get_submodule(name).register_forward_hook(_moved)
            try:
                after = output()
            finally:
                handle.remove()
            changed = (after != before).any(dim=-1).flatten()
            if not changed[0] or changed[1:].any():
                raise refused(model, "adapter", f"{name} is not the end of a block")
    finally:
        model.set_attn_implementation(attention)
        model.train(training)


def _moved(_module: nn.Module, _inputs: object, output: object) -> object:
    first = first_tensor(output)
    assert first is not None
    moved = first.clone()
    moved.view(-1, moved.shape[-1])[0] += torch.linspace(1, 2, moved.shape[-1]).to(moved)
    return (moved, *output[1:]) if isinstance(output, tuple) else moved
