"""`tutelage score --metric ifeval`: rows as IFEval has them, its four figures, verdicts by row.

The verdicts expected are those that `tests/constraints/ifeval_verdicts.jsonl` records of the
reference; the figures are the reference's definitions, written out here.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import typer
from typer.testing import CliRunner

from tutelage.cli.score import score as command
from tutelage.constraints import CONSTRAINTS
from tutelage.data.ledger import Ledger
from tutelage.data.options import SourceOptions
from tutelage.data.reading import Reading, stream
from tutelage.errors import UserError
from tutelage.evaluate.options import AnswerForm
from tutelage.metrics import METRICS
from tutelage.metrics.instruction_following import demand
from tutelage.pipeline.items import Item, answerable, items_fingerprint
from tutelage.pipeline.score import score

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))
VERDICTS = Path(__file__).parents[1] / "constraints" / "ifeval_verdicts.jsonl"
FIGURES = ("prompt_strict", "instruction_strict", "prompt_loose", "instruction_loose")
LENGTH = "length_constraints:number_words"
SHORT = {"num_words": 5, "relation": "less than", "keywords": None, "letter": None}
TEXT = "Sure:\nit has four words"
GOOD: dict[str, Any] = {
    "key": 7,
    "prompt": "Say it in fewer than 5 words, without commas.",
    "instruction_id_list": [LENGTH, "punctuation:no_comma"],
    "kwargs": [SHORT, None],
    "prediction": TEXT,
}


def written(path: Path, *rows: object) -> Path:
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return path


def recorded() -> dict[str, list[dict[str, Any]]]:
    """The recorded cases by response: what one prompt of several instructions would be."""
    cases = [json.loads(line) for line in VERDICTS.read_text("utf-8").splitlines()]
    by_response: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        by_response.setdefault(case["response"], []).append(case)
    return by_response


def test_verdicts_and_figures_are_those_of_the_reference(tmp_path: Path):
    groups = recorded()
    assert any(len(cases) > 1 for cases in groups.values())
    every_option = {
        option: None
        for name in CONSTRAINTS.names()
        for option in CONSTRAINTS.get(name).model_fields
    }
    rows = [
        {
            "prompt": "Write.",
            "instruction_id_list": [case["id"] for case in cases],
            "kwargs": [every_option | case["kwargs"] for case in cases],
            "prediction": response,
        }
        for response, cases in groups.items()
    ]
    items = tmp_path / "items.jsonl"
    path = written(tmp_path / "rows.jsonl", *rows)
    result = score(path, ["ifeval"], items_out=items, resamples=200)

    written_items = [orjson.loads(line) for line in items.read_bytes().splitlines()]
    for found, cases in zip(written_items, groups.values(), strict=True):
        assert found["instruction_strict"] == [case["strict"] for case in cases]
        assert found["instruction_loose"] == [case["loose"] for case in cases]
        assert found["ifeval"] == all(case["strict"] for case in cases)
    verdicts = {rule: [[c[rule] for c in cases] for cases in groups.values()] for rule in
                ("strict", "loose")}  # fmt: skip
    found = result["metrics"]["ifeval"]
    assert result["n"] == len(groups)
    assert found["value"] == found["prompt_strict"]
    for rule, lists in verdicts.items():
        flat = [verdict for verdicts in lists for verdict in verdicts]
        assert found[f"prompt_{rule}"] == pytest.approx(np.mean([all(each) for each in lists]))
        assert found[f"instruction_{rule}"] == pytest.approx(np.mean(flat))
    for figure in FIGURES:
        low, high = found["intervals"][figure]
        assert low < found[figure] < high
    assert found["interval"] == found["intervals"]["prompt_strict"]
    kinds = found["details"]["kinds"]
    assert len(kinds) == 25
    assert sum(kind["support"] for kind in kinds.values()) == sum(map(len, groups.values()))


def test_each_figure_is_a_metric_of_its_own(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl", GOOD, {**GOOD, "prediction": "a, b, c, d, e"})
    names = ["ifeval", *(f"ifeval_{figure}" for figure in FIGURES[1:])]
    metrics = score(path, names, resamples=100)["metrics"]
    assert [metrics[name]["value"] for name in names] == [0, 0.25, 0.5, 0.5]
    for name, figure in zip(names, FIGURES, strict=True):
        assert metrics[name]["value"] == metrics["ifeval"][figure]
    assert METRICS.get("ifeval_instruction_strict").scale == 1


def test_instructions_beside_references(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl", {**GOOD, "references": [TEXT]})
    found = score(path, ["exact_text", "ifeval_prompt_loose"], resamples=100)["metrics"]
    assert [each["value"] for each in found.values()] == [1, 1]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"prediction": None}, "'prediction' is missing: found null"),
        ({"prediction": ["a"]}, "'prediction': found a list of 1, expected text"),
        ({"prompt": None}, "'prompt' is missing"),
        ({"prompt": 3}, "'prompt': found 3, expected text"),
        ({"instruction_id_list": None}, "'instruction_id_list' is missing"),
        ({"instruction_id_list": []}, "expected a list that is not empty"),
        ({"instruction_id_list": "punctuation:no_comma"}, "expected a list that is not empty"),
        ({"instruction_id_list": [LENGTH]}, "'kwargs': found 2 entries, expected 1"),
        ({"instruction_id_list": [LENGTH, 4]}, r"instruction_id_list\[1\]': found 4"),
        ({"instruction_id_list": [LENGTH, "a:b"]}, r"'instruction_id_list\[1\]': unknown .*'a:b'"),
        ({"kwargs": None}, "'kwargs' is missing"),
        ({"kwargs": {"a": 1}}, "'kwargs': found an object"),
        ({"kwargs": [3, {}]}, r"'kwargs\[0\]': found 3, expected an object"),
        ({"kwargs": [{}, {}]}, r"'kwargs\[0\]': .* needs the option 'num_words'"),
        ({"kwargs": [{**SHORT, "num_words": "five"}, {}]}, r"'kwargs\[0\]': .*'num_words'.*'five'"),
        ({"kwargs": [SHORT, {"comma": 1}]}, r"'kwargs\[1\]': .*no option 'comma'"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_with_field_and_fix(tmp_path: Path, change: dict, problem: str):
    path = written(tmp_path / "rows.jsonl", GOOD, {**GOOD, **change})
    with pytest.raises(UserError, match=problem) as caught:
        score(path, ["ifeval"], resamples=100)
    assert caught.value.where == f"{path} row 1 (line 2)"
    assert caught.value.fix


def test_the_published_file_is_scored_in_a_second(tmp_path: Path):
    """541 answers, each several paragraphs long; 0.15 s of processor time on an idle core."""
    source = DATA / "ifeval" / "input_data.jsonl"
    if not source.is_file():
        pytest.skip(f"no {source}: set TUTELAGE_DATA")
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    answers = [response for response in recorded() if response.strip()]
    for number, row in enumerate(rows):
        row["prediction"] = f"{number}\n\n" + "\n\n".join(answers[number % 40 : number % 40 + 20])
    path = written(tmp_path / "rows.jsonl", *rows)
    score(written(tmp_path / "one.jsonl", GOOD), ["ifeval"], resamples=100)  # imports
    begin = time.process_time()
    result = score(path, ["ifeval"])
    assert time.process_time() - begin < 2  # measured without other work: RESULTS.md, "IFEval"
    assert result["n"] == 541


def test_forms_of_all_answers_of_a_file(tmp_path: Path):
    schema = tmp_path / "schema.json"
    schema.write_bytes(orjson.dumps({"type": "integer", "minimum": 2}))
    path = written(tmp_path / "rows.jsonl", *({"prediction": text} for text in ("1", "2", "two")))
    form = AnswerForm(json_schema=str(schema), regular_expression=r"\d", label_set=["two", "three"])
    found = score(path, ["json_schema", "regular_expression", "label_set"], form=form)["metrics"]
    assert [each["value"] for each in found.values()] == pytest.approx([1 / 3, 2 / 3, 1 / 3])
    app = typer.Typer()
    app.command()(command)
    arguments = [str(path), "-m", "label_set", "--json", "--resamples", "100"]
    printed = CliRunner().invoke(app, [*arguments, "--label", "two", "--label", "1"])
    assert orjson.loads(printed.stdout)["metrics"]["label_set"]["value"] == pytest.approx(2 / 3)


def test_forms_that_cannot_be_measured(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl", {"prediction": ["a"]})
    with pytest.raises(UserError, match="a form that is not given") as caught:
        score(path, ["label_set"])
    assert "--label" in str(caught.value.fix)
    with pytest.raises(UserError, match="'prediction': found a list of 1, expected text"):
        score(path, ["label_set"], form=AnswerForm(label_set=["a"]))
    with pytest.raises(UserError, match="not JSON"):
        score(path, ["json_schema"], form=AnswerForm(json_schema=__file__))
    with pytest.raises(UserError, match="expected a regular expression"):
        score(path, ["regular_expression"], form=AnswerForm(regular_expression="("))


def test_kinds_of_a_file_of_ones_own(tmp_path: Path):
    kinds = tmp_path / "kinds.py"
    kinds.write_text(
        "from tutelage.constraints import CONSTRAINTS, Constraint\n"
        "@CONSTRAINTS.register('own:palindrome')\n"
        "class Palindrome(Constraint):\n"
        "    def holds(self, response, prompt):\n"
        "        return response == response[::-1]\n"
    )
    row = {"prompt": "Go.", "instruction_id_list": ["own:palindrome"], "kwargs": [{}]}
    rows = [{**row, "prediction": text} for text in ("level", "levels")]
    path = written(tmp_path / "rows.jsonl", *rows)
    try:
        found = score(path, ["ifeval"], own_constraints=[kinds], resamples=100)
        assert found["metrics"]["ifeval"]["value"] == 0.5
    finally:
        CONSTRAINTS.forget("own:palindrome")


def test_a_published_row_is_an_item_of_a_run_without_a_response(tmp_path: Path):
    path = written(tmp_path / "rows.jsonl", {key: GOOD[key] for key in GOOD if key != "prediction"})
    (reading,) = stream([SourceOptions(path=str(path))], tmp_path)
    assert isinstance(reading, Reading)
    (example,) = answerable([reading.example], Ledger())
    scored = Item(example, (1, 2), held_out=False).scored
    assert scored.references == ()
    assert [demand(text).kind for text in scored.demands] == GOOD["instruction_id_list"]
    assert {demand(text).prompt for text in scored.demands} == {GOOD["prompt"]}
    without = Item(replace(example, constraints=()), (1, 2), held_out=False)
    assert items_fingerprint([Item(example, (1, 2), held_out=False)]) != items_fingerprint(
        [without]
    )
