"""Hand a tuned model on, with proof that it is the same elsewhere. Behind `tutelage export`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tutelage.data.example import Message
from tutelage.model.export import Parity
from tutelage.model.export import export as export_model
from tutelage.model.new_folder import check_vacant
from tutelage.pipeline.card import write_card
from tutelage.pipeline.export_tasks import command_line, tasks_of, write_tasks
from tutelage.pipeline.workbench import Workbench, from_run
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder

QUESTIONS = (
    "Name three colours.",
    "Write one sentence about the sea.",
    "Which is larger, 17 or 71? Answer with the number alone.",
    "Summarise: the meeting was moved to Tuesday because two people were ill.",
)
"""What the exported model is compared on."""


def export(run: str | Path, out: str | Path, to: Literal["merged", "adapter"]) -> Parity:
    """Write a run's model for plain transformers (`merged`) or plain PEFT (`adapter`).

    Args:
        run: the run folder.
        out: the folder to make.
        to: one plain model, or the adapter alone.

    Returns:
        How closely the reloaded export agreed.

    Raises:
        UserError: it does not agree, or cannot be written so; nothing is left behind.
    """
    folder = RunFolder.open(run)
    check_vacant(Path(out))
    return _export(folder, _float32_bench(folder), Path(out), to)


@dataclass(frozen=True, slots=True)
class Scorable:
    """A model with tasks for lm-evaluation-harness.

    Attributes:
        parity: how closely the reloaded model agreed.
        tasks: what they are called there.
        command: the command line that scores them.
    """

    parity: Parity
    tasks: tuple[str, ...]
    command: str


def export_for_lm_eval(run: str | Path, out: str | Path, suites: Sequence[str] = ()) -> Scorable:
    """Write a run's model, merged, and what suites asked it as tasks of lm-evaluation-harness.

    Args:
        run: the run folder.
        out: the folder to make; the tasks are in `lm_eval` in it.
        suites: which; where none is named, all that were asked and can be expressed.

    Raises:
        UserError: see `export`; or a suite cannot be expressed there. Nothing is left behind.
    """
    folder, out = RunFolder.open(run), Path(out)
    check_vacant(out)
    bench = _float32_bench(folder)
    tasks = tasks_of(bench, folder, suites)
    parity = _export(folder, bench, out, "merged")
    write_tasks(out, tasks)
    command = command_line(out, tasks, "float32")
    return Scorable(parity, tuple(task.name for task in tasks), command)


def _float32_bench(folder: RunFolder) -> Workbench:
    """A run's model as the proof takes it."""
    recipe = load_recipe(folder.recipe).resolved()
    # The proof is in float32, and so is what is merged from it; a quantised base's files are whole.
    whole = {"precision": "float32", "quantization": None}
    in_float32 = recipe.model.model_copy(update=whole)
    return from_run(folder, recipe.model_copy(update={"model": in_float32}))


def _export(
    run: RunFolder, bench: Workbench, out: Path, to: Literal["merged", "adapter"]
) -> Parity:
    recipe = load_recipe(run.recipe).resolved()
    prompts = [bench.renderer.prompt_ids([Message("user", text)]) for text in QUESTIONS]
    template: Any = bench.renderer.template.text
    return export_model(
        bench.model,
        bench.renderer.tokenizer,
        out,
        method=recipe.model.method,
        form=to,
        base_folder=bench.loaded.folder,
        template=template,
        stop_token_ids=sorted(bench.stop_ids),
        prompts=prompts,
        family=bench.family,
        opening=bench.renderer.form.opening,
        readme=partial(write_card, bench, run, recipe, to, QUESTIONS[0]),
    )
