"""A recipe with every kind of mistake: each has its line, its key and a fix, and all are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tutelage.recipe import RecipeError, load
from tutelage.recipe.advice import OTHER_TOOLS
from tutelage.recipe.mistakes import Mistake
from tutelage.recipe.recipe import Recipe
from tutelage.recipe.schema import keys

DATA = "data: {train: my.jsonl}\n"


def mistakes_of(path: Path, *overrides: str) -> tuple[Mistake, ...]:
    with pytest.raises(RecipeError) as error:
        load(path, overrides)
    return error.value.mistakes


def only_mistake(path: Path, *overrides: str) -> Mistake:
    (mistake,) = mistakes_of(path, *overrides)
    return mistake


# What stands below DATA in a recipe, and its one mistake: line:column key | what | fix.
TABLE = {
    # Unknown keys
    "train: {learning_rat: 1}":
        "2:9 train.learning_rat | unknown key | did you mean train.learning_rate (a number",
    "train:\n  max_tokens: 9":
        "3:3 train.max_tokens | unknown key | it belongs under prompt: prompt.max_tokens (a whole",
    "learning_rate: 1":
        "2:1 learning_rate | unknown key | it belongs under train: train.learning_rate",
    "train: {lr: 1}":
        "2:9 train.lr | unknown key | did you mean train.learning_rate",
    "model: {lora: {lora_alpha: 1}}":
        "2:16 model.lora.lora_alpha | unknown key | did you mean model.lora.alpha",
    "modle: {}":
        "2:1 modle | unknown key | did you mean model ",
    "zzzzz: 1":
        "2:1 zzzzz | unknown key | expected one of name, model, data, prompt, train, evaluate",
    "evaluate: {tasks: {qa: {metric: [x]}}}":
        "2:25 evaluate.tasks.qa.metric | unknown key | did you mean evaluate.tasks.qa.metrics",
    # Wrong types
    "train: {learning_rate: fast}":
        "2:24 train.learning_rate | a number greater than 0 and at most 1 or null, found the text",
    "train: {learning_rate: '2e-4'}":
        '2:24 train.learning_rate | found the text "2e-4" | remove the quotes: 2e-4',
    "train:\n  warmup: 0,5":
        '3:11 train.warmup | at least 0 and below 1, found the text "0,5" | write a point: 0.5',
    "train: {batch_size: '3'}":
        "2:21 train.batch_size | expected a whole number at least 1 | remove the quotes: 3",
    "train: {batch_size: 3.0}":
        "2:21 train.batch_size | found 3.0 | write 3",
    "train: {batch_size: 2.5}":
        "2:21 train.batch_size | expected a whole number at least 1, found 2.5",
    "train: {batch_size: true}":
        "2:21 train.batch_size | found true",
    "train: {epochs: true}":
        "2:17 train.epochs | expected a number greater than 0, found true",
    "train: {keep_best: no}":
        '2:20 train.keep_best | true or false, found the text "no" | write false: YAML 1.2',
    "train: {keep_best: On}":
        "2:20 train.keep_best | found the text | write true: YAML 1.2 reads On as text",
    "train: {keep_best: 1}":
        "2:20 train.keep_best | expected true or false, found 1",
    "train: {batch_size: null}":
        "2:21 train.batch_size | found nothing (null) | remove the line to keep the default",
    "name: 3":
        '2:7 name | expected text, found 3 | write it in quotes: "3"',
    "prompt: {system: {Answer: briefly}}":
        "2:18 prompt.system | text or null, found settings (Answer) | a text that has a colon",
    "evaluate: {metrics: rougeL}":
        '2:21 evaluate.metrics | a list of texts, found the text "rougeL" | write a list: [rougeL]',
    "evaluate: {metrics: [rougeL, 3]}":
        '2:30 evaluate.metrics.1 | expected text, found 3 | write it in quotes: "3"',
    "train: [1, 2]":
        "2:8 train | expected settings (objective, epochs, max_steps, …), found a list of 2",
    "train: {betas: [0.9]}":
        "2:16 train.betas | expected a list of 2 numbers, found a list of 1",
    "train: {betas: [0.9, 0.9, 0.9]}":
        "2:16 train.betas | expected a list of 2 numbers, found a list of 3",
    "train: {betas: [0.9, x]}":
        '2:22 train.betas.1 | expected a number, found the text "x"',
    "model: {lora: {target_modules: 3}}":
        "2:32 model.lora.target_modules | expected a list of texts or all-linear, found 3",
    "model: {lora: {target_modules: [q, 3]}}":
        "2:36 model.lora.target_modules.1 | expected text, found 3 | in quotes",
    "evaluate: {tasks: [qa]}":
        "2:19 evaluate.tasks | expected a mapping from names to task evaluations",
    # Values out of range
    "train: {epochs: 0}":
        "2:17 train.epochs | expected a number greater than 0, found 0",
    "train: {warmup: 1}":
        "2:17 train.warmup | expected a number at least 0 and below 1, found 1",
    "train: {schedule: cosin}":
        "2:19 train.schedule | expected cosine, linear or constant | did you mean cosine?",
    "train: {trackers: [tensorbord]}":
        "2:20 train.trackers.0 | expected tensorboard, wandb or mlflow | did you mean tensorboard?",
    "train: {seed: -1}":
        "2:15 train.seed | expected a whole number at least 0",
    "train: {betas: [0.9, 1]}":
        "2:16 train.betas | expected two numbers from 0 to below 1, found [0.9, 1.0]",
    "train: {epochs: .nan}":
        "2:17 train.epochs | expected a finite number, found .nan",
    "train: {epochs: -.inf}":
        "2:17 train.epochs | expected a finite number, found -.inf",
    "train: {epochs: 1e999}":
        "2:17 train.epochs | expected a finite number, found 1e999",
    f"train: {{epochs: {'9' * 5000}}}":
        "2:17 train.epochs | expected a finite number, found 9999",
    "model: {device: gpu}":
        '2:17 model.device | expected auto, cpu, cuda or cuda:N, found "gpu"',
    "name: ' '":
        "2:7 name | expected a name of one line",
    "model: {base: ''}":
        "2:15 model.base | expected a hub id, a local folder or",
    "model: {lora: {target_modules: []}}":
        "2:32 model.lora.target_modules | expected at least one layer's name",
    "evaluate: {metrics: []}":
        "2:21 evaluate.metrics | expected at least one metric",
    "evaluate: {metrics: [bleu, bleu]}":
        "2:21 evaluate.metrics | found twice: bleu",
    "evaluate: {tasks: {qa: {extract: '('}}}":
        "2:34 evaluate.tasks.qa.extract | expected a regular expression, found '('",
    'prompt: {system: "\\ud800"}':
        "2:18 prompt.system | expected plain text",
    # Impossible combinations
    "model: {method: full, lora: {rank: 4}}":
        "2:29 model.lora | `method: full` does not use them",
    "model: {prefix: {tokens: 4}}":
        "2:17 model.prefix | `method: lora` does not use them",
    "model: {method: prefix, adapter: {width: 8}}":
        "2:34 model.adapter | `method: prefix` does not use them",
    "model: {method: full, full: {target_modules: [norm], last_layers: 2}}":
        "2:67 model.full.last_layers | so does target_modules",
    "model: {revision: main}":
        "2:19 model.revision | only a model of the hub has a revision",
    "train: {schedule: constant, final_learning_rate: 0.1}":
        "2:50 train.final_learning_rate | `schedule: constant` never falls",
    # Structure
    "train: {epochs: 1, epochs: 2}":
        "2:20 train.epochs | 'epochs' is set twice; the first time is | keep one of them",
    "? [a, b]\n: 1":
        "2:3 | expected the name of a setting",
    ": 1":
        "2:1 | expected the name of a setting",
    "train:\n  <<: {epochs: 1}":
        "3:3 train.<< | merge keys (<<) belong to YAML 1.1 | repeat the settings",
    "train: !!python/object/apply:os.system {x: 1}":
        "2:8 train | the tag !!python/object/apply:os.system | remove the tag",
    "name: !mine x":
        "2:7 name | the tag !mine: a recipe holds plain values only | remove the tag",
    # Syntax
    "train:\n\tepochs: 1":
        "3:1 | a tab; YAML is indented with spaces only | use spaces",
    "train:\n  epochs: 1\n   seed: 2":
        "4:8 | a ':' where no new key can begin | indent the keys",
    "train:\n    epochs: 1\n  seed: 2":
        "4:3 | the indentation does not match | same number of spaces",
    "name: a: b":
        "2:8 | a ':' where no new key can begin | put the value in quotes",
    "name\ntrain: {}":
        "3:1 | a key without ':' | write `key: value`",
    "train: {epochs: 1":
        "3:1 | the list or mapping that began in line 2 is not closed",
    "name: 'a":
        "3:1 | the quote that was opened in line 2 is not closed",
    'name: "\\q"':
        "2:9 | \\q means nothing within double quotes | use single quotes",
    "name: @x":
        "2:7 | a value cannot begin with @ | put the value in quotes",
    "name: *x":
        "2:7 | *x refers to an anchor that is not defined | put the value in quotes",
    "name: x]\ntrain: [1]]":
        "3:11 | a ] that closes nothing",
    "---\nname: x":
        "2:1 | a second document",
    "evaluate: - x":
        "2:11 | a list cannot begin in the line of its key",
}  # fmt: skip


def told(expected: str, mistake: Mistake) -> bool:
    """Whether a mistake is as a table says; no fix in the table means that there is none."""
    place, what, *fix = expected.split(" | ")
    at = f"{mistake.place.line}:{mistake.place.column} {mistake.key}".strip()
    fits = fix[0] in (mistake.fix or "") if fix else mistake.fix is None
    return at == place and what in mistake.what and fits


@pytest.mark.parametrize("text", TABLE)
def test_a_mistake_has_its_place_and_its_fix(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"{DATA}{text}\n", encoding="utf-8")
    mistake = only_mistake(path)
    assert told(TABLE[text], mistake), mistake


# A whole recipe, and its one mistake: line key | what.
DATA_TABLE = {
    "name: x":
        "1 data | required, but missing; expected settings (train, validation, test, …)",
    "data: {test: 3}":
        "1 data.train | required, but missing; expected a list of at least one of",
    "data:":
        "1 data.train | required, but missing",
    "data: {trian: x}":
        "1 data.trian | unknown key",
    "data: {train: []}":
        "1 data.train | found a list of 0",
    "data: {train: 3}":
        "1 data.train | expected a list of at least one of: sources",
    "data:\n train:\n - path: x\n - pth: y":
        "4 data.train.1.pth | unknown key",
    "data:\n train:\n - path: x\n - 7":
        "4 data.train.1 | expected settings (path, format",
    "data: {train: ''}":
        "1 data.train.0.path | expected a file, folder, glob or hub:",
    "data:\n train: x\n test:\n - pth: y":
        "4 data.test.0.pth | unknown key",
    "data: {train: x, test: [{path: y, limit: 0}]}":
        "1 data.test.0.limit | at least 1",
    "data: {train: x, test: {path: y, split: z}}":
        "1 data.test.0.split | only a hub dataset",
    "data: {train: x, test: true}":
        "1 data.test | a list of sources (path, format, columns, …) or a number, found true",
    "data: {train: x, test: 1.5}":
        "1 data.test | a share from 0 to below 1, or a whole number",
    "data: {train: x, test: -1}":
        "1 data.test | found -1",
    "data: {train: x, validation: 0.6, test: 0.5}":
        "1 data.test | leaves nothing to train on",
    "data: {train: {path: x, task: a}, holdout: {tasks: [a]}}":
        "1 data.holdout | leaves nothing to train on: every source's task is held out",
    "data: {train: {path: x, task: ab}, holdout: {tasks: ['a*']}}":
        "1 data.holdout | leaves nothing to train on: every source's task is held out",
    "data: {train: x, mixture: {strategy: even}}":
        '1 data.mixture.strategy | equal, temperature or weights, found the text "even"',
    "data: {train: x, mixture: {strategy: weights}}":
        "1 data.mixture.weights | required by `strategy: weights`",
    "data:\n train: x\n mixture:\n  strategy: weights\n  weights: {a: 1, b: -2}":
        "5 data.mixture.weights | at least 0, found -2 for 'b'",
    "data: {train: x, mixture: {strategy: weights, weights: {a: 0}}}":
        "1 data.mixture.weights | the weights sum to nothing",
    "data: {train: x, mixture: {weights: {a: 1}}}":
        "1 data.mixture.weights | the strategy is proportional",
    "data: {train: x, mixture: {cap: 5}}":
        "1 data.mixture.cap | only `strategy: temperature` uses it",
    "data: {train: x, mixture: {tasks: {a: {epochs: 1, examples: 3}}}}":
        "1 data.mixture.tasks | found epochs and examples",
    "data: {train: x, mixture: {tasks: {a: {epochs: -1}}}}":
        "1 data.mixture.tasks.a.epochs | a number greater than 0 or null, found -1",
    "data: {train: {path: x, format: columns}}":
        "1 data.train.0.columns | required by `format: columns`",
    "data: {train: {path: x, format: alpaca, columns: {input: a}}}":
        "1 data.train.0.columns | the format is alpaca",
    "data: {train: {path: x, columns: {inptu: a}}}":
        "1 data.train.0.columns | did you mean input?",
    "data: {train: x, validation: 0}\ntrain: {patience: 3}":
        "2 train.patience | data.validation sets no examples aside",
    "data: {train: x, validation: []}\ntrain: {validate_every: 3}":
        "2 train.validate_every | data.validation sets no examples aside",
    "- data":
        "1 | expected settings (name, model, data, …), found a list of 1",
    "data":
        '1 | found the text "data"',
}  # fmt: skip


@pytest.mark.parametrize("text", DATA_TABLE)
def test_a_mistake_in_the_data(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"{text}\n", encoding="utf-8")
    mistake = only_mistake(path)
    at, what = DATA_TABLE[text].split(" | ")
    assert f"{mistake.place.line} {mistake.key}".strip() == at
    assert what in mistake.what


OVERRIDES = [
    ("train.lr=3", "train.lr", "unknown key"),
    ("train.epochs=many", "train.epochs", 'found the text "many"'),
    ("train.epochs=", "train.epochs", "found nothing (null)"),
    ("train.epochs.x=3", "train.epochs", "expected a number greater than 0, found settings (x)"),
    ("train.epochs=.nan", "train.epochs", "expected a finite number"),
    ("epochs=3", "epochs", "unknown key"),
    ("a.b.c=3", "a", "unknown key"),
    ("train", "", "expected key=value, such as train.learning_rate=2e-4"),
    ("=3", "", "expected key=value"),
    ("train..epochs=3", "", "expected key=value"),
    ("train.betas=[1", "train.betas", "is not closed"),
    ("name=@x", "name", "a value cannot begin with @"),
    ("name=!tag x", "name", "the tag !tag"),
    ("name=a: b", "name", "found settings (a)"),
    ("name=a\x00", "name", "a control character (U+0000)"),
    ("data.train.5.path=x", "data.train", "expected an item's number from 0 to 1, found '5'"),
    ("data.train.first.path=x", "data.train", "expected an item's number from 0 to 1"),
    ("train={epochs: 1, epochs: 2}", "train.epochs", "'epochs' is set twice"),
]  # fmt: skip


def test_a_setting_that_an_override_makes_a_mistake_names_both(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("model: {lora: {rank: 8}}\ndata: {train: a.jsonl}\ntrain: {epochs: 0}\n")
    with pytest.raises(RecipeError) as error:
        load(path, ["model.method=full"])
    own, brought = sorted(error.value.mistakes, key=lambda mistake: mistake.key, reverse=True)
    assert str(own.place).startswith(f"{path} line 3")
    assert str(brought.place).startswith(f"--set model.method=full, against {path} line 1")


@pytest.mark.parametrize(("override", "key", "what"), OVERRIDES)
def test_a_mistake_in_an_override_names_the_argument(
    override: str, key: str, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(DATA)
    mistake = only_mistake(path, override)
    assert what in mistake.what
    assert mistake.key == key
    assert str(mistake.place) == f"--set {override}"


class TestUnreadableFiles:
    @pytest.mark.parametrize(
        ("content", "line", "what"),
        [
            (b"", None, "the file is empty"),
            (b"# only a comment\n", None, "the file is empty"),
            (b"name: caf\xe9\n", 1, "expected text in UTF-8, found the byte 0xe9"),
            (b"a: 1\nb: 2\nname: caf\xe9\n", 3, "expected text in UTF-8"),
            ("name: x\n".encode("utf-16"), None, "expected text in UTF-8, found UTF-16"),
            (b"name: x\ntrain: \x00\n", 2, "a control character (U+0000)"),
            (b'{"instruction": "x"}\n' * 20_000, None, "larger than 256 KiB"),
            (b"%YAML 9.0\n---\nname: x\n", 1, "expected YAML 1.2"),
        ],
    )
    def test_its_content(self, content: bytes, line: int | None, what: str, tmp_path: Path) -> None:
        path = tmp_path / "recipe.yaml"
        path.write_bytes(content)
        mistake = only_mistake(path)
        assert what in mistake.what
        assert mistake.place.source == str(path)
        assert mistake.place.line == line

    def test_no_such_file(self, tmp_path: Path) -> None:
        (tmp_path / "recipe.yaml").write_text(DATA)
        mistake = only_mistake(tmp_path / "recipe.yml")
        assert mistake.what == "there is no such file"
        assert "did you mean recipe.yaml?" in (mistake.fix or "")
        assert "tutelage init" in (only_mistake(tmp_path / "none" / "x.yaml").fix or "")

    def test_a_folder(self, tmp_path: Path) -> None:
        assert only_mistake(tmp_path).what == "expected a recipe, found a folder"

    def test_an_endless_file(self) -> None:
        assert "larger than 256 KiB" in only_mistake(Path("/dev/zero")).what


def test_all_mistakes_are_told_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "train:\n"
        "  epochs: many\n"
        "  lr: 1\n"
        "  epochs: 3\n"
        "model: {method: full, lora: {rank: 2}, device: gpu}\n"
        "data:\n"
        "  train: [{pth: x}, 7]\n"
        "  test: .inf\n"
        "evaluate: !tag {}\n"
    )
    mistakes = mistakes_of(path, "prompt.max_tokens=1", "nonsense")
    assert [(mistake.place.line, mistake.key) for mistake in mistakes] == [
        (2, "train.epochs"),
        (3, "train.lr"),
        (4, "train.epochs"),
        (5, "model.lora"),
        (5, "model.device"),
        (7, "data.train.0.pth"),
        (7, "data.train.1"),
        (8, "data.test"),
        (9, "evaluate"),
        (None, ""),
        (None, "prompt.max_tokens"),
    ]
    text = str(RecipeError(mistakes))
    assert text.startswith("11 mistakes in the recipe\n")
    assert f"\n  {path} line 3, column 3, train.lr: unknown key\n    fix: did you mean" in text
    assert "\n  --set prompt.max_tokens=1, prompt.max_tokens: expected a whole number" in text


def test_a_flood_of_mistakes_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {train: [" + "{lr: 1}, " * 5000 + "]}\n")
    lines = str(RecipeError(mistakes_of(path))).splitlines()
    assert lines[0] == "more than 50 mistakes in the recipe, of which the first 50:"
    assert sum(": unknown key" in line for line in lines) >= 25
    assert len(lines) <= 101


def test_an_argument_can_hold_two_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(DATA)
    mistakes = mistakes_of(path, "train={epochs: .nan, lr: 1}")
    assert {mistake.key for mistake in mistakes} == {"train.epochs", "train.lr"}


def test_one_mistake_is_one_line_and_its_fix(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(DATA + "train: {schedule: cosin}\n")
    assert str(RecipeError(mistakes_of(path))) == (
        f"{path} line 2, column 19, train.schedule: expected cosine, linear or constant, "
        'found the text "cosin"\n  fix: did you mean cosine?'
    )


def test_no_message_speaks_of_pydantic_or_python(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    for text in TABLE:
        path.write_text(f"{DATA}{text}\n", encoding="utf-8")
        message = str(RecipeError(mistakes_of(path)))
        for word in (
            "pydantic",
            "Input should",
            "Options",
            "NoneType",
            "str_type",
            "list[",
            "dict",
        ):
            assert word not in message.replace(text, "")


def test_what_other_tools_call_it_points_at_keys_that_exist() -> None:
    assert set(OTHER_TOOLS.values()) <= {key.dotted for key in keys(Recipe)}
    ours = {key.path[-1] for key in keys(Recipe)}
    assert not ours & set(OTHER_TOOLS)
