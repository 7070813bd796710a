"""Random examples that begin alike, and what they should give: one at a time, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from tutelage.data.example import Source
from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import families
from tutelage.prompt.renderer import Rendered
from tutelage.prompt.tree import Forest
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.objectives import objectives
from tutelage.train.options import TrainOptions


class KeepFloat64(TorchFunctionMode):
    """Make casts of float64 to float32 do nothing.

    transformers computes norms and the softmax in float32 whatever the model's precision, which
    would hide every difference below 1e-7.
    """

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        double = bool(args) and isinstance(args[0], Tensor) and args[0].dtype == torch.float64
        if double and func is Tensor.float:
            return args[0]
        if double and torch.float32 in (*args, kwargs.get("dtype")):
            args = tuple(torch.float64 if arg is torch.float32 else arg for arg in args)
            kwargs = {**kwargs, "dtype": torch.float64} if "dtype" in kwargs else kwargs
        return func(*args, **kwargs)


def rendered(ids: Sequence[int], weights: Sequence[float]) -> Rendered:
    """A sequence to train on; the first weight must be 0."""
    return Rendered(np.array(ids, np.int32), np.array(weights, np.float32), stop_trained=True)


@st.composite
def families_of_sequences(
    draw: st.DrawFn, vocabulary: int = 300, longest: int = 12, most: int = 7
) -> list[Rendered]:
    """Sequences that grow out of each other's beginnings, with loss weights anywhere."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    found: list[list[int]] = [[]]
    for _ in range(draw(st.integers(1, most))):
        stem = found[random.integers(len(found))]
        kept = stem[: random.integers(len(stem) + 1)]
        new = random.integers(2, vocabulary, random.integers(2, longest + 1)).tolist()
        found.append([*kept, *new])
    sequences = []
    for ids in found[1:]:
        weights = random.choice([0.0, 1.0, 0.5], len(ids), p=[0.5, 0.4, 0.1])
        weights[0] = 0
        sequences.append(rendered(ids, weights.tolist()))
    return sequences


def examples(sequences: Sequence[Rendered]) -> list[TrainingExample]:
    """Each sequence as an example of its own."""
    return [
        TrainingExample(Source("made.jsonl", row), "made", (sequence,))
        for row, sequence in enumerate(sequences)
    ]


def forest_loss(model: PreTrainedModel, packs: Sequence[Forest]) -> Tensor:
    """Ours: the summed loss of packs, with its gradients left in the model."""
    family, objective = families.get("causal"), objectives.get("supervised")(TrainOptions())
    total = torch.zeros((), dtype=model.dtype)
    for pack in packs:
        with using(TreeLayout(pack.segments)):
            # Whose sequences they are changes nothing of the sum: one each.
            owners = examples(
                [rendered([2], [0.0])] * (1 + int(pack.occurrences.sequences.max(initial=-1)))
            )
            loss = objective.loss(family, model, Pack(pack, tuple(owners))).sum
            loss.backward()
        total += loss.detach()
    return total


def reference_loss(model: PreTrainedModel, sequences: Sequence[Rendered]) -> Tensor:
    """transformers' own forward pass on one sequence after the other, and cross-entropy."""
    total = torch.zeros((), dtype=model.dtype)
    for sequence in sequences:
        ids = torch.from_numpy(sequence.ids.astype(np.int64))[None]
        logits = model(input_ids=ids, use_cache=False).logits[0]
        losses = F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
        loss = (losses * torch.from_numpy(sequence.weights[1:])).sum()
        loss.backward()
        total += loss.detach()
    return total


def gradients(model: PreTrainedModel) -> dict[str, Tensor]:
    """The gradients of all trained parameters, which are then dropped."""
    found = {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    model.zero_grad(set_to_none=True)
    return found
