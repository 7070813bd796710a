"""The recipe: everything that decides a run, composed of the options of the rooms below.

Two steps keep reading and deciding apart. `load` gives the recipe as the person wrote it, so that
the commented file and the typed one agree; `resolve` fills in what depends on other settings and
makes paths absolute, so that the recipe in a run folder means the same from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tutelage.data.options import DataOptions
from tutelage.evaluate.options import EvaluateOptions
from tutelage.model.options import ModelOptions
from tutelage.options import Options
from tutelage.prompt.options import PromptOptions
from tutelage.train.options import TrainOptions

LEARNING_RATES = {"lora": 2e-4, "full": 2e-5}
"""Peak learning rate by method: QLoRA (Dettmers et al. 2023), and what full tuning of models of
up to a few billion parameters commonly takes (Alpaca, Tulu)."""


class Recipe(Options):
    """A whole run: what is tuned, on what, how, and how the result is judged."""

    name: str = "run"
    """Name of the run, for the report and the trackers."""

    model: ModelOptions = ModelOptions()
    """What is tuned, and how: the base model and the method."""

    data: DataOptions
    """Where examples come from and which of them are trained on."""

    prompt: PromptOptions = PromptOptions()
    """How a conversation becomes tokens."""

    train: TrainOptions = TrainOptions()
    """How the model is trained."""

    evaluate: EvaluateOptions = EvaluateOptions()
    """What is asked of base and tuned model, and how it is scored."""


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe and the folder that its relative paths start from."""

    recipe: Recipe
    folder: Path

    def resolved(self) -> Recipe:
        """The recipe with every dependent default filled in and every path absolute."""
        return resolve(self.recipe, self.folder)


def load(path: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read a recipe.

    Args:
        path: the YAML file.
        overrides: settings such as `train.learning_rate=2e-4`, applied in order.

    Raises:
        UserError: the file cannot be read, or has mistakes; all of them are named.
    """
    import io
    import json

    from ruamel.yaml import YAML

    path = Path(path)
    yaml = YAML(typ="safe", pure=True)
    tree: Any = yaml.load(io.StringIO(path.read_text(encoding="utf-8")))
    for override in overrides:
        key, _, value = override.partition("=")
        node = tree
        *parents, last = key.split(".")
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[last] = yaml.load(value)
    recipe = Recipe.model_validate_json(json.dumps(tree), strict=True)
    return LoadedRecipe(recipe, path.resolve().parent)


def resolve(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with every dependent default filled in and every path absolute.

    Args:
        recipe: as loaded.
        folder: where relative paths start from: the recipe's folder.
    """
    values = recipe.model_dump()
    if recipe.train.learning_rate is None:
        values["train"]["learning_rate"] = LEARNING_RATES[recipe.model.method]

    def absolute(text: str) -> str:
        return str((folder / Path(text).expanduser()).resolve())

    for part in ("train", "validation", "test"):
        sources = values["data"][part]
        for source in sources if isinstance(sources, list) else []:
            if not source["path"].startswith("hub:"):
                source["path"] = absolute(source["path"])
    if recipe.prompt.template is not None:
        values["prompt"]["template"] = absolute(recipe.prompt.template)
    if recipe.evaluate.general_text not in (None, "builtin"):
        values["evaluate"]["general_text"] = absolute(str(recipe.evaluate.general_text))
    base = recipe.model.base
    if base.startswith((".", "~", "/")) or (folder / base).is_dir():
        values["model"]["base"] = absolute(base)
    return Recipe.model_validate(values)


def dump(recipe: Recipe, path: str | Path) -> None:
    """Write the recipe as YAML that `load` reads back as the same recipe."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    with Path(path).open("w", encoding="utf-8") as file:
        yaml.dump(recipe.model_dump(mode="json"), file)
