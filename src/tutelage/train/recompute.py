"""Trade time for memory: keep less for the backward pass and compute it again there.

`full` keeps each layer's input and computes the whole layer twice (Chen et al. 2016): a third more
work. `selective` computes again only what is cheap and large: the insides and outputs of the
normalisations, the activation function, and its product with the gate; matrix products and
attention are never repeated. In transformers' own modules these are four tenths of what a layer
keeps, and less than a hundredth of its arithmetic. Fused modules keep most of it no more: of what
SmolLM2-135M keeps with them and LoRA in float32, 0.76 MiB a token, `selective` leaves 0.86 and
`full` 0.07 (benchmarks/RESULTS.md, "memory").

The same operations on the same tensors give the same bits, and none of them draws random numbers,
so `selective` changes no loss and no gradient; `full` restores the state of the generator, and so
drops what was dropped the first time.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.families.family import stacks
from tutelage.train.options import Recomputed

ACTIVATIONS = ("transformers.activations", "torch.nn.modules.activation")
"""Where activation functions are defined."""
GATED = {"gate_proj", "up_proj", "down_proj", "act_fn"}
"""Parts of the gated MLP of nearly all decoders since Llama, under transformers' names."""

_installed: WeakKeyDictionary[PreTrainedModel, Callable[[], None]] = WeakKeyDictionary()


def recompute_activations(model: PreTrainedModel, mode: Recomputed) -> None:
    """Make the model's training passes keep less; replaces what was asked for before.

    Args:
        model: any; what is not found in it is kept as always.
        mode: `none` keeps everything.

    Raises:
        UserError: the mode is `full` and the model's layers cannot be computed again.
    """
    if undo := _installed.pop(model, None):
        undo()
    if mode == "full":
        _installed[model] = _recompute_layers(model)
    elif mode == "selective":
        _installed[model] = CheapTensors(stacks(model), _gated(model)).remove


def _recompute_layers(model: PreTrainedModel) -> Callable[[], None]:
    if not model.supports_gradient_checkpointing:
        raise UserError(
            f"{type(model).__name__} cannot recompute its activations",
            where="train.activation_checkpointing",
            fix="set it to selective or none; lower train.micro_batch_tokens to save memory",
        )

    def switch(on: bool) -> None:
        with warnings.catch_warnings():  # transformers 5.17 has only the names that 5.23 regrets
            warnings.simplefilter("ignore", FutureWarning)
            if on:
                model.gradient_checkpointing_enable(  # type: ignore[no-untyped-call]
                    gradient_checkpointing_kwargs={"use_reentrant": False}
                )
            else:
                model.gradient_checkpointing_disable()  # type: ignore[no-untyped-call]
                model.disable_input_require_grads()  # type: ignore[no-untyped-call]

    switch(True)
    return lambda: switch(False)


