"""Find what can be fused, prove that it computes the same, and put it in place.

A module is a candidate by its children and proven by its values: the model reads a few tokens once
while its candidates' inputs and outputs are written down, and a fused module goes in only where it
gives the same output for the same input. So an architecture that only looks alike (rotations of
other pairs, a norm inside) keeps its own modules and is merely slower.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from tutelage.model.attention import TreeLayout, using
from tutelage.model.attention.layout import Heads
from tutelage.model.families import Family
from tutelage.model.fused.gated import GELU_TANH, SILU
from tutelage.model.fused.modules import Fused, FusedAttention, FusedGated, FusedNorm, HeadSettings
from tutelage.prompt.tree import Segment

TOKENS = 12
TOLERANCE = 1e-5
"""Largest distance of a fused module's output from the original's, over its norm. Always taken in
float32: in 16 bits a norm that adds one to its large weights would pass for one that does not."""

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
HEAD_NORMS = {"q_norm", "k_norm"}
GATED = {"gate_proj", "up_proj", "down_proj", "act_fn"}
ACTIVATIONS = {
    type(ACT2FN["silu"]): SILU,
    type(ACT2FN["gelu_pytorch_tanh"]): GELU_TANH,
}


@dataclass
class _Seen:
    """One call of a candidate."""

    inputs: tuple[Any, ...]
    keywords: dict[str, Any]
    output: Tensor
    heads: HeadSettings | None


@torch.no_grad()
def fuse(family: Family, model: PreTrainedModel) -> int:
    """Put fused modules in place of the model's own where they are proven to be equal.

    Args:
        family: the model's kind.
        model: as loaded with our attention, in any state of training.

    Returns:
        How many modules were replaced.
    """
    found = {name: module for name, module in model.named_modules() if _is_candidate(module)}
    training = model.training
    model.train(False)
    seen = _watched(family, model, found)
    replaced = 0
    for name, call in seen.items():
        for fused in _fused(found[name], call):
            if _agrees(fused, found[name], call):
                model.set_submodule(name, fused)
                replaced += 1
                break
    model.train(training)
    return replaced


def unfuse(model: PreTrainedModel) -> None:
    """Put the model's own modules back."""
    for name, module in reversed(list(model.named_modules())):
        if isinstance(module, Fused):
            model.set_submodule(name, module.original())


def _is_candidate(module: nn.Module) -> bool:
    children = {name for name, _ in module.named_children()}
    if children in (ATTENTION, ATTENTION | HEAD_NORMS):
        return all(type(module.get_submodule(name)) is nn.Linear for name in ATTENTION)
    if children == GATED:
        return type(module.get_submodule("act_fn")) in ACTIVATIONS
    parameters = [name for name, _ in module.named_parameters(recurse=False)]
    return type(module).__name__.endswith("RMSNorm") and parameters == ["weight"] and not children


def _watched(
    family: Family, model: PreTrainedModel, found: dict[str, nn.Module]
) -> dict[str, _Seen]:
    """Read a few tokens; each candidate's last call."""
    seen: dict[str, _Seen] = {}
    layout = _Recording()
    hooks = []
    for name, module in found.items():

        def note(
            module: nn.Module, inputs: Any, keywords: Any, output: Any, name: str = name
        ) -> None:
            value = output[0] if isinstance(output, tuple) else output
            seen[name] = _Seen(inputs, keywords, value, layout.last)

        hooks.append(module.register_forward_hook(note, with_kwargs=True))
    vocabulary = family.head(model).weight.shape[0]
    ids = torch.linspace(0, vocabulary - 1, TOKENS, device=model.device).long()[None]
    positions = torch.arange(TOKENS, device=model.device)[None]
    try:
        with using(layout):
            family.hidden_states(model, ids, positions)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


class _Recording:
    """Causal attention over one sequence that remembers the last layer it was asked for."""

    def __init__(self) -> None:
        self.last: HeadSettings | None = None

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        size = heads.query.shape[3]
        self.last = HeadSettings(size, heads.scale, heads.window, heads.layer, heads.softcap)
        tokens = Segment(0, heads.query.shape[2], -1)
        return TreeLayout([tokens], heads.query.device).attend(heads)


def _fused(module: nn.Module, call: _Seen) -> Iterator[Fused]:
    """What may compute the same as the module.

    A few tokens do not prove a tiny epsilon, nor what is dropped in training only: both are taken
    from the module, and where it does not tell them under the usual names, it stays.
    """
    children = {name for name, _ in module.named_children()}
    if children >= ATTENTION:
        dropout = getattr(module, "attention_dropout", None)
        if call.heads is not None and dropout is not None:
            yield FusedAttention(module, call.heads, float(dropout))
    elif children == GATED:
        yield FusedGated(module, ACTIVATIONS[type(module.get_submodule("act_fn"))])
    elif not children:
        epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        if epsilon is not None:
            yield from (FusedNorm(module, float(epsilon), offset) for offset in (0.0, 1.0))


def _agrees(fused: Fused, module: nn.Module, call: _Seen) -> bool:
    """Whether both give the same for what the module was given, in float32 at least."""
    if call.output.dtype.itemsize <= 2:
        module = _wide(module)
        fused = fused.over(module)
    inputs, keywords = _wide(call.inputs), _wide(call.keywords)
    try:
        with using(_Recording()):
            expected, output = (part(*inputs, **keywords) for part in (module, fused))
    except (TypeError, ValueError, RuntimeError):  # takes or holds something else
        return False
    if isinstance(expected, tuple):
        expected, output = expected[0], output[0]
    if output.shape != expected.shape or output.dtype != expected.dtype:
        return False
    distance = (output - expected).double().norm() / expected.double().norm()
    return float(distance) <= TOLERANCE


def _wide(value: Any) -> Any:
    """A copy with everything of 16 bits in float32."""
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).float()
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() and value.itemsize <= 2 else value
    if isinstance(value, tuple):
        return tuple(_wide(part) for part in value)
    if isinstance(value, dict):
        return {key: _wide(part) for key, part in value.items()}
    return value
