"""The model a job works on: loaded, probed, and in the hands of its method.

A recipe gives a base model that is ready to be tuned; a run folder gives the tuned one. Either
way the parts that belong together (model, family, method, renderer, stop tokens) stay together.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage import ranks
from tutelage.errors import UserError
from tutelage.infer.backend import Backend
from tutelage.infer.families import Inference, inferences
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import Family, families
from tutelage.model.fused import fuse
from tutelage.model.loading import LoadedModel, load
from tutelage.model.methods import Method, methods
from tutelage.pipeline.stages import stage
from tutelage.prompt.renderer import Renderer
from tutelage.recipe import Recipe
from tutelage.rundir import RunFolder, read_json, write_json
from tutelage.train.distribution import take_device
from tutelage.train.machine import give_back_memory
from tutelage.train.memory import MemoryPlan
from tutelage.train.objectives import objectives

DESCRIPTION = "tutelage.json"
"""In a run's model folder: what the adapter or weights beside it are, for later commands."""


@dataclass
class Workbench:
    """A loaded model with all that belongs to it.

    Attributes:
        recipe: resolved, as far as it has been decided by now.
        precision_is_open: the recipe leaves the precision to us.
        memory: what training is predicted to take, once that is known.
    """

    recipe: Recipe
    loaded: LoadedModel
    family: Family
    method: Method
    renderer: Renderer
    stop_ids: frozenset[int]
    notes: list[str] = field(default_factory=list)
    precision_is_open: bool = False
    memory: MemoryPlan | None = None

    @property
    def model(self) -> PreTrainedModel:
        """The model in its present state."""
        return self.loaded.model

    @property
    def inference(self) -> Inference:
        """How models of its family answer and are scored."""
        return inferences.get(self.loaded.family)

    def decoder(self, options: DecodeOptions, *, alone: bool = False) -> Backend:
        """What answers prompts with the model in its present state; `alone`, one at a time."""
        form = self.renderer.form
        return self.inference.backend(
            self.family, self.model, form, self.stop_ids, options, alone=alone
        )

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """The base model: the tuning switched off, or the base's own weights put in meanwhile."""
        if self.method.keeps_base:
            with self.method.disabled(self.model):
                yield
            return
        tuned, self.loaded = self.loaded, load(self.recipe.model)
        fuse(self.family, self.loaded.model)
        try:
            yield
        finally:
            self.loaded = tuned

    def assemble(self, weights: Mapping[str, Tensor]) -> None:
        """Load the base anew, in host memory, and give it trained weights.

        Args:
            weights: whole, by name, of a model that was spread over several processes.
        """
        self.loaded = load(self.recipe.model, in_host_memory=True)
        fuse(self.family, self.model)
        self.method.prepare(self.model, self.recipe.model, self.recipe.train.seed)
        parameters = self.method.trainable_parameters(self.model)
        with torch.no_grad():
            for name, weight in weights.items():
                parameters[name].copy_(weight)

    def place(self) -> None:
        """Put the model on its device, if it is not there."""
        torch.nn.Module.to(self.model, self.loaded.device)  # transformers' own `to` has no types

    @torch.no_grad()
    def round_weights(self) -> None:
        """Round the base model's weights to bfloat16, as if it had been loaded so.

        A prefix, or DoRA's lengths, begin as what the base makes of them: the tuning is put on
        anew, so that a run resumed before its first checkpoint begins where this one does.
        """
        if self.method.keeps_base:
            self.method.take_off(self.model)
        for parameter in self.model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        if self.method.keeps_base:
            self.method.prepare(self.model, self.recipe.model, self.recipe.train.seed)
        self.loaded = replace(self.loaded, dtype=torch.bfloat16)
        model = self.recipe.model.model_copy(update={"precision": "bfloat16"})
        self.recipe = self.recipe.model_copy(update={"model": model})
        self.notes.append("bfloat16: chosen to fit train.memory_limit")

    def save(self, folder: Path) -> None:
        """Write the tuned part, the tokenizer with its template, and a description of both.

        A kill leaves the old folder, none, or the new one; never a part of one.
        """
        unfinished = folder.with_name(f".unfinished-{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        self.method.save(self.model, unfinished)
        self.renderer.tokenizer.save_pretrained(unfinished)
        write_json(
            unfinished / DESCRIPTION,
            {
                "base": self.recipe.model.base,
                "base_fingerprint": self.loaded.fingerprint,
                "family": self.loaded.family,
                "method": self.recipe.model.method,
                "template": self.renderer.template.origin,
                "stop_token_ids": sorted(self.stop_ids),
                "dtype": str(self.loaded.dtype).removeprefix("torch."),
            },
        )
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)


