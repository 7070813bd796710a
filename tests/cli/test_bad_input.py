"""Hostile and mistaken input through real commands: a clear message, exit code 2, no traceback."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import tiny_project
from commands import Commands, Finished
from tutelage.cli.app import app
from tutelage.data.rows import MAX_ROW_BYTES

Refusal = Callable[..., str]

TUTELAGE = str(Path(sys.executable).with_name("tutelage"))
ROWS = [{"instruction": f"Say {n}.", "output": str(n)} for n in range(40)]
LINES = [json.dumps(row) for row in ROWS]


def refused(said: Finished, *expected: str) -> str:
    """What a command said that refused to go on, once it is clear that it did so well."""
    assert said.code == 2, (said.code, said.out, said.err)
    assert "Traceback" not in said.err
    message = said.err[said.err.index("tutelage: ") :]
    assert len(message) < 3_000
    for part in expected:
        assert part in message, message
    return message


@pytest.fixture
def refuses(command: Commands, own_project: Path) -> Refusal:
    """Runs a command in `own_project` that must refuse with every one of the texts in `saying`."""

    def run(*arguments: str | Path, saying: tuple[str, ...], **more: Any) -> str:
        return refused(command(*arguments, cwd=own_project, **more), *saying)

    return run


@pytest.fixture
def bad_data(refuses: Refusal, own_project: Path) -> Refusal:
    """Checks a recipe whose data is the bytes given."""

    def run(content: bytes | str, name: str, *settings: str, saying: tuple[str, ...]) -> str:
        written = content.encode() if isinstance(content, str) else content
        (own_project / name).write_bytes(written)
        given = [
            part
            for setting in (f"data.train={name}", "data.holdout.tasks=[]", "evaluate.tasks={}")
            for part in ("--set", setting)
        ]
        return refuses("check", "recipe.yaml", *given, *settings, saying=saying)

    return run


# --- the recipe


def test_a_recipe_that_is_not_there(refuses: Refusal) -> None:
    refuses("check", "recipes.yaml", saying=("recipes.yaml: there is no such file", "recipe.yaml?"))


def test_an_empty_recipe(refuses: Refusal, own_project: Path) -> None:
    (own_project / "empty.yaml").write_text("")
    refuses("run", "empty.yaml", "--out", "r", saying=("empty.yaml: the file is empty", "init"))


def test_every_mistake_is_told_at_once(refuses: Refusal, own_project: Path) -> None:
    (own_project / "bad.yaml").write_text(
        "modle: {base: x}\ndata: {train: data.jsonl}\ntrain: {epochs: many, batch_size: 0}\n"
    )
    refuses(
        *("train", "bad.yaml", "--out", "r"),
        saying=(
            "3 mistakes",
            *("line 1, column 1, modle: unknown key", "did you mean model"),
            *("line 3, column 17, train.epochs: expected a number", 'the text "many"'),
            "train.batch_size",
        ),
    )
    assert not (own_project / "r").exists()


def test_a_mistake_in_set(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "train.epoch=1"),
        saying=("--set train.epoch=1", "unknown key", "did you mean train.epochs"),
    )


# --- data


def test_data_that_is_not_there(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "data.train=date.jsonl"),
        saying=("date.jsonl: no such file", "did you mean data.jsonl?"),
    )


def test_an_empty_file(bad_data: Refusal) -> None:
    bad_data("", "empty.jsonl", saying=("empty.jsonl: the file is empty",))


def test_another_encoding(bad_data: Refusal) -> None:
    row = '{"instruction": "Un café?", "output": "Non."}\n'.encode("latin-1")
    lines = "".join(f"{line}\n" for line in LINES).encode()
    message = bad_data(lines + row, "latin.jsonl", saying=("latin.jsonl line 41", "byte 0xe9"))
    assert "is not UTF-8" in message
    assert "iconv" in message


def test_text_that_is_not_json(bad_data: Refusal) -> None:
    bad_data("hello\nworld\n", "notes.jsonl", saying=("notes.jsonl", "'hello'", "line 1", "JSON"))


def test_a_line_of_30_megabytes(bad_data: Refusal) -> None:
    size = 30_000_000
    endless = '{"instruction": "' + "a" * size + '", "output": "b"}'
    bad_data(
        "\n".join([*LINES, endless]),
        "endless.jsonl",
        saying=("1 of 41 rows are lost", "endless.jsonl row 40", f"{MAX_ROW_BYTES:,}"),
    )


@pytest.mark.parametrize("name", ["deep.jsonl", "deep.json"])
def test_json_nested_a_hundred_thousand_deep(bad_data: Refusal, name: str) -> None:
    deep = '{"instruction": ' + "[" * 100_000 + "]" * 100_000 + "}"
    content = "\n".join([*LINES, deep]) if name.endswith("l") else f"[{deep}]"
    bad_data(content, name, saying=(name, "depth limit exceeded"))


def test_a_missing_field(bad_data: Refusal) -> None:
    bad_data(
        "\n".join([*LINES, '{"instruction": "Say 41."}']),
        "short.jsonl",
        saying=("1 of 41 rows are lost (2.44%)", "short.jsonl row 40", "output", "data.max_lost"),
    )


def test_other_columns_than_any_format_has(bad_data: Refusal) -> None:
    content = "".join('{"text": "a", "label": "b"}\n' for _ in range(3))
    message = bad_data(content, "odd.jsonl", saying=("odd.jsonl", "text, label", "columns:"))
    assert "alpaca: instruction + output" in message


def test_nan_is_a_missing_value(bad_data: Refusal) -> None:
    bad_data(
        "\n".join([*LINES, '{"instruction": "Say 41.", "output": NaN}']),
        "nan.jsonl",
        saying=("1 of 41 rows are lost", "nan.jsonl row 40", "output"),
    )


def test_csv_with_other_columns(bad_data: Refusal) -> None:
    message = bad_data("id,label\n1,2\n", "odd.csv", saying=("odd.csv", "id, label"))
    assert "columns: {instruction: …, response: …}" in message


def test_csv_rows_of_other_lengths(bad_data: Refusal) -> None:
    good = "".join(f"Say {n}.,{n}\n" for n in range(40))
    bad_data(
        f"instruction,output\n{good}c\nd,e,f\n",
        "ragged.csv",
        saying=("2 of 42 rows are lost", "ragged.csv row 40", "ragged.csv row 41"),
    )


def test_duplicate_rows_are_fine(command: Commands, own_project: Path) -> None:
    rows = [{"id": 7, **row} for row in [*tiny_project.rows(), *tiny_project.rows()]]
    tiny_project.write_rows(own_project / "data.jsonl", rows)
    found = command("check", "recipe.yaml", "--json", cwd=own_project).json()
    assert found["counts"]["read"] == sum(found["splits"].values()) == 120


def test_a_row_cannot_steer_the_terminal(bad_data: Refusal) -> None:
    hostile = json.dumps({"instruction": ["\x1b]0;owned\x07"], "output": "a", "\x1b[2J": ""})
    message = bad_data("\n".join([*LINES, hostile]), "hostile.jsonl", saying=("1 of 41 rows",))
    assert "\x1b" not in message
    assert "\x07" not in message


def test_neither_can_an_argument(refuses: Refusal) -> None:
    assert "\x1b" not in refuses("chat", "\x1b[31mrun", saying=("expected a run folder",))


def test_more_rows_over_long_than_may_be_lost(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "prompt.max_tokens=20"),
        saying=("60 of 60 rows are lost (100.00%)", "data.jsonl row 0: 29 tokens, 9 over"),
    )


def test_over_long_is_an_error_where_asked(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "prompt.max_tokens=20"),
        *("--set", "prompt.over_long=error"),
        saying=("data.jsonl row 0", "29 tokens, 9 over the limit of 20", "raise prompt.max_tokens"),
    )


def test_more_set_aside_than_there_is(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "data.validation=40"),
        saying=("data.validation: 40 examples", "of 36"),
    )


def test_a_held_out_task_that_is_not_there(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "data.holdout.tasks=[backward]"),
        saying=("data.holdout.tasks", "unknown task 'backward'", "did you mean backwards?"),
    )


@pytest.mark.parametrize(
    ("setting", "saying"),
    [
        (
            "{strategy: weights, weights: {add: 1, color: 2}}",
            ("data.mixture.weights: unknown task 'color'", "did you mean colour?"),
        ),
        (
            "{strategy: weights, weights: {add: 1, colour: 1, backwards: 1}}",
            ("data.mixture.weights: the task 'backwards' has no example to train on", "held out"),
        ),
        (
            "{strategy: weights, weights: {add: 0, colour: 0}}",
            ("data.mixture.weights: the weights sum to nothing",),
        ),
        (
            "{tasks: {add: {examples: 5000}}}",
            ("data.mixture.tasks.add: the budget of 'add' is 5,000 examples", "write `epochs:"),
        ),
    ],
)
def test_a_mixture_that_does_not_fit_the_data(
    refuses: Refusal, setting: str, saying: tuple[str, ...]
) -> None:
    refuses("check", "recipe.yaml", "--set", f"data.mixture={setting}", saying=saying)


# --- the evaluation, which is tried before training


@pytest.mark.parametrize("verb", ["check", "train", "run"])
@pytest.mark.parametrize(
    ("setting", "saying"),
    [
        ("evaluate.metrics=[rouge]", ("evaluate.metrics: unknown metric 'rouge'", "rougeL")),
        (
            "evaluate.tasks.color.metrics=[bleu]",
            ("evaluate.tasks: unknown task 'color'", "did you mean colour?"),
        ),
        ("evaluate.tasks.add.metrics=[entity_f1]", ("task 'add'", "is not an IOB2 tag")),
        ("evaluate.general_text=gone.txt", ("evaluate.general_text", "gone.txt")),
    ],
)
def test_an_evaluation_that_would_fail(
    refuses: Refusal, own_project: Path, verb: str, setting: str, saying: tuple[str, ...]
) -> None:
    out = () if verb == "check" else ("--out", "r")
    refuses(verb, "recipe.yaml", *out, "--set", setting, saying=saying)
    assert not (own_project / "r").exists()


# --- the model


def test_a_model_folder_that_is_not_there(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "model.base=./modle"),
        saying=("model.base: there is no folder", "modle", "did you mean", "/model?"),
    )


def test_a_hub_model_without_a_hub(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "model.base=someone/some-model"),
        saying=("model.base: no model 'someone/some-model'", "no hub can be reached", "smollm2"),
    )


def test_a_model_in_pickles(refuses: Refusal, own_project: Path, tiny_base: Path) -> None:
    folder = Path(shutil.copytree(tiny_base, own_project / "pickled"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refuses(
        *("check", "recipe.yaml", "--set", "model.base=./pickled"),
        saying=("pickled", "no *.safetensors", "can run code"),
    )


def test_a_model_that_brings_code(refuses: Refusal, own_project: Path, tiny_base: Path) -> None:
    folder = Path(shutil.copytree(tiny_base, own_project / "coded"))
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "theirs.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(own_project / 'owned')!r}, 'w')")
    refuses(
        *("check", "recipe.yaml", "--set", "model.base=./coded"),
        saying=("config.json", "auto_map", "runs no code of models"),
    )
    assert not (own_project / "owned").exists()


def test_layers_that_are_not_there(refuses: Refusal) -> None:
    refuses(
        *("check", "recipe.yaml", "--set", "model.lora.target_modules=[q_prj]"),
        saying=("model.lora.target_modules", "no layer", "'q_prj'", "did you mean q_proj"),
    )


@pytest.mark.parametrize(
    ("template", "saying"),
    [
        ("{% for", "unexpected"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
    ],
)
def test_a_hostile_template(
    refuses: Refusal, own_project: Path, template: str, saying: str
) -> None:
    (own_project / "chat.jinja").write_text(template)
    refuses(
        *("check", "recipe.yaml", "--set", "prompt.template=chat.jinja"),
        saying=("prompt.template: the chat template fails", saying),
    )


def test_a_loss_that_is_not_finite_names_its_rows(refuses: Refusal) -> None:
    refuses(
        *("train", "recipe.yaml", "--out", "r", "--set", "model.lora.alpha=1e38"),
        *("--set", "train.max_gradient_norm=null", "--set", "train.warmup=0"),
        saying=("not finite at step", "data.jsonl row", "lower train.learning_rate"),
    )


# --- the run folder


@pytest.fixture(scope="module")
def trained(command: Commands, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a short run called `run`; tests work on copies."""
    project = tiny_project.write_project(tmp_path_factory.mktemp("trained") / "project", tiny_base)
    made = command(
        *("train", "recipe.yaml", "--out", "run", "--set", "train.max_steps=2"), cwd=project
    )
    assert made.code == 0, made.err
    return project


