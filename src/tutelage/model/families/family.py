"""The seam between a kind of base model and everything that runs one.

The loop and the scorer never call a model's own `forward`: it would give logits for every token,
and for a vocabulary of 262k those outweigh everything else. They ask for hidden states, pick the
rows that carry loss, and apply the head to these alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from tutelage.model.attention.kernels import Kernel
from tutelage.model.attention.layout import Layout
from tutelage.prompt.form import MakeForm
from tutelage.prompt.tree import Forest


@dataclass(frozen=True, slots=True)
class Head:
    """How hidden states become logits: `softcap(scale * (hidden @ weight.T + bias))`.

    Attributes:
        weight: (vocabulary, width); may be the input embedding itself.
        bias: (vocabulary,), or None.
        scale: multiplies the logits (Cohere, Granite); 1 for most models.
        softcap: c in c * tanh(logits / c) (Gemma 2), or None.
    """

    weight: Tensor
    bias: Tensor | None
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, width)."""
        return self.transform(F.linear(hidden, self.weight, self.bias))

    def transform(self, product: Tensor) -> Tensor:
        """What follows the matrix product: scale, then soft cap."""
        if self.scale != 1.0:
            product = product * self.scale
        if self.softcap is not None:
            product = torch.tanh(product / self.softcap) * self.softcap
        return product


def output_head(model: PreTrainedModel) -> nn.Module | None:
    """The module that gives a model its logits, if it has one."""
    head: nn.Module | None = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head


def decoder(model: PreTrainedModel) -> nn.Module:
    """The module that turns tokens into hidden states; of an image-text model, its text part."""
    module: nn.Module = model.get_decoder()  # type: ignore[no-untyped-call]
    if module is output_head(model):  # ModernBERT calls it `decoder`
        return model.base_model
    return module


def stacks(model: PreTrainedModel) -> list[nn.Module]:
    """All modules that turn tokens into hidden states: of an encoder-decoder both."""
    if model.config.is_encoder_decoder:
        encoder: nn.Module = model.get_encoder()
        return [encoder, decoder(model)]
    return [decoder(model)]


def repeated_layers(model: PreTrainedModel) -> list[nn.Module]:
    """The layers that a model repeats, those it can recompute one at a time; outer ones first."""
    modules = [module for stack in stacks(model) for module in stack.modules()]
    return [module for module in modules if isinstance(module, GradientCheckpointingLayer)]


def set_attention(model: PreTrainedModel, name: str) -> None:
    """Choose the attention function; transformers 5.17 forgets an encoder-decoder's stacks, which
    have configurations of their own.
    """
    model.set_attn_implementation(name)
    if model.config.is_encoder_decoder:
        for stack in stacks(model):
            stack.set_attn_implementation(name)  # type: ignore[operator]


class Family(Protocol):
    """What a kind of base model offers."""

    @property
    def loader(self) -> Any:
        """transformers' `AutoModelFor…` class that loads such a model with its head."""
        ...

    def builds(self, config: Mapping[str, Any]) -> bool:
        """Whether a model folder's `config.json` is of this kind."""
        ...

    def form(self, model: PreTrainedModel) -> MakeForm:
        """What the model reads of a conversation."""
        ...

    def layout(self, model: PreTrainedModel, forest: Forest, kernel: Kernel) -> Layout:
        """Attention of a forest, for `forest_states` and its backward pass.

        Raises:
            UserError: the kernel cannot compute it on the model's device.
        """
        ...

    def forest_states(self, model: PreTrainedModel, forest: Forest) -> Tensor:
        """Last hidden states (tokens, width) of a forest's tokens, under its `layout`."""
        ...

    def backbone(self, model: PreTrainedModel) -> nn.Module:
        """The part that turns tokens into the last hidden states."""
        ...

    def head(self, model: PreTrainedModel) -> Head:
        """The part that turns these into logits; reads the current weights."""
        ...

    def hidden_states(
        self, model: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, **attention: Any
    ) -> Tensor:
        """Last hidden states (tokens, width) of one packed row; of an encoder-decoder, of what
        its decoder reads.

        Args:
            model: the model, tuned or not.
            input_ids: (1, tokens).
            position_ids: (1, tokens), counted along each token's own path.
            attention: handed to the model's attention function as it is.
        """
        ...

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, width)."""
        ...

    def probe(self, model: PreTrainedModel) -> None:
        """Prove on a few packed tokens that the parts above equal the model's own forward pass.

        Args:
            model: loaded with our attention.

        Raises:
            UserError: they do not; the architecture is named.
        """
        ...
