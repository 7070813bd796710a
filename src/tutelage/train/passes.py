"""Forward and backward passes over packs: all that is computed with the model while it is tuned.

A pass sees one pack, and what is added up over passes is always divided by the weight of all of
them (their supervised tokens, say). So how examples are grouped changes memory and speed and
nothing else, for a step of training as for a validation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from transformers import PreTrainedModel

from tutelage.model.attention import using
from tutelage.model.families import Family
from tutelage.train.compiled import compiled_passes
from tutelage.train.distribution import ALONE, Unit, World
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.figures import Figures, Sums
from tutelage.train.machine import seeded
from tutelage.train.objectives import Objective, PackLoss
from tutelage.train.options import TrainOptions
from tutelage.train.packing import pack_groups
from tutelage.train.reference import with_reference


class Passes:
    """The passes of one run.

    Args:
        model: loaded with our attention, its method prepared.
        family: its kind.
        objective: what is minimised.
        options: the recipe's.
        base: a context in which the model is the base model.
        world: the processes that share each list of packs.

    Attributes:
        budget: most tokens in a pass; a longer example travels alone.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        family: Family,
        objective: Objective,
        options: TrainOptions,
        base: Callable[[], AbstractContextManager[None]] = nullcontext,
        world: World = ALONE,
    ) -> None:
        self.unit = Unit(model)
        self.family = family
        self.objective = objective
        self.budget = options.token_budget
        self.kernel = options.attention
        self.seed = options.seed
        self.base = base
        self.world = world
        self._compiled = compiled_passes(model, options, world)

    @property
    def model(self) -> PreTrainedModel:
        """The model in its present state."""
        return self.unit.model

    def packs(self, examples: Sequence[TrainingExample]) -> list[Pack]:
        """The examples as packs within the budget."""
        parts = [part for example in examples for part in self.objective.parts(example)]
        if not parts:
            return []
        groups = [part.all_sequences for part in parts]
        return [
            Pack(forest, tuple(parts[at] for at in places))
            for forest, places in pack_groups(groups, self.budget)
        ]

    def backward(self, step: int, packs: Sequence[Pack]) -> Figures:
        """Add up the gradients of a step's packs; their mean loss and other figures."""
        self.model.train()
        sums = Sums(self.objective, packs)
        for place, pack in self.world.share(packs, cost=len):
            divisor = math.inf if place is None else sums.weight
            with (
                seeded(self.seed, step, place or 0, self.model.device),
                self._attending(pack),
                self._compiled(),
            ):
                found = self._loss(pack)
                (found.sum / divisor).backward()  # type: ignore[no-untyped-call]
            sums.add(pack, found, counts=place is not None)
        return sums.over_all(self.world)

    @torch.no_grad()
    def figures(self, packs: Sequence[Pack]) -> Figures:
        """The same means without gradients and without dropout."""
        self.model.train(False)
        sums = Sums(self.objective, packs)
        for place, pack in self.world.share(packs, cost=len):
            with self._attending(pack):
                found = self._loss(pack)
            sums.add(pack, found, counts=place is not None)
        self.world.release(self.unit)
        return sums.over_all(self.world)

    def attempt(self, pack: Pack) -> None:
        """Run one pack forwards and backwards; its gradients are left with the parameters."""
        self.model.train()
        with self._attending(pack):
            self._loss(pack).sum.backward()  # type: ignore[no-untyped-call]

    def with_reference(self, examples: Sequence[TrainingExample]) -> Sequence[TrainingExample]:
        """The examples with the base model's log-probabilities, if the objective needs them."""
        if not self.objective.needs_reference:
            return examples
        with self.base():
            return with_reference(examples, self.family, self.unit, self.budget, self.world)

    def _attending(self, pack: Pack) -> AbstractContextManager[None]:
        """Attention set to the pack's trees."""
        return using(self.family.layout(self.model, pack.forest, self.kernel))

    def _loss(self, pack: Pack) -> PackLoss:
        found: PackLoss = self.unit(lambda model: self.objective.loss(self.family, model, pack))
        return found
