"""Reading, overriding, resolving and writing a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.data.options import (
    DataOptions,
    HoldoutOptions,
    MixtureOptions,
    SourceOptions,
    TaskBudget,
)
from tutelage.evaluate.forms import form_references
from tutelage.evaluate.options import EvaluateOptions, TaskEvaluation
from tutelage.infer.options import DecodeOptions
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.prompt.options import PromptOptions
from tutelage.recipe import Recipe, RecipeError, dump, load, resolve
from tutelage.recipe.document import MAX_DEPTH, parse
from tutelage.recipe.mistakes import Place
from tutelage.recipe.recipe import LEARNING_RATES
from tutelage.recipe.writing import yaml_lines
from tutelage.train.options import TrainOptions

SHORTEST = "data: {train: my.jsonl}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shortest_recipe_is_all_defaults(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, SHORTEST))
    assert loaded.recipe == Recipe(data=DataOptions(train=[SourceOptions(path="my.jsonl")]))
    assert loaded.folder == tmp_path


@pytest.mark.parametrize(
    "sources",
    [
        "my.jsonl",
        "[my.jsonl]",
        "{path: my.jsonl}",
        "[{path: my.jsonl}]",
        "\n  - path: my.jsonl\n",
        "\n  - my.jsonl\n",
    ],
)
def test_a_source_may_be_written_short(tmp_path: Path, sources: str) -> None:
    recipe = load(written(tmp_path, f"data:\n train: {sources}\n test: {sources}\n")).recipe
    assert recipe.data.train == recipe.data.test == [SourceOptions(path="my.jsonl")]


def test_a_section_whose_lines_are_all_comments_is_its_defaults(tmp_path: Path) -> None:
    text = SHORTEST + "train:\n  # epochs: 3\nmodel:\n  lora:\nevaluate:\n  tasks:\n    qa:\n"
    recipe = load(written(tmp_path, text)).recipe
    assert recipe.train == TrainOptions()
    assert recipe.model == ModelOptions()
    assert recipe.evaluate.tasks == {"qa": TaskEvaluation()}


def test_numbers_are_read_as_yaml_1_2_reads_them(tmp_path: Path) -> None:
    text = SHORTEST + (
        "train: {learning_rate: 2e-4, epochs: 3, betas: [0.9, 0.95], seed: 0x10}\n"
        "evaluate: {resamples: 1e4, tasks: {no: {}, on: {}, 012: {}}}\n"
        "prompt: {system: off}\n"
    )
    recipe = load(written(tmp_path, text)).recipe
    assert recipe.train.learning_rate == 2e-4
    assert (recipe.train.epochs, recipe.train.betas, recipe.train.seed) == (3.0, (0.9, 0.95), 16)
    assert recipe.evaluate.resamples == 10_000
    assert list(recipe.evaluate.tasks) == ["no", "on", "012"]
    assert recipe.prompt.system == "off"


@pytest.mark.parametrize(
    "text",
    [
        "data: {train: x, validation: 0}\ntrain: {keep_best: true}",  # hands on the last weights
        "data: {train: x}\ntrain: {micro_batch_tokens: 64}\nprompt: {max_tokens: 512}",
        "data: {train: x, validation: 10, test: 200}",
        "data: {train: x, validation: 0.0, test: []}",
        "data: {train: [{path: x, task: a}, y], holdout: {tasks: [a]}}",
        "data: {train: x}\nmodel: {method: full, lora: {rank: 16}}",  # as a written recipe has it
    ],
)
def test_what_looks_odd_but_makes_sense_is_accepted(tmp_path: Path, text: str) -> None:
    recipe = load(written(tmp_path, text)).recipe
    dump(recipe, tmp_path / "again.yaml")
    assert load(tmp_path / "again.yaml").recipe == recipe


def test_an_alias_stands_for_what_it_names(tmp_path: Path) -> None:
    text = "data:\n  train: &all [{path: a, limit: 3}]\n  test: *all\n"
    data = load(written(tmp_path, text)).recipe.data
    assert data.test == data.train == [SourceOptions(path="a", limit=3)]


def test_a_byte_order_mark_is_no_part_of_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SHORTEST.replace("\n", "\r\n").encode())
    assert load(path).recipe == load(written(tmp_path, SHORTEST)).recipe


class TestOverrides:
    def test_they_are_further_lines_of_the_recipe(self, tmp_path: Path) -> None:
        recipe = load(
            written(tmp_path, SHORTEST + "train: {epochs: 5}\n"),
            [
                "train.learning_rate=2e-4",
                "data.train.0.limit=7",
                "evaluate.tasks.qa.metrics=[exact_match]",
                "evaluate.decode={max_new_tokens: 9}",
                "prompt.system=a = b",
                "train.max_gradient_norm=",
                "train.epochs=1",
                "train.epochs=2",
            ],
        ).recipe
        assert recipe.train.learning_rate == 2e-4
        assert recipe.data.train == [SourceOptions(path="my.jsonl", limit=7)]
        assert recipe.evaluate.tasks == {"qa": TaskEvaluation(metrics=["exact_match"])}
        assert recipe.evaluate.decode == DecodeOptions(max_new_tokens=9)
        assert recipe.prompt.system == "a = b"
        assert recipe.train.max_gradient_norm is None
        assert recipe.train.epochs == 2

    def test_they_can_supply_what_the_file_lacks(self, tmp_path: Path) -> None:
        path = written(tmp_path, "name: x\n")
        recipe = load(path, ["data.train.0.path=a", "data.train.1=b", "data.test.0=c"]).recipe
        assert recipe.data.train == [SourceOptions(path="a"), SourceOptions(path="b")]
        assert recipe.data.test == [SourceOptions(path="c")]

    def test_a_mistake_in_the_file_can_be_overridden(self, tmp_path: Path) -> None:
        path = written(tmp_path, SHORTEST + "train: {epochs: many}\n")
        assert load(path, ["train.epochs=1"]).recipe.train.epochs == 1


class TestResolve:
    def test_the_learning_rate_is_the_methods(self, tmp_path: Path) -> None:
        for method, rate in LEARNING_RATES.items():
            loaded = load(written(tmp_path, SHORTEST), [f"model.method={method}"])
            assert loaded.resolved().train.learning_rate == rate
            assert loaded.recipe.train.learning_rate is None

    def test_a_given_learning_rate_stays(self, tmp_path: Path) -> None:
        loaded = load(written(tmp_path, SHORTEST), ["train.learning_rate=1e-3"])
        assert loaded.resolved().train.learning_rate == 1e-3

    def test_paths_start_from_the_recipe(self, tmp_path: Path) -> None:
        (tmp_path / "my-model").mkdir()
        text = (
            "data: {train: [a.jsonl, ../b/*.csv, 'hub:owner/name', /c.jsonl], test: d}\n"
            "prompt: {template: t.jinja}\nevaluate: {general_text: g.txt}\n"
            "model: {base: my-model}\n"
        )
        recipe = load(written(tmp_path, text)).resolved()
        paths = [source.path for source in recipe.data.train]
        assert paths == [
            f"{tmp_path}/a.jsonl",
            f"{tmp_path.parent}/b/*.csv",
            "hub:owner/name",
            "/c.jsonl",
        ]
        assert recipe.data.test == [SourceOptions(path=f"{tmp_path}/d")]
        assert recipe.prompt.template == f"{tmp_path}/t.jinja"
        assert recipe.evaluate.general_text == f"{tmp_path}/g.txt"
        assert recipe.model.base == f"{tmp_path}/my-model"

    def test_a_link_keeps_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "blob").write_text("{}")
        (tmp_path / "rows.jsonl").symlink_to("blob")
        loaded = load(written(tmp_path, "data: {train: rows.jsonl}\n"))
        assert loaded.resolved().data.train[0].path == f"{tmp_path}/rows.jsonl"

    def test_names_that_are_no_paths_stay(self, tmp_path: Path) -> None:
        recipe = load(written(tmp_path, SHORTEST), ["model.base=owner/name"]).resolved()
        assert recipe.model.base == "owner/name"
        assert recipe.evaluate.general_text == "builtin"
        assert load(written(tmp_path, SHORTEST)).resolved().model == ModelOptions()

    def test_a_run_keeps_the_schema_of_a_form_and_not_its_file(self, tmp_path: Path) -> None:
        schema = tmp_path / "answer.json"
        schema.write_text('{\n  "type": "object", "required": ["a: \\u00e9 #"]\n}')
        form = "{metrics: [json_schema], format: {json_schema: answer.json}}"
        text = f"{SHORTEST}evaluate: {{tasks: {{sort: {form}}}}}\n"
        kept = load(written(tmp_path, text)).resolved()
        wanted = form_references(kept.evaluate.tasks["sort"].format)
        schema.unlink()
        folder = tmp_path / "run"
        folder.mkdir()
        dump(kept, folder / "recipe.yaml")
        again = load(folder / "recipe.yaml").resolved()
        assert again == kept
        assert form_references(again.evaluate.tasks["sort"].format) == wanted

    @pytest.mark.parametrize("text", [None, "{", "true", f'{{"a": "{"x" * 70_000}"}}'])
    def test_what_is_no_schema_of_usual_size_stays_a_name(
        self, tmp_path: Path, text: str | None
    ) -> None:
        if text is not None:
            (tmp_path / "answer.json").write_text(text)
        settings = ["evaluate.tasks.sort.format.json_schema=answer.json"]
        kept = load(written(tmp_path, SHORTEST), settings).resolved()
        assert kept.evaluate.tasks["sort"].format.json_schema == f"{tmp_path}/answer.json"

    def test_resolving_twice_changes_nothing(self, tmp_path: Path) -> None:
        once = load(written(tmp_path, SHORTEST)).resolved()
        assert resolve(once, Path("/elsewhere")) == once


def test_where_names_the_line_of_a_setting(tmp_path: Path) -> None:
    path = written(tmp_path, "data:\n  train:\n    - my.jsonl\n")
    loaded = load(path, ["evaluate.metrics=[nonsense]"])
    assert (
        loaded.where("data", "train", 0, "format")
        == f"{path} line 3, column 7, data.train.0.format"
    )
    assert loaded.where("evaluate", "metrics", 0) == (
        "--set evaluate.metrics=[nonsense], evaluate.metrics.0"
    )


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["no", "1e4", "null", "a: b", "- x", "a #b", "'", "~"]
)
SHARES = st.floats(0, 0.45)
WHOLE = st.integers(1, 2**40)
SEEDS = st.integers(0, 2**32 - 1)
SOURCES = st.builds(
    SourceOptions, path=NAMES, task=st.none() | TEXTS, limit=st.none() | WHOLE, format=NAMES
) | st.builds(
    SourceOptions,
    path=NAMES.map("hub:{}".format),
    split=st.none() | TEXTS,
    format=st.just("columns"),
    columns=st.fixed_dictionaries({"instruction": TEXTS, "response": TEXTS}),
)
SPLITS = st.lists(SOURCES, max_size=2) | SHARES | st.integers(0, 10**6)
MIXTURES = st.one_of(
    st.builds(
        MixtureOptions,
        strategy=st.sampled_from(["proportional", "equal"]),
        tasks=st.dictionaries(
            TEXTS.filter(bool),
            st.builds(TaskBudget, epochs=st.floats(1e-3, 1e3))
            | st.builds(TaskBudget, examples=WHOLE)
            | st.builds(TaskBudget, tokens=WHOLE),
            max_size=2,
        ),
    ),
    st.builds(
        MixtureOptions,
        strategy=st.just("temperature"),
        temperature=st.floats(0.1, 100),
        cap=st.none() | WHOLE,
    ),
    st.builds(
        MixtureOptions,
        strategy=st.just("weights"),
        weights=st.dictionaries(TEXTS.filter(bool), st.floats(1e-3, 1e3), min_size=1, max_size=3),
    ),
)
METRICS = st.lists(NAMES, min_size=1, max_size=3, unique=True)
RECIPES = st.builds(
    Recipe,
    name=NAMES,
    model=st.builds(
        ModelOptions,
        base=NAMES,
        lora=st.builds(
            LoraOptions,
            rank=WHOLE,
            alpha=st.floats(1e-3, 1e6),
            target_modules=st.just("all-linear") | st.lists(NAMES, min_size=1, max_size=3),
        ),
        device=st.sampled_from(["auto", "cuda:1"]),
    )
    | st.builds(ModelOptions, method=st.just("full")),
    data=st.builds(
        DataOptions,
        train=st.lists(SOURCES, min_size=1, max_size=3),
        validation=SPLITS,
        test=SPLITS,
        holdout=st.builds(HoldoutOptions, tasks=st.lists(st.just("never used " * 3), max_size=2)),
        mixture=MIXTURES,
        seed=SEEDS,
    ),
    prompt=st.builds(PromptOptions, template=st.none() | TEXTS, system=st.none() | TEXTS),
    train=st.builds(
        TrainOptions,
        epochs=st.floats(1e-6, 1e6),
        learning_rate=st.none() | st.floats(1e-12, 1),
        betas=st.tuples(SHARES, SHARES),
        epsilon=st.floats(min_value=0, exclude_min=True, max_value=1),
        keep_best=st.booleans(),
        trackers=st.lists(st.sampled_from(["wandb", "mlflow"]), max_size=2),
    ),
    evaluate=st.builds(
        EvaluateOptions,
        metrics=METRICS,
        tasks=st.dictionaries(
            TEXTS.filter(bool),
            st.builds(
                TaskEvaluation,
                metrics=st.none() | METRICS,
                extract=st.none() | st.sampled_from([r"#### *(-?[0-9.,]+)", r"\n(.*)$", "é\x85\t"]),
            ),
            max_size=2,
        ),
        general_text=st.none() | TEXTS,
    ),
)


@settings(max_examples=75, deadline=None)
@given(recipe=RECIPES)
def test_a_recipe_written_reads_back_equal(
    recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("dump") / "recipe.yaml"
    dump(recipe, path)
    assert load(path).recipe == recipe


VALUES = (
    TEXTS
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
KEYS = TEXTS.filter(lambda key: key and key != "<<")


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        KEYS,
        VALUES | st.lists(VALUES, max_size=3) | st.lists(st.dictionaries(KEYS, VALUES, max_size=2)),
        min_size=1,
        max_size=3,
    )
)
def test_any_values_written_read_back_equal(values: dict[str, object]) -> None:
    node, mistakes = parse("\n".join(yaml_lines(values)), Place("x"))
    assert not mistakes
    assert node is not None and node.plain() == values


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="ab:-[]{}#&*!|>%@`'\"\\?~=<1e.\n\t \x85😀", max_size=30))
def test_no_text_whatsoever_makes_a_traceback(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError):
        load(path, [f"train.epochs={text}", text])


def test_deep_nesting_and_doubling_aliases_are_refused(tmp_path: Path) -> None:
    laughs = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    for text, phrase in (
        (laughs, "values once aliases are spelled out"),
        ("a: &a [*a]\n", f"nested more than {MAX_DEPTH} deep"),
        ("a: " + "[" * 5000, f"nested more than {MAX_DEPTH} deep"),
        ("a: " + "[" * 40 + "]" * 40, f"nested more than {MAX_DEPTH} deep"),
    ):
        with pytest.raises(RecipeError, match=phrase):
            load(written(tmp_path, text))