def from_recipe(recipe: Recipe, *, in_host_memory: bool = False) -> Workbench:
    """Load a resolved recipe's base model and make it ready to be tuned.

    Args:
        recipe: resolved.
        in_host_memory: leave the weights there; see `load`.

    Raises:
        UserError: the model cannot be loaded or its architecture is not understood.
    """
    set_threads(recipe.train.threads)
    if recipe.train.memory_limit is not None:
        give_back_memory()
    take_device(recipe.model.device)
    stage(f"loading {recipe.model.base}")
    loaded = load(recipe.model, in_host_memory=in_host_memory)
    # What `auto` chose is part of the run: a later command must not choose otherwise.
    precision_is_open = recipe.model.precision == "auto"
    precision = str(loaded.dtype).removeprefix("torch.")
    model = recipe.model.model_copy(update={"precision": precision})
    recipe = recipe.model_copy(update={"model": model})
    family, method = families.get(loaded.family), methods.get(recipe.model.method)
    negatives = objectives.get(recipe.train.objective)(recipe.train).negatives
    renderer = Renderer(loaded.tokenizer, recipe.prompt, negatives, family.form(loaded.model))
    family.probe(loaded.model)
    fuse(family, loaded.model)
    notes = [*loaded.notes, *method.prepare(loaded.model, recipe.model, recipe.train.seed)]
    stops = renderer.stop_ids | configured_stops(loaded.model)
    return Workbench(recipe, loaded, family, method, renderer, stops, notes, precision_is_open)


def from_run(run: RunFolder, recipe: Recipe) -> Workbench:
    """Load a run's tuned model.

    Raises:
        UserError: the run has no model yet, or its base is not the one it was tuned from.
    """
    folder = run.require(run.model)
    if not (folder / DESCRIPTION).is_file():
        raise UserError(
            f"the folder holds no tuned model: {DESCRIPTION} is missing",
            where=str(folder),
            fix="give a folder that was --out of `tutelage run` or `train`",
        )
    described = read_json(folder / DESCRIPTION)
    if described["method"] != recipe.model.method:
        raise UserError(
            f"the run was tuned by the method {described['method']}",
            where="model.method",
            fix="leave it as it is, or tune anew",
        )
    bench = from_recipe(with_its_template(recipe, folder))
    check_same_base(described, bench.loaded)
    bench.method.load(bench.model, folder)
    return bench


def with_its_template(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the chat template that a run's model folder holds.

    It travels with the run: whatever the recipe's file says now, this one was trained.
    """
    template = folder / "chat_template.jinja"
    if not template.is_file():
        return recipe
    prompt = recipe.prompt.model_copy(update={"template": str(template)})
    return recipe.model_copy(update={"prompt": prompt})


def check_same_base(described: dict[str, Any], loaded: LoadedModel) -> None:
    """Refuse to put a tuning on another base than the one it was made on."""
    if loaded.fingerprint != described["base_fingerprint"]:
        raise UserError(
            "the base model's files are not those this run was tuned from",
            where=f"model.base {loaded.name}",
            fix="restore the base model, or export the run with --to merged where it was made",
        )


def configured_stops(model: PreTrainedModel) -> frozenset[int]:
    """Ids that the model's own generation settings stop at."""
    settings = model.generation_config if model.can_generate() else None
    stops = settings.eos_token_id if settings else None
    return frozenset([stops] if isinstance(stops, int) else stops or [])


def set_threads(threads: int | None) -> None:
    """Use as many CPU threads as asked for, or this process's share of the cores."""
    cores = len(os.sched_getaffinity(0)) // ranks.local_size()
    torch.set_num_threads(threads or max(1, cores))
