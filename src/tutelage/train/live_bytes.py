"""Count the bytes of tensors that are alive, by the phase of the pass that made them.

What a pass holds is decided by hundreds of saved tensors, views and temporaries, so it is not
computed from a table of architectures: every operation is watched, below autograd, and each new
storage counts until it is freed. A watched pass over tensors without data (PyTorch's fake mode)
takes no memory and little time, whatever the model's size, and holds exactly what a real one does.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Literal

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Phase = Literal["activations", "logits", "temporaries", "gradients"]


class LiveBytes(TorchDispatchMode):
    """A context in which the storages of all new tensors are counted.

    Args:
        parameters: their gradients are counted apart, as they are added up.
        known: tensors that are there already, and are not counted.

    Attributes:
        phase: what tensors made from now on are counted as.
        accumulating: gradients of an earlier pack are there, so that those of this pass take no
            place once they are added to them.
        now: bytes alive, by phase.
        peak: the same when most of them were alive.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.phase: Phase = "activations"
        self.now: dict[Phase, int] = dict.fromkeys(
            ("activations", "logits", "temporaries", "gradients"), 0
        )
        self.peak = dict(self.now)
        self.accumulating = False
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._known = [tensor.untyped_storage() for tensor in known]
        self._alive: dict[int, tuple[Any, Phase, int]] = {
            storage._cdata: (storage, "activations", 0) for storage in self._known
        }

    def __enter__(self) -> LiveBytes:
        """Begin to count."""
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(self._arrived)  # type: ignore[no-untyped-call]
            for parameter in self._parameters
        ]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        """Stop counting."""
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()

    def total(self) -> int:
        """Bytes alive."""
        return sum(self.now.values())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation, and count what it made."""
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor):
                self._count(value)
        return made

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._alive:
            return
        size, phase = storage.nbytes(), self.phase

        def freed(_: object) -> None:
            _, phase, size = self._alive.pop(key)
            self.now[phase] -= size

        self._alive[key] = (weakref.ref(storage, freed), phase, size)
        self.now[phase] += size
        self._note()

    def _note(self) -> None:
        if self.total() > sum(self.peak.values()):
            self.peak = dict(self.now)

    def _arrived(self, parameter: Tensor) -> None:
        """A gradient is complete: from now on it is one."""
        if parameter.grad is None:
            return
        key = parameter.grad.untyped_storage()._cdata
        reference, phase, size = self._alive[key]
        self.now[phase] -= size
        # Added to the one that is there already, it would be gone; so it is not counted again.
        kept = 0 if self.accumulating else size
        self.now["gradients"] += kept
        self._alive[key] = (reference, "gradients", kept)
