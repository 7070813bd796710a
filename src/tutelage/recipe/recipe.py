"""The recipe: everything that decides a run, composed of the options of the rooms below.

Two steps keep reading and deciding apart. `load` gives the recipe as the person wrote it, so that
the commented file and the typed one agree; `resolve` fills in what depends on other settings and
makes paths absolute, so that the recipe in a run folder means the same from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from tutelage.data.options import DataOptions
from tutelage.evaluate.options import WRITTEN_OUT, EvaluateOptions
from tutelage.model.options import ModelOptions
from tutelage.options import Options
from tutelage.prompt.options import PromptOptions
from tutelage.recipe.document import Node, parse, read_text
from tutelage.recipe.mistakes import Mistake, Place, RecipeError
from tutelage.recipe.overrides import apply
from tutelage.recipe.schema import Kind, dotted
from tutelage.recipe.shorthand import spell_out
from tutelage.recipe.validation import validate
from tutelage.recipe.writing import yaml_lines
from tutelage.rundir import write_text
from tutelage.train.options import TrainOptions

LEARNING_RATES = {"full": 2e-5, "lora": 2e-4, "prefix": 1e-2, "adapter": 3e-4}
"""Peak learning rate by method: Alpaca's and Tulu's, which hold for models of some billion
parameters; QLoRA's (Dettmers et al. 2023); P-tuning v2's (Liu et al. 2022); that of LLM-Adapters
(Hu et al. 2023)."""

DPO_LEARNING_RATES = {"full": 5e-7, "lora": 5e-6, "prefix": 2.5e-4, "adapter": 7.5e-6}
"""The same with preference pairs: Zephyr's (Tunstall et al. 2023) and its QLoRA recipe's, and for
the others, of which nothing is published, a fortieth of the rate above, as with these two."""


MAX_SCHEMA = 64 * 1024
"""Characters of a JSON Schema that is written into a recipe, which may itself have 256 KiB."""


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

    @field_validator("name")
    @classmethod
    def _name_is_one_line(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError("expected a name of one line")
        return name

    @field_validator("train")
    @classmethod
    def _validation_has_examples(cls, train: TrainOptions, info: ValidationInfo) -> TrainOptions:
        data = info.data.get("data")
        if data is not None and data.validation in (0, []):
            settings = {"patience": train.patience, "validate_every": train.validate_every}
            for key, value in settings.items():
                if value is not None:
                    raise PydanticCustomError(
                        "conflict",
                        "asks for validation, but data.validation sets no examples aside",
                        {"key": key},
                    )
        return train


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe, the folder that its relative paths start from, and where each setting stands."""

    recipe: Recipe
    folder: Path
    _tree: Node

    def resolved(self) -> Recipe:
        """The recipe with every dependent default filled in and every path absolute."""
        return resolve(self.recipe, self.folder)

    def where(self, *path: str | int) -> str:
        """The place of a setting, for errors that only a later room can find.

        Args:
            path: such as `"data", "train", 0, "format"`.

        Returns:
            Such as `recipe.yaml line 4, column 5, data.train.0.format`.
        """
        return f"{self._tree.nearest(path).place}, {dotted(path)}"