class CheapTensors:
    """Keeps, of what cheap modules make, only what is needed to make it again.

    While layers run, autograd hands over each tensor that it wants to keep. One that was made
    inside a cheap module, or by it, is replaced by a note of the module's call, which keeps the
    call's input (nearly always kept for another reason too).

    Args:
        layers: the model's stacks of layers, without its head.
        gated: those of its modules that multiply an activation with what it gates.
    """

    def __init__(self, layers: Sequence[nn.Module], gated: Sequence[nn.Module]) -> None:
        self._calls: list[_Call] = []  # of the modules that are running, innermost last
        self._made: dict[int, _Made] = {}  # by the storage of what each made
        self._hooks: list[RemovableHandle] = []
        for stack in layers:
            self._hooks += [
                stack.register_forward_pre_hook(self._begin),
                stack.register_forward_hook(self._end, always_call=True),
            ]
        for module in (module for stack in layers for module in stack.modules()):
            if _is_cheap(module):
                self._hooks += [
                    module.register_forward_pre_hook(self._enter, with_kwargs=True),
                    module.register_forward_hook(self._leave, always_call=True),
                ]
        for module in gated:
            self._hooks += self._watch_product(module)

    def remove(self) -> None:
        """Keep everything again."""
        for hook in self._hooks:
            hook.remove()

    def _begin(self, *_: Any) -> None:
        self._context = saved_tensors_hooks(self._pack, _unpack)
        self._context.__enter__()

    def _end(self, *_: Any) -> None:
        self._context.__exit__(None, None, None)
        self._calls.clear()
        self._made.clear()

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        if torch.is_grad_enabled():
            self._calls.append(_Call(module.forward, inputs, named))

    def _leave(self, module: nn.Module, _: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            call = self._calls.pop()
            if isinstance(output, Tensor) and not self._calls:
                self._note(output, call)

    def _note(self, output: Tensor, call: _Call) -> None:
        """Remember that a call made this tensor, for as long as the tensor is there."""
        storage = output.untyped_storage()
        key = storage._cdata
        # What shares its input's memory is no new tensor, and would not be missed.
        if torch.is_grad_enabled() and not call.holds(storage):
            alive = weakref.ref(storage, lambda _: self._made.pop(key, None))
            self._made[key] = _Made(call, output._version, alive)

    def _maker(self, tensor: Tensor) -> _Call | None:
        """The call that made a tensor, if it was a cheap one and the tensor is unchanged."""
        made = self._made.get(tensor.untyped_storage()._cdata)
        return made.call if made is not None and made.version == tensor._version else None

    def _pack(self, tensor: Tensor) -> Any:
        if self._calls:
            return _Inside(self._calls[0])
        call = self._maker(tensor)
        return tensor if call is None else _Outcome(call, tensor)

    def _watch_product(self, mlp: nn.Module) -> list[RemovableHandle]:
        """Treat the product of an activation and what it gates as made by a cheap call too."""
        ups: list[Tensor] = []
        activated: list[Tensor] = []

        def enter_down(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            up, activation = ups.pop(), self._maker(activated.pop())
            if activation is not None:
                call = _Call(lambda up: activation.value() * up, (up,), {})
                self._note(inputs[0], call)

        return [
            mlp.get_submodule("up_proj").register_forward_hook(lambda _, __, up: ups.append(up)),
            mlp.get_submodule("act_fn").register_forward_hook(
                lambda _, __, made: activated.append(made)
            ),
            mlp.get_submodule("down_proj").register_forward_pre_hook(enter_down),
        ]


class _Made(NamedTuple):
    """Which call made a tensor, of which version, and a weak reference to its storage."""

    call: _Call
    version: int
    alive: weakref.ref[Any]


class _Call:
    """One call of a cheap function, made again when the backward pass first asks for it.

    Args:
        function: deterministic.
        inputs: kept, without their graph.
        named: the same, by name.
    """

    def __init__(
        self, function: Callable[..., Any], inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> None:
        self.function = function
        self.notes = 0
        values, self._structure = tree_flatten((inputs, named))
        self._inputs = [_detached(value) for value in values]
        self._versions = [value._version for value in self._tensors()]
        self._again: tuple[Tensor, list[Tensor]] | None = None

    def holds(self, storage: torch.UntypedStorage) -> bool:
        """Whether an input is in this memory."""
        return any(value.untyped_storage()._cdata == storage._cdata for value in self._tensors())

    def value(self) -> Tensor:
        """What the call gave."""
        return self._run()[0]

    def inside(self, index: int) -> Tensor:
        """The tensor that autograd wanted to keep as the call's `index`-th."""
        return self._run()[1][index]

    def read(self) -> None:
        """One of the notes of this call has been read; after the last, its tensors can go."""
        self.notes -= 1
        if self.notes <= 0:
            self._again = None

    def _run(self) -> tuple[Tensor, list[Tensor]]:
        if self._again is None:
            if [value._version for value in self._tensors()] != self._versions:
                raise RuntimeError("a tensor was changed that the backward pass computes with")
            kept: list[Tensor] = []
            inputs, named = tree_unflatten(
                [_detached(value) for value in self._inputs], self._structure
            )
            hooks = saved_tensors_hooks(lambda tensor: kept.append(tensor.detach()), _never)
            with torch.enable_grad(), hooks:
                self._again = (self.function(*inputs, **named).detach(), kept)
        return self._again

    def _tensors(self) -> list[Tensor]:
        return [value for value in self._inputs if isinstance(value, Tensor)]


class _Inside:
    """Stands for a tensor that autograd keeps inside a call."""

    def __init__(self, call: _Call) -> None:
        self.call, self.index = call, call.notes
        call.notes += 1

    def tensor(self) -> Tensor:
        """The tensor, computed again."""
        found = self.call.inside(self.index)
        self.call.read()
        return found


class _Outcome:
    """Stands for what a call made, or a view of it."""

    def __init__(self, call: _Call, tensor: Tensor) -> None:
        self.call = call
        self.view = (tensor.size(), tensor.stride(), tensor.storage_offset())
        call.notes += 1

    def tensor(self) -> Tensor:
        """The tensor, computed again."""
        found = self.call.value().as_strided(*self.view)
        self.call.read()
        return found


def _unpack(kept: Any) -> Tensor:
    found: Tensor = kept if isinstance(kept, Tensor) else kept.tensor()
    return found


def _never(_: Any) -> Tensor:
    raise RuntimeError("the graph of a repeated call has no backward pass")


def _detached(value: Any) -> Any:
    """A tensor without its graph, but wanting a gradient as before."""
    return (
        value.detach().requires_grad_(value.requires_grad) if isinstance(value, Tensor) else value
    )


def _is_cheap(module: nn.Module) -> bool:
    """Whether a module is a normalisation or an activation function."""
    kind = type(module)
    return kind.__name__.endswith("Norm") or kind.__module__ in ACTIVATIONS


@torch.no_grad()
def _gated(model: PreTrainedModel) -> list[nn.Module]:
    """The modules that have the parts of a gated MLP and turn out to compute one."""
    found = []
    width = model.config.get_text_config().hidden_size
    row = torch.linspace(-1, 1, width, dtype=model.dtype, device=model.device)[None, None]
    for module in (module for stack in stacks(model) for module in stack.modules()):
        if dict(module.named_children()).keys() >= GATED:
            seen: dict[str, Tensor] = {}
            hooks = [_record(module, name, seen) for name in GATED]
            module(row)
            for hook in hooks:
                hook.remove()
            # A module may compute its parts in another way than by calling them.
            if seen.keys() >= GATED and torch.equal(
                seen["into down_proj"], seen["act_fn"] * seen["up_proj"]
            ):
                found.append(module)
    return found


def _record(module: nn.Module, name: str, seen: dict[str, Tensor]) -> RemovableHandle:
    """Have a part write down what it is given and what it makes of it."""

    def hook(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        seen[f"into {name}"], seen[name] = inputs[0], output

    return module.get_submodule(name).register_forward_hook(hook)
