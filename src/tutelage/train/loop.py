"""The tuning loop: one for every model, method and objective.

A step draws its examples by a pure function of (seed, epoch, step), merges them into packs of
token trees within a token budget, adds up the gradients of the packs' summed losses, each divided
by the weight of the whole step (its supervised tokens, say), and moves the weights once. So the
grouping changes memory and speed and nothing else, and a run that is killed and resumed ends with
the same weights. Under torchrun every process runs this loop over its share of each step; see
`distribution`.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType

import torch
from transformers import PreTrainedModel

from tutelage.data.mixture import Mixture
from tutelage.errors import UserError
from tutelage.model.families import Family
from tutelage.rundir import TrainLog
from tutelage.train.checkpoint import Checkpoints, Progress
from tutelage.train.distribution import ALONE, World
from tutelage.train.example import Pack, TrainingExample, check_context
from tutelage.train.machine import peak_memory
from tutelage.train.objectives import Objective
from tutelage.train.optimizer import Optimizer
from tutelage.train.options import TrainOptions
from tutelage.train.order import make_order
from tutelage.train.passes import Passes
from tutelage.train.recompute import recompute_activations
from tutelage.train.schedule import learning_rate
from tutelage.train.trackers import Tracker
from tutelage.train.validation import Validation

__all__ = ["Loop", "TrainingExample", "Tuned"]


@dataclass(frozen=True)
class Tuned:
    """What a finished run did.

    Attributes:
        progress: at the last step.
        steps: optimizer steps planned.
        epochs: passes over the examples done.
        final_loss: training loss of the last step.
        handed_on: the step whose weights the model now holds.
        stopped_early: validation stopped getting better.
        peak_memory_bytes: of the process (CPU) or the device (CUDA); the largest of several.
    """

    progress: Progress
    steps: int
    epochs: float
    final_loss: float
    handed_on: int
    stopped_early: bool
    peak_memory_bytes: int


class Loop:
    """One tuning run over a prepared model.

    Args:
        model: loaded with our attention, its method prepared.
        family: its kind.
        objective: what is minimised.
        parameters: the trainable parameters by name.
        examples: to train on, at least one.
        validation: to validate on, may be empty.
        options: the recipe's.
        peak: the peak learning rate.
        log: where every step is recorded.
        checkpoints: where to keep them.
        trackers: told of every row of the log.
        fingerprint: of model, data and settings; a checkpoint of another one is refused.
        base: a context in which the model is the base model. By default it is so as it comes:
            `run` asks before it loads a checkpoint.
        mixture: how the examples' tasks are mixed; None takes every example once an epoch.
        factors: by a parameter's name, how many times the learning rate it moves at; others once.
        world: the processes that share the run. If there are several, the model's weights are
            spread over them, and only the first writes log and checkpoints.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        family: Family,
        objective: Objective,
        parameters: dict[str, torch.nn.Parameter],
        examples: Sequence[TrainingExample],
        validation: Sequence[TrainingExample],
        options: TrainOptions,
        peak: float,
        log: TrainLog,
        checkpoints: Checkpoints,
        trackers: Sequence[Tracker] = (),
        fingerprint: str = "",
        base: Callable[[], AbstractContextManager[None]] = nullcontext,
        mixture: Mixture | None = None,
        factors: Mapping[str, float] = MappingProxyType({}),
        world: World = ALONE,
    ) -> None:
        self.model = model
        self.passes = Passes(model, family, objective, options, base, world)
        self.examples = examples
        self.options = options
        self.peak = peak
        self.log = log
        self.checkpoints = checkpoints
        self.trackers = trackers
        self.fingerprint = fingerprint
        self.world = world
        check_context(model, chain(examples, validation))
        recompute_activations(model, options.recomputed)
        self.order = make_order(examples, options, mixture)
        self.steps = self.order.steps(options.epochs, options.max_steps)
        shared = world.shard(self.passes.unit, parameters)
        self.optimizer = Optimizer(shared, options, factors)
        self.validation = Validation(self.passes, validation, options, self.steps)
        self.checkpoint_every = options.checkpoint_every or self.validation.every

    def run(self, *, resume: bool, stop_after: int | None = None) -> Tuned:
        """Train to the end, from the beginning or from the newest checkpoint.

        Args:
            resume: continue from the newest checkpoint, if there is one.
            stop_after: stop at this step, with a checkpoint. All else is as in the whole run, the
                schedule too, so that resuming continues it exactly.

        Raises:
            UserError: the loss or gradient is not finite, or the checkpoint is of another run.
        """
        seconds = self._ask_base()
        progress = self._resume() if resume else Progress(fingerprint=self.fingerprint)
        progress = replace(progress, seconds=progress.seconds + seconds)
        if self.world.leads:
            self.log.truncate_after(progress.step if resume else -1)
        loss = math.nan
        stopped = self.validation.out_of_patience(progress)
        end = self.steps if stop_after is None else min(stop_after, self.steps)
        while progress.step < end and not stopped:
            progress, loss = self._step(progress)
            if self.validation.due(progress.step):
                progress = self._validate(progress)
                stopped = self.validation.out_of_patience(progress)
            is_best = progress.best_step == progress.step
            is_due = progress.step % self.checkpoint_every == 0 or progress.step == end
            if is_best or is_due or stopped:
                self._save(progress)
        handed_on = self._hand_on(progress)
        if math.isnan(loss):  # resumed at the end
            loss = next((row["loss"] for row in reversed(self.log.rows("step"))), math.nan)
        return Tuned(
            progress=progress,
            steps=self.steps,
            epochs=self.order.epoch(progress.step),
            final_loss=loss,
            handed_on=handed_on,
            stopped_early=stopped and progress.step < self.steps,
            peak_memory_bytes=self._peak_memory(),
        )

    def weights(self) -> dict[str, torch.Tensor]:
        """The trained weights, whole, by name; of several processes, the first one gets them."""
        found = {name: value.detach() for name, value in self.optimizer.parameters.items()}
        return self.world.gathered(found)

    def longest(self) -> list[Pack]:
        """Packs of the step that will need most memory: the longest examples together."""

        def tokens(example: TrainingExample) -> int:
            return sum(map(len, example.all_sequences))

        taken = heapq.nlargest(self.options.batch_size, self.examples, key=tokens)
        return self.passes.packs(self.passes.with_reference(taken))

    def try_pack(self, pack: Pack) -> list[str]:
        """Run one pack forwards and backwards, as a trial that leaves nothing behind.

        Returns:
            Names of trainable parameters that got no gradient: the model passes them by.
        """
        self.passes.attempt(pack)
        parameters = self.optimizer.parameters
        passed_by = [name for name, parameter in parameters.items() if parameter.grad is None]
        self.model.zero_grad(set_to_none=True)
        return passed_by

    def _step(self, progress: Progress) -> tuple[Progress, float]:
        started = time.perf_counter()
        step = progress.step
        chosen = [self.examples[index] for index in self.order.indices(step)]
        packs = self.passes.packs(chosen)
        supervised = round(sum(pack.forest.supervised_tokens for pack in packs))
        tokens = sum(pack.forest.logical_tokens for pack in packs)
        computed = sum(len(pack) for pack in packs)
        figures = self.passes.backward(step, packs)
        loss = figures.loss
        if not math.isfinite(loss):
            raise self._not_finite("loss", step, chosen)
        rate = learning_rate(step, self.steps, self.peak, self.options)
        norm = self.optimizer.step(rate)
        if not math.isfinite(norm):
            raise self._not_finite("gradient", step, chosen)
        seconds = self.world.maximum(time.perf_counter() - started)
        progress = replace(
            progress,
            step=step + 1,
            seconds=progress.seconds + seconds,
            supervised_tokens=progress.supervised_tokens + supervised,
            tokens=progress.tokens + tokens,
            computed_tokens=progress.computed_tokens + computed,
        )
        self._record(
            {
                "event": "step",
                "step": step + 1,
                "steps": self.steps,
                "epoch": self.order.epoch(step + 1),
                **figures.row(),
                "learning_rate": rate,
                "gradient_norm": norm,
                "supervised_tokens": supervised,
                "tokens": tokens,
                "computed_tokens": computed,
                "seconds": seconds,
                "peak_memory_bytes": self._peak_memory(),
            }
        )
        return progress, loss

    def _validate(self, progress: Progress) -> Progress:
        started = time.perf_counter()
        progress, row = self.validation.validate(progress)
        self._record(row)
        seconds = self.world.maximum(time.perf_counter() - started)
        return replace(progress, seconds=progress.seconds + seconds)

    def _peak_memory(self) -> int:
        return round(self.world.maximum(peak_memory(self.model.device)))

    def _ask_base(self) -> float:
        """Give the examples the base model's log-probabilities, if needed; the seconds it took."""
        if not self.passes.objective.needs_reference:
            return 0.0
        started = time.perf_counter()
        self.examples = self.passes.with_reference(self.examples)
        self.validation.ask_base()
        return time.perf_counter() - started

    def _resume(self) -> Progress:
        progress = self.checkpoints.latest(self.fingerprint)
        if progress is None:
            progress = Progress(fingerprint=self.fingerprint)
        else:
            self.optimizer.load_state(self.checkpoints.tensors(progress.step))
        if self.world.leads:
            self.checkpoints.tidy(progress.best_step)
        return progress

    def _save(self, progress: Progress) -> None:
        """Write a checkpoint, the same from any number of processes."""
        state = self.world.gathered(self.optimizer.state())
        if self.world.leads:
            self.checkpoints.save(progress, state)
        self.world.wait()

    def _hand_on(self, progress: Progress) -> int:
        """Leave the model with the best weights if asked to; the step they are of."""
        best = progress.best_step
        if not self.options.keep_best or best is None or best == progress.step:
            return progress.step
        self.optimizer.load_weights(self.checkpoints.tensors(best))
        return best

    def _record(self, row: dict[str, object]) -> None:
        if not self.world.leads:
            return
        self.log.append(row)
        for tracker in self.trackers:
            tracker.record(row)

    def _not_finite(self, what: str, step: int, chosen: Sequence[TrainingExample]) -> UserError:
        rows = ", ".join(f"{example.source.file} row {example.source.row}" for example in chosen)
        return UserError(
            f"the {what} is not finite at step {step + 1}",
            where=f"training on {rows}",
            fix="look at these rows; lower train.learning_rate, or set model.precision: float32",
        )