def load(path: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read a recipe.

    Args:
        path: the YAML file.
        overrides: settings such as `train.learning_rate=2e-4`, applied in order; paths in them
            start from the recipe's folder, like those in the file.

    Raises:
        RecipeError: the file cannot be read, or has mistakes; all of them are named.
    """
    path = Path(path)
    root, mistakes = parse(read_text(path), Place(str(path)))
    if root is None:
        empty = Mistake(
            Place(str(path)),
            "the file is empty",
            fix=f"`tutelage init --force --out {path}` writes a commented recipe",
        )
        raise RecipeError(mistakes or [empty])
    return _loaded(root, mistakes, overrides, path)


def of_data(sources: Sequence[str], overrides: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe of nothing but data named on a command line, relative to the current folder.

    Args:
        sources: files, folders, globs or hub datasets.
        overrides: settings such as `data.audit.language=en`, applied in order.

    Raises:
        RecipeError: what is named, or a setting, cannot be used.
    """
    text = orjson.dumps({"data": {"train": list(sources)}}).decode()  # JSON is YAML
    root, mistakes = parse(text, Place("the command line"))
    if root is None:
        raise RecipeError(mistakes)
    return _loaded(root, mistakes, overrides, None)


def _loaded(
    root: Node, mistakes: list[Mistake], overrides: Sequence[str], path: Path | None
) -> LoadedRecipe:
    """The recipe of a tree, once the overrides are in it."""
    kind = Kind(Recipe)
    spell_out(root, kind)
    for override in overrides if isinstance(root.value, dict) else ():
        mistakes += apply(root, kind, override)
        spell_out(root, kind)
    recipe, invalid = validate(root, Recipe)
    # What could not be read as a value is empty in the tree: no second complaint about that.
    known = {(mistake.place, mistake.key) for mistake in mistakes}
    mistakes += [mistake for mistake in invalid if (mistake.place, mistake.key) not in known]
    if mistakes or recipe is None:
        told = _brought_by(overrides, path, mistakes) if overrides and path else mistakes
        raise RecipeError(told)
    return LoadedRecipe(recipe, (path or Path("recipe")).absolute().parent, root)


def _brought_by(overrides: Sequence[str], path: Path, mistakes: Sequence[Mistake]) -> list[Mistake]:
    """The mistakes; where one is in the file only because of `--set`, it points there too."""
    try:
        load(path)
        before = set()
    except RecipeError as error:
        before = {(mistake.key, mistake.what) for mistake in error.mistakes}
    given = " ".join(f"--set {override}" for override in overrides)
    return [
        mistake
        if mistake.place.line is None or (mistake.key, mistake.what) in before
        else replace(mistake, place=Place(f"{given}, against {mistake.place}"))
        for mistake in mistakes
    ]


def data_to_audit(recipe: Recipe) -> DataOptions:
    """The data with the kinds of constraints that evaluation knows: its rows may carry them."""
    files = dict.fromkeys([*recipe.data.audit.own, *recipe.evaluate.own_constraints])
    audit = recipe.data.audit.model_copy(update={"own": list(files)})
    return recipe.data.model_copy(update={"audit": audit})


def resolve(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with every dependent default filled in and every path absolute.

    Args:
        recipe: as loaded.
        folder: where relative paths start from: the recipe's folder.
    """
    values = recipe.model_dump()
    if recipe.train.learning_rate is None:
        rates = DPO_LEARNING_RATES if recipe.train.objective == "dpo" else LEARNING_RATES
        values["train"]["learning_rate"] = rates[recipe.model.method]

    def absolute(text: str) -> str:
        path = folder / Path(text).expanduser()
        # A file's own name stays: in a hub's cache it is a link to one that has no suffix.
        return str(path.parent.resolve() / path.name)

    for part in ("train", "validation", "test"):
        sources = values["data"][part]
        for source in sources if isinstance(sources, list) else []:
            if not source["path"].startswith("hub:"):
                source["path"] = absolute(source["path"])
    values["data"]["audit"]["own"] = [absolute(path) for path in data_to_audit(recipe).audit.own]
    if recipe.prompt.template is not None:
        values["prompt"]["template"] = absolute(recipe.prompt.template)
    _resolve_evaluation(values["evaluate"], absolute)
    models = (
        (values["model"], "base"),
        (values["data"]["audit"], "model"),
        (values["evaluate"]["judge"], "local"),
    )
    for section, key in models:
        named = section[key]
        if named and (named.startswith((".", "~", "/")) or (folder / named).is_dir()):
            section[key] = absolute(named)
    return Recipe.model_validate(values)


def _resolve_evaluation(section: dict[str, Any], absolute: Callable[[str], str]) -> None:
    """Make the paths of `evaluate` absolute."""
    if section["general_text"] not in (None, "builtin"):
        section["general_text"] = absolute(section["general_text"])
    if section["suite_files"] is not None:
        section["suite_files"] = absolute(section["suite_files"])
    if section["judge"]["people"] is not None:
        section["judge"]["people"] = absolute(section["judge"]["people"])
    for suite in section["suites"]:
        if suite["people"] is not None:
            suite["people"] = absolute(suite["people"])
        for source in suite["data"]:
            if not source["path"].startswith("hub:"):
                source["path"] = absolute(source["path"])
    section["own_constraints"] = [absolute(path) for path in section["own_constraints"]]
    for task in section["tasks"].values():
        if task["format"] and task["format"]["json_schema"] is not None:
            task["format"]["json_schema"] = _kept_schema(task["format"]["json_schema"], absolute)


def _kept_schema(given: str, absolute: Callable[[str], str]) -> str:
    """A JSON Schema's text in place of its file's name, so that a run folder needs no other file.

    What cannot be read as one stays a name: the form's own reader says what is wrong with it.
    """
    if given.startswith(WRITTEN_OUT):
        return given
    path = Path(absolute(given))
    try:
        text = orjson.dumps(orjson.loads(path.read_bytes())).decode()
    except (OSError, orjson.JSONDecodeError):
        return str(path)
    return text if text.startswith(WRITTEN_OUT) and len(text) <= MAX_SCHEMA else str(path)


def dump(recipe: Recipe, path: str | Path) -> None:
    """Write the recipe, whole or not at all, as YAML that `load` reads back as the same recipe."""
    write_text(Path(path), "\n".join([*yaml_lines(recipe.model_dump(mode="json")), ""]))
