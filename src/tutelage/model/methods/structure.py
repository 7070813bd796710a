"""What a model is made of, seen by watching it read a few tokens.

Architectures agree on what they do and not on what they call it. So where something is to be put
(an adapter behind a block, a prefix before the keys) is found from the order of calls: attention is
whatever asks our attention function, and a block ends with the linear layer that gives the stream's
width again. No table of architectures has to be kept up; what does not fit is refused in words.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.attention import NAME, using
from tutelage.model.attention.layout import Heads
from tutelage.model.attention.product import attend
from tutelage.model.families.family import output_head

TOKENS = 6
"""Tokens of a watched pass where the caller does not choose."""


@dataclass(frozen=True, eq=False)
class Call:
    """A module that ran.

    Attributes:
        name: the module's.
        inputs: by position.
        keywords: by name.
        output: its first tensor.
        began: calls and askings that were over when it began.
    """

    name: str
    inputs: tuple[Any, ...]
    keywords: dict[str, Any]
    output: Tensor | None
    began: int


@dataclass(frozen=True, eq=False)
class Asking:
    """Attention that was asked for.

    Attributes:
        name: the module that asked.
        heads: what it handed over.
    """

    name: str
    heads: Heads


@dataclass
class Watched:
    """What happened in a pass, in the order in which it was over."""

    events: list[Call | Asking] = field(default_factory=list)

    @property
    def askings(self) -> list[Asking]:
        """All attention, in order."""
        return [event for event in self.events if isinstance(event, Asking)]

    @property
    def calls(self) -> list[Call]:
        """All modules that ran, in order; one that holds another comes after it."""
        return [event for event in self.events if isinstance(event, Call)]

    def within(self, call: Call) -> list[Call | Asking]:
        """What happened during a call."""
        return self.events[call.began : self.events.index(call)]


class Plain:
    """Attention of one sequence alone, or of one and its source."""

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        causal = heads.role == "causal"
        return attend(heads, heads.query, heads.key, heads.value, causal=causal)


class _Watching(Plain):
    """Notes who asks."""

    def __init__(self, watched: Watched, running: list[str]) -> None:
        self._watched = watched
        self._running = running

    def attend(self, heads: Heads) -> Tensor:
        """The attended values, (1, heads, tokens, head size)."""
        self._watched.events.append(Asking(self._running[-1], heads))
        return super().attend(heads)


@torch.no_grad()
def watch(model: PreTrainedModel, ids: Tensor | None = None) -> Watched:
    """Let a model read one sequence and note what runs.

    Args:
        model: any whose attention can be ours.
        ids: (tokens,) to read, on any device; some from all over the vocabulary by default.

    Raises:
        UserError: the pass fails.
    """
    head = output_head(model)
    vocabulary = model.config.get_text_config().vocab_size if head is None else len(head.weight)  # type: ignore[arg-type]
    if ids is None:
        ids = torch.linspace(0, vocabulary - 1, TOKENS).long()
    row = ids[None].to(model.device)
    inputs: dict[str, Any] = {"input_ids": row}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = row
    if "use_cache" in inspect.signature(model.forward).parameters:
        inputs["use_cache"] = False
    watched, running = Watched(), [""]
    training, attention = model.training, model.config._attn_implementation
    model.train(False)
    model.set_attn_implementation(NAME)
    try:
        with _noting(model, watched, running), using(_Watching(watched, running)):
            model(**inputs)
    finally:
        model.set_attn_implementation(attention)
        model.train(training)
    return watched


@contextmanager
def _noting(model: PreTrainedModel, watched: Watched, running: list[str]) -> Iterator[None]:
    """Note every module's call; `running` names those that have begun, innermost last."""
    began: list[int] = []
    hooks: list[RemovableHandle] = []

    def enter(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any) -> None:
            running.append(name)
            began.append(len(watched.events))

        return hook

    def leave(name: str) -> Any:
        def hook(_module: nn.Module, inputs: Any, keywords: Any, output: Any) -> None:
            running.pop()
            call = Call(name, inputs, keywords, first_tensor(output), began.pop())
            watched.events.append(call)

        return hook

    try:
        for name, module in model.named_modules():
            hooks.append(module.register_forward_pre_hook(enter(name)))
            hooks.append(module.register_forward_hook(leave(name), with_kwargs=True))
        yield
    finally:
        for handle in hooks:
            handle.remove()


def first_tensor(output: Any) -> Tensor | None:
    """A module's output, of several the first."""
    if isinstance(output, tuple):
        output = output[0]
    return output if isinstance(output, Tensor) else None


def layer_of(model: PreTrainedModel, name: str) -> str | None:
    """The repeated layer that a module is in, by the outermost list of modules; None if in none."""
    module: nn.Module = model
    parts = name.split(".")
    for place, part in enumerate(parts[:-1]):
        module = module.get_submodule(part)
        if isinstance(module, nn.ModuleList):
            return ".".join(parts[: place + 2])
    return None


def refused(model: PreTrainedModel, method: str, why: str) -> UserError:
    """The error for a method that an architecture does not let in."""
    return UserError(
        f"{type(model).__name__} cannot be tuned by {method}: {why}",
        where="model.method",
        fix="set it to lora, or choose another model",
    )
