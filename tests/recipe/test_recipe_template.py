"""The commented recipe, the reference page, and the verb that writes the first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tutelage.cli.init import init as init_verb
from tutelage.errors import UserError
from tutelage.evaluate.options import AnswerForm
from tutelage.evaluate.suite_options import SuiteOptions
from tutelage.metrics import METRICS
from tutelage.recipe import Purpose, Recipe, init, load
from tutelage.recipe.reference import reference
from tutelage.recipe.schema import keys
from tutelage.recipe.templates import template

REPOSITORY = Path(__file__).parents[2]


def uncommented(text: str) -> str:
    """Every commented default set: `#key` loses its mark, prose (`# word`) keeps it."""
    return re.sub(r"(?m)^( *)#(?=\S)", r"\1", text)


@pytest.mark.parametrize("purpose", Purpose)
class TestTemplate:
    def test_it_loads(self, purpose: Purpose, tmp_path: Path) -> None:
        recipe = load(init(purpose, tmp_path / "recipe.yaml")).recipe
        assert recipe.name == purpose
        assert recipe.evaluate.metrics
        assert set(recipe.evaluate.metrics) <= set(METRICS.names())

    def test_every_commented_line_is_the_default(self, purpose: Purpose, tmp_path: Path) -> None:
        path = init(purpose, tmp_path / "recipe.yaml")
        short = load(path).recipe.model_dump()
        path.write_text(uncommented(path.read_text()))
        full = load(path).recipe.model_dump()
        assert full["evaluate"]["tasks"].pop("NAME") == {
            "metrics": None,
            "extract": None,
            "format": AnswerForm().model_dump(),
            "max_new_tokens": None,
            "choices": None,
        }
        assert set(full["data"]["mixture"]["tasks"].pop("NAME").values()) == {None}
        assert full["evaluate"].pop("suites") == [SuiteOptions().model_dump()]
        assert short["evaluate"].pop("suites") == []
        assert full == short

    def test_every_key_is_in_it_with_its_meaning(self, purpose: Purpose) -> None:
        text = template(purpose)
        prose = " ".join(re.findall(r"(?m)^ *# (.*)", text))
        for key in keys(Recipe):
            assert re.search(rf"(?m)^ *#?(- )?{key.path[-1]}:", text), key.dotted
            if not in_other_sources(key.path):
                assert " ".join((key.field.description or "").split()) in prose, key.dotted

    def test_its_lines_fit_a_screen(self, purpose: Purpose) -> None:
        assert max(map(len, template(purpose).splitlines())) <= 100


def in_other_sources(path: tuple[str | int, ...]) -> bool:
    """Whether a key is of sources other than `data.train`'s, by which all are described."""
    lists = (("data", "validation"), ("data", "test"), ("evaluate", "suites", 0, "data"))
    return any(len(path) > len(one) and path[: len(one)] == one for one in lists)


def test_every_key_has_a_meaning() -> None:
    assert [key.dotted for key in keys(Recipe) if not key.field.description] == []


def test_a_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("mine")
    with pytest.raises(UserError, match="the file exists") as error:
        init(out=path)
    assert "--force" in str(error.value)
    assert path.read_text() == "mine"
    assert load(init(out=path, force=True)).recipe.name == "chat"
    with pytest.raises(UserError, match="found a folder"):
        init(out=tmp_path, force=True)


def test_the_verb_writes_the_recipe_of_its_purpose(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(init_verb)
    path = tmp_path / "new" / "qa.yaml"
    result = CliRunner().invoke(app, ["--for", "qa", "--out", str(path)])
    assert result.exit_code == 0, result.output
    assert str(path) in result.output
    assert path.read_text() == template(Purpose.QA, "qa.yaml")
    other = CliRunner().invoke(app, ["--for", "sumarize"]).exception
    assert isinstance(other, UserError) and "did you mean summarize?" in str(other)


def test_the_reference_page_says_what_the_types_say() -> None:
    page = (REPOSITORY / "docs" / "recipe.md").read_text(encoding="utf-8")
    assert page == reference(), "run `python -m tutelage.recipe.reference docs/recipe.md`"


def test_the_reference_names_every_key(tmp_path: Path) -> None:
    page = tmp_path / "recipe.md"
    subprocess.run([sys.executable, "-m", "tutelage.recipe.reference", str(page)], check=True)
    text = page.read_text(encoding="utf-8")
    for key in keys(Recipe):
        if not in_other_sources(key.path):
            assert f"| `{key.dotted}` |" in text


def test_the_references_example_is_a_recipe(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", reference(), re.DOTALL)
    assert example is not None
    path = tmp_path / "recipe.yaml"
    path.write_text(example[1])
    assert load(path).recipe.data.train[0].path == "my-examples.jsonl"