@pytest.mark.parametrize("verb", ["train", "run"])
def test_a_run_folder_that_is_taken(refuses: Refusal, own_project: Path, verb: str) -> None:
    (own_project / "notes").mkdir()
    (own_project / "notes" / "mine.txt").write_text("keep me")
    for overwrite in ((), ("--overwrite",)):
        refuses(
            *(verb, "recipe.yaml", "--out", "notes", *overwrite),
            saying=("notes: the folder is not empty and not a run folder",),
        )
    assert (own_project / "notes" / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize("verb", ["train", "run"])
def test_the_recipe_s_own_folder_is_never_overwritten(
    refuses: Refusal, own_project: Path, verb: str
) -> None:
    before = sorted(own_project.rglob("*"))
    refuses(
        *(verb, "recipe.yaml", "--out", ".", "--overwrite"),
        saying=("the run folder is the folder of the recipe", "--out run"),
    )
    assert sorted(own_project.rglob("*")) == before


def test_a_run_that_is_there(refuses: Refusal, trained: Path) -> None:
    again = trained / "run"
    refuses(
        *("train", "recipe.yaml", "--out", again),
        saying=("already holds a run", "remove it with --overwrite"),
    )


@pytest.mark.parametrize("verb", ["check", "train", "run"])
def test_a_place_that_cannot_be_written(refuses: Refusal, verb: str) -> None:
    refuses(verb, "recipe.yaml", "--out", "data.jsonl/run", saying=("data.jsonl",))


@pytest.mark.parametrize("verb", ["eval", "chat", "report", "export", "train"])
def test_something_that_is_not_a_run(refuses: Refusal, own_project: Path, verb: str) -> None:
    (own_project / "empty").mkdir()
    more = {"export": ("--out", "x"), "train": ("--resume",)}.get(verb, ())
    refuses(verb, "gone", *more, saying=("gone: expected a run folder, found nothing there",))
    refuses(verb, "empty", *more, saying=("empty: no run folder: recipe.yaml is missing",))


def test_a_project_is_not_a_run(refuses: Refusal) -> None:
    refuses("eval", ".", saying=("model: the folder holds no tuned model",))
    refuses("chat", ".", saying=("model: the folder holds no tuned model",))


@pytest.mark.parametrize("verb", [("eval", "run"), ("train", "run", "--resume")])
def test_data_that_changed_since_training(
    command: Commands, trained: Path, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    project = Path(shutil.copytree(trained, tmp_path / "project", symlinks=True))
    recipe = (project / "run" / "recipe.yaml").read_text().replace(str(trained), str(project))
    (project / "run" / "recipe.yaml").write_text(recipe)
    rows = [{**row, "output": row["output"] + "!"} for row in tiny_project.rows()]
    tiny_project.write_rows(project / "data.jsonl", rows)
    refused(command(*verb, cwd=project), "run", "data")


def test_a_base_model_that_changed_since_training(
    command: Commands, trained: Path, tmp_path: Path
) -> None:
    project = Path(shutil.copytree(trained, tmp_path / "project"))
    recipe = (project / "run" / "recipe.yaml").read_text().replace(str(trained), str(project))
    (project / "run" / "recipe.yaml").write_text(recipe)
    (project / "model" / "generation_config.json").write_text("{}")
    refused(command("chat", "run", cwd=project), "the base model's files are not those")


def test_another_method_than_the_run_was_tuned_by(command: Commands, trained: Path) -> None:
    said = command("eval", "run", "--set", "model.method=full", cwd=trained)
    refused(said, "the run was tuned by the method lora")


def test_an_export_to_a_folder_that_is_there(command: Commands, trained: Path) -> None:
    said = command("export", "run", "--out", "model", cwd=trained)
    refused(said, "model: something is there already", "choose another --out")
    assert (trained / "model" / "config.json").is_file()


def test_an_export_to_a_place_that_cannot_be_written(command: Commands, trained: Path) -> None:
    refused(command("export", "run", "--out", "data.jsonl/x", cwd=trained), "data.jsonl")


def test_arguments_that_exclude_each_other(refuses: Refusal) -> None:
    refuses("train", "recipe.yaml", saying=("no run folder was named", "add --out RUN"))
    refuses("train", "r", "--resume", "--out", "s", saying=("continued as it was begun",))


# --- score


@pytest.mark.parametrize(
    ("content", "saying"),
    [
        ("", "the file holds no rows"),
        ("not json\n", "row 0 (line 1): not JSON"),
        ('{"prediction": "a", "references": ["a"]}\n\n{"prediction": "a"}\n', "row 1 (line 3)"),
        ('{"prediction": "a", "references": []}\n', "at least one reference"),
        ('{"prediction": 3, "references": ["a"]}\n', "field 'prediction': found 3"),
        ('{"prediction": "a", "references": "a"}\n', "field 'references': found 'a'"),
        ('{"prediction": "' + "[" * 100_000 + "\n", "not JSON"),
    ],
)
def test_rows_that_cannot_be_scored(
    refuses: Refusal, own_project: Path, content: str, saying: str
) -> None:
    (own_project / "rows.jsonl").write_text(content)
    message = refuses("score", "rows.jsonl", "-m", "bleu", saying=("rows.jsonl", saying))
    assert "fix: " in message


def test_tags_that_do_not_align(refuses: Refusal, own_project: Path) -> None:
    row = {"prediction": ["B-PER", "O"], "references": [["B-PER"]]}
    tiny_project.write_rows(own_project / "rows.jsonl", [row])
    refuses("score", "rows.jsonl", "-m", "entity_f1", saying=("row 0", "1 tags", "expected 2"))


def test_a_metric_that_is_not_there(refuses: Refusal) -> None:
    refuses(
        *("score", "data.jsonl", "-m", "blue"),
        saying=("unknown metric 'blue'", "did you mean bleu?"),
    )


def test_predictions_that_are_not_there(refuses: Refusal) -> None:
    refuses("score", "gone.jsonl", "-m", "bleu", saying=("gone.jsonl: there is no such file",))


def test_items_that_cannot_be_written(refuses: Refusal, own_project: Path) -> None:
    tiny_project.write_rows(own_project / "rows.jsonl", [{"prediction": "a", "references": ["a"]}])
    refuses(
        *("score", "rows.jsonl", "-m", "bleu", "--items", "data.jsonl/items.jsonl"),
        saying=("data.jsonl",),
    )


# --- the command itself


def test_init_leaves_a_file_alone(refuses: Refusal, own_project: Path) -> None:
    before = (own_project / "recipe.yaml").read_bytes()
    refuses("init", saying=("recipe.yaml: the file exists", "--force"))
    assert (own_project / "recipe.yaml").read_bytes() == before


def test_an_unknown_verb(command: Commands, own_project: Path) -> None:
    said = command("frobnicate", cwd=own_project)
    assert said.code == 2
    assert "No such command 'frobnicate'" in said.err


def test_help_answers_at_once() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([TUTELAGE, "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.5


def test_help_of_every_verb_loads_nothing_heavy() -> None:
    verbs = sorted(get_command(app).commands)  # type: ignore[attr-defined]
    assert "score" in verbs
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from tutelage.cli.app import app\n"
        f"for verb in {verbs}:\n"
        "    assert CliRunner().invoke(app, [verb, '--help']).exit_code == 0, verb\n"
        "heavy = {'torch', 'transformers', 'polars', 'numpy', 'sacrebleu'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ})
