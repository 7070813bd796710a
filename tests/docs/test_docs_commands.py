"""The pages are true: their commands run, their tables name what is there, their links lead on."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import typer

from commands import Commands
from tutelage.cli.app import app
from tutelage.metrics import METRICS
from tutelage.recipe import load
from tutelage.rundir import RunFolder, read_json

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
FIRST_RUN = PAGES["docs/first-run.md"]
QUESTION = "Is this review positive or negative?"
PLACES = ("soup", "cellar", "terrace", "service", "view", "wine", "bread", "music")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[list[str]]:
    """The `tutelage` commands of a page's shell blocks, without their comments."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["tutelage"]:
                yield words[1:]


def _make_quick(recipe: Path, tiny_base: Path) -> None:
    """Take the tiny model for the embedded one, and leave general text out."""
    text = recipe.read_text(encoding="utf-8")
    for old, new in (
        ("base: smollm2-135m-instruct", f"base: {tiny_base}"),
        ("#general_text: builtin", "general_text: null"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    recipe.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def first_run(command: Commands, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every command of the page ran, in order, on data like the page's."""
    folder = tmp_path_factory.mktemp("first-run")
    sample, answers = blocks(FIRST_RUN, "json")
    rows = [
        {
            "instruction": QUESTION,
            "input": f"The {place} of house {number} was {word}.",
            "output": output,
        }
        for number in range(4)
        for place in PLACES
        for word, output in (("lovely", "positive"), ("dreadful", "negative"))
    ]
    written = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "train.jsonl").write_text(sample + written, encoding="utf-8")
    (folder / "answers.jsonl").write_text(answers, encoding="utf-8")
    for words in commands(FIRST_RUN):
        said = command(*words, cwd=folder, said="Hello\n/base\nHello\n/quit\n")
        assert said.code == 0, (words, said.err)
        if words[0] == "init":
            _make_quick(folder / "recipe.yaml", tiny_base)
    return folder


def test_the_first_run_leaves_what_it_says(first_run: Path) -> None:
    for made in (
        "runs/first/report.html",
        "my-model/config.json",
        "my-adapter/adapter_config.json",
    ):
        assert (first_run / made).is_file()
    assert load(first_run / "runs/longer/recipe.yaml").recipe.train.epochs == 3
    found = read_json(first_run / "runs/parts/metrics.json")["comparison"]
    assert {row["metric"] for row in found} == {"exact_match", "chrf", "primary"}
    assert len((first_run / "items.jsonl").read_text().splitlines()) == 2


def test_the_python_of_the_first_run_runs(first_run: Path) -> None:
    (program,) = blocks(FIRST_RUN, "python")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=first_run, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'read': 66" in done.stdout
    assert "significant" in done.stdout or "no clear change" in done.stdout
    (program,) = blocks(PAGES["docs/run-folder.md"], "python")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=first_run, capture_output=True, text=True, check=False
    )
    assert " classification_f1 " in done.stdout, done.stderr


def test_every_verb_has_its_call_in_the_table() -> None:
    rows = re.findall(r"^\| `([a-z-]+)[^|]*\| `(tutelage[^`]+)`(.*)", FIRST_RUN, re.MULTILINE)
    verbs = {command.name for command in app.registered_commands}
    assert {verb for verb, _, _ in rows} == verbs
    for _, call, beside in rows:
        module, _, name = call.rpartition(".")
        owner, _, attribute = module.rpartition(".")
        try:
            place = importlib.import_module(module)
        except ModuleNotFoundError:  # a method, such as of a registry
            place = getattr(importlib.import_module(owner), attribute)
        assert callable(getattr(place, name))
        for other in re.findall(r"`(resume|clean|write_selected)`", beside):
            assert callable(
                getattr(place, other, None) or getattr(importlib.import_module(owner), other)
            )


def test_the_run_folder_is_as_its_page_says(first_run: Path) -> None:
    page = PAGES["docs/run-folder.md"]
    run = RunFolder.open(first_run / "runs/first")
    tables = re.findall(r"^\| ((?:`[^|]+)) \|", page, re.MULTILINE)
    named = [name for cell in tables for name in re.findall(r"`([^`]+)`", cell)]
    parts = {path.name + "/" * path.is_dir() for path in run.path.iterdir()}
    assert parts <= set(named)
    columns = {name.partition(":")[0] for name in pl.read_parquet(run.tuned_predictions).columns}
    assert columns <= {name.partition(":")[0] for name in named}
    for column in pl.read_parquet(run.ledger).columns:
        assert f"`{column}`" in page
    for key in read_json(run.metrics):
        assert f"`{key}`" in page


def test_every_metric_is_on_its_page() -> None:
    rows = [line for line in PAGES["docs/metrics.md"].splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == METRICS.names()


def test_what_score_prints_is_as_its_page_says(command: Commands, first_run: Path) -> None:
    (sample,) = blocks(PAGES["docs/metrics.md"], "json")
    said = command(
        *("score", "answers.jsonl", "--metric", "exact_match", "--json"), cwd=first_run
    ).json()
    assert said == json.loads(sample)


@pytest.mark.parametrize(
    "page", ["docs/metrics.md", "docs/methods.md", "docs/objectives.md", "docs/closed-models.md"]
)
def test_the_settings_of_a_page_are_a_recipe(page: str, tmp_path: Path) -> None:
    for block in blocks(PAGES[page], "yaml"):
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(f"data: {{train: a.jsonl}}\n{block}", encoding="utf-8")
        load(recipe)


def test_the_mixtures_of_their_page_are_recipes(tmp_path: Path) -> None:
    for block in blocks(PAGES["docs/mixtures.md"], "yaml"):
        recipe = tmp_path / "recipe.yaml"
        source = "" if "train:" in block else "  train: a.jsonl\n"
        recipe.write_text(block.replace("data:\n", f"data:\n{source}"), encoding="utf-8")
        load(recipe)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_its_options(page: str) -> None:
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for verb, *words in commands(PAGES[page]):
        if verb.startswith("-"):
            continue
        known = {name for parameter in verbs[verb].params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        text = (folder / path).read_text(encoding="utf-8") if path else PAGES[page]
        slugs = {
            re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-")
            for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        assert not heading or heading in slugs


def test_every_target_of_make_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES.values():
        for block in blocks(page, "sh"):
            for target in re.findall(r"^make ([\w-]+)", block, re.MULTILINE):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE)
