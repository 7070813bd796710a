"""What a model card tells of an export beside the run's evidence.

Its licence and names on the hub, where they are known, and how the model is asked: whether plain
transformers makes the prompt that the model was trained on is tried before it is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import ModelCard

from tutelage.data.example import Message
from tutelage.model.embedded import PACKAGES
from tutelage.model.export import Parity
from tutelage.pipeline.workbench import Workbench
from tutelage.prompt.system import with_system
from tutelage.recipe import Recipe
from tutelage.recipe.writing import yaml_lines
from tutelage.report.card import Asking, Exported, card
from tutelage.report.evidence import Evidence, read_evidence
from tutelage.rundir import RunFolder

LICENCE = ("license", "license_name", "license_link")
"""What the hub calls it."""
HUB = "hub:"


def write_card(
    bench: Workbench,
    run: RunFolder,
    recipe: Recipe,
    form: Literal["merged", "adapter"],
    question: str,
    written: Path,
    parity: Parity,
) -> str:
    """The text of an export's `README.md`.

    Args:
        bench: with the model that was exported.
        run: whose model it is.
        recipe: of the run, resolved.
        form: what was exported.
        question: an example of what the model is asked.
        written: the folder, complete but for this file.
        parity: how closely the reloaded export agreed.
    """
    base = recipe.model.base
    chosen = recipe.model_dump(mode="json", exclude_defaults=True)
    exported = Exported(
        form=form,
        software=_software(written) if form == "adapter" else "transformers",
        loader=bench.family.loader.__name__,
        generates=bench.model.can_generate(),
        asking=_asking(bench, recipe, question),
        prompts=parity.prompts,
        greedy_tokens=parity.greedy_tokens,
        logit_difference=parity.logit_difference,
        recipe="\n".join(yaml_lines(_without_folders(chosen))),
        base=None if base in PACKAGES or Path(base).exists() else base,
        licence=_licence(base, bench.loaded.folder),
        datasets=[
            source.path.removeprefix(HUB)
            for source in recipe.data.train
            if source.path.startswith(HUB)
        ],
    )
    return card(_of_these_two(read_evidence(run)), exported)


def _software(adapter: Path) -> Literal["peft", "attach"]:
    """What loads an adapter: PEFT, or the file that lies beside one that PEFT does not know."""
    return "attach" if (adapter / "load_adapter.py").is_file() else "peft"


def _asking(bench: Workbench, recipe: Recipe, question: str) -> Asking:
    """How the model is asked, with the way by which plain transformers makes the same tokens."""
    renderer = bench.renderer
    turns = [Message("user", question)]
    ids = renderer.prompt_ids(turns)
    messages = [
        {"role": turn.role, "content": turn.content}
        for turn in with_system(turns, recipe.prompt.system)
    ]
    tokenizer: Any = renderer.tokenizer
    by_template = tokenizer.apply_chat_template(
        messages, chat_template=renderer.template.text, add_generation_prompt=True
    )["input_ids"]
    by: Literal["template", "tokenizer"] | None = None
    if by_template == ids:
        by = "template"
    elif tokenizer(question)["input_ids"] == ids:
        by = "tokenizer"
    return Asking(
        messages=messages,
        prompt=renderer.prompt_text(turns),
        by=by,
        stop_token_ids=sorted(bench.stop_ids),
        longest=recipe.evaluate.decode.max_new_tokens,
    )


def _of_these_two(evidence: Evidence) -> Evidence:
    """The evidence without a comparison in which a model at an endpoint took part."""
    if not evidence.metrics.get("endpoints"):
        return evidence
    compared = ("verdict", "comparison", "evaluation")
    metrics = {name: told for name, told in evidence.metrics.items() if name not in compared}
    return replace(evidence, metrics=metrics, comparison=())


def _licence(base: str, folder: Path) -> Mapping[str, str]:
    """The licence that the base model's own card names, if it lies with the model."""
    if base in PACKAGES:
        return {"license": PACKAGES[base].licence}
    try:
        said = ModelCard.load(folder / "README.md", ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError):  # no card, or none that can be read
        return {}
    return {name: said[name] for name in LICENCE if isinstance(said.get(name), str)}


def _without_folders(value: Any) -> Any:
    """A recipe's settings with folders of this machine cut down to their last name."""
    if isinstance(value, dict):
        return {key: _without_folders(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_without_folders(below) for below in value]
    if isinstance(value, str) and value.startswith("/") and Path(value).parent.is_dir():
        return Path(value).name
    return value
