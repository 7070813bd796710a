"""Hand a tuned model on, with proof that it is the same elsewhere. Behind `tutelage export`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

from tutelage.data.example import Message
from tutelage.model.export import Parity
from tutelage.model.export import export as export_model
from tutelage.pipeline.card import write_card
from tutelage.pipeline.workbench import from_run
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
    recipe = load_recipe(folder.recipe).resolved()
    # The proof is in float32, and so is what is merged from it; a quantised base's files are whole.
    whole = {"precision": "float32", "quantization": None}
    in_float32 = recipe.model.model_copy(update=whole)
    bench = from_run(folder, recipe.model_copy(update={"model": in_float32}))
    prompts = [bench.renderer.prompt_ids([Message("user", text)]) for text in QUESTIONS]
    template: Any = bench.renderer.template.text
    return export_model(
        bench.model,
        bench.renderer.tokenizer,
        Path(out),
        method=recipe.model.method,
        form=to,
        base_folder=bench.loaded.folder,
        template=template,
        stop_token_ids=sorted(bench.stop_ids),
        prompts=prompts,
        family=bench.family,
        opening=bench.renderer.form.opening,
        readme=partial(write_card, bench, folder, recipe, to, QUESTIONS[0]),
    )
