"""Several runs over one base model, each answering in its own words.

A run is more than its weights: the prompt's settings and its chat template were trained with it. So
each keeps its own renderer and stop tokens here, and a request is rendered by those of the tuning
that is to answer it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.infer.adapters import BASE, AdapterBackend, Adapters
from tutelage.infer.backend import Answer, Backend, Request
from tutelage.infer.options import DecodeOptions
from tutelage.model.methods import methods
from tutelage.pipeline.workbench import (
    DESCRIPTION,
    Workbench,
    configured_stops,
    from_run,
    with_its_template,
)
from tutelage.prompt.renderer import Renderer
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder, read_json

TUNED = "tuned"
"""Names the tuning of the run that was opened first."""


@dataclass
class AdaptedBench:
    """A run's workbench with the tunings of other runs beside its own.

    Attributes:
        bench: of the run that was opened first.
        adapters: all tunings.
        renderers: how each lays out its prompts, by name.
        stops: the tokens that end an answer of each.
    """

    bench: Workbench
    adapters: Adapters
    renderers: dict[str, Renderer]
    stops: dict[str, frozenset[int]]

    def ask(
        self, questions: Sequence[tuple[str, Sequence[Message]]], options: DecodeOptions
    ) -> list[Answer]:
        """Answers to conversations, each by the tuning named with it.

        Args:
            questions: a tuning's name (`base`, `tuned`, or one that was given) and the turns.
            options: how to decode.

        Raises:
            UserError: there is no such tuning.
        """
        requests = [
            Request(
                tuple(self.renderers[name].prompt_ids(list(turns))),
                options.max_new_tokens,
                key=at,
                adapter=name,
            )
            for at, (name, turns) in enumerate(self._known(questions))
        ]
        return AdapterBackend(self.adapters, partial(self.backend, options=options)).run(requests)

    def backend(self, name: str, options: DecodeOptions, *, alone: bool = False) -> Backend:
        """What answers prompts while a tuning is in place; `alone`, one at a time."""
        bench, form = self.bench, self.renderers[name].form
        return bench.inference.backend(
            bench.family, bench.model, form, self.stops[name], options, alone=alone
        )

    def _known(
        self, questions: Sequence[tuple[str, Sequence[Message]]]
    ) -> Sequence[tuple[str, Sequence[Message]]]:
        for name, _ in questions:
            if name not in self.renderers:
                known = ", ".join(self.renderers)
                raise UserError(f"there is no tuning '{name}'; there are: {known}")
        return questions


def open_runs(run: str | Path, others: Mapping[str, str | Path]) -> AdaptedBench:
    """Load a run's model and the tunings of others that were made on the same base.

    Args:
        run: the run whose base, precision and device are used.
        others: further run folders, by the names to call them.

    Raises:
        UserError: one is no run with a model, was tuned in full, or from another base.
    """
    folder = RunFolder.open(run)
    bench = from_run(folder, load_recipe(folder.recipe).resolved())
    if not bench.method.keeps_base:
        raise UserError(
            "the run trained the weights of the base itself, so no adapter fits beside it",
            where=str(run),
            fix="open a run that was tuned by lora, prefix or adapter",
        )
    adapters = Adapters(bench.model, TUNED, bench.method)
    opened = AdaptedBench(
        bench,
        adapters,
        {BASE: bench.renderer, TUNED: bench.renderer},
        {BASE: bench.stop_ids, TUNED: bench.stop_ids},
    )
    for name, path in others.items():
        _add(opened, name, RunFolder.open(path))
    return opened


def _add(opened: AdaptedBench, name: str, run: RunFolder) -> None:
    folder = run.require(run.model)
    recipe = with_its_template(load_recipe(run.recipe).resolved(), folder)
    bench = opened.bench
    if not (folder / DESCRIPTION).is_file():
        raise UserError("the folder holds no tuned model", where=str(folder))
    described = read_json(folder / DESCRIPTION)
    if described["base_fingerprint"] != bench.loaded.fingerprint:
        raise UserError(
            f"'{name}' was tuned from {described['base']}, and this run from {bench.loaded.name}; "
            "adapters share one base",
            where=str(run.path),
            fix="open it by itself, or leave it out",
        )
    opened.adapters.load(name, methods.get(described["method"]), folder)
    form = bench.family.form(bench.model)
    renderer = Renderer(bench.loaded.tokenizer, recipe.prompt, bench.renderer.negatives, form)
    opened.renderers[name] = renderer
    opened.stops[name] = renderer.stop_ids | configured_stops(bench.model)
