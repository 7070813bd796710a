"""What the page on families says of masked models is so."""

from __future__ import annotations

import re
from pathlib import Path

from tutelage.data.fates import Reason
from tutelage.model.families.masked import TRANSFORMS
from tutelage.prompt.options import PromptOptions
from tutelage.recipe import load

PAGE = (Path(__file__).parents[2] / "docs" / "families.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Masked language models")[1].split("\n## ")[0]


def test_its_recipe_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: page\n{text}")
    recipe = load(path).recipe
    assert recipe.evaluate.tasks["colour"].choices == ["red", "green", "blue", "white"]


def test_its_architectures_and_figures_are_the_codes() -> None:
    named = SECTION.replace("-", "").lower()
    assert all(kind.replace("-", "") in named for kind in TRANSFORMS)
    field = PromptOptions.model_fields["answer_tokens"]
    assert f"64 at most, {field.default} unless" in SECTION
    assert Reason.ANSWER_TOO_LONG.code in SECTION
