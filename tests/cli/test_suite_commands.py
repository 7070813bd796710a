"""`tutelage eval --suite`, `suites` and `compare` on a real tiny run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from commands import Commands
from tiny_project import Tuned, write_rows
from tutelage.evaluate.question import Question
from tutelage.evaluate.suite import SUITES
from tutelage.pipeline.suites import asking
from tutelage.pipeline.suites.evaluate import evaluate_suites
from tutelage.recipe import load as load_recipe
from tutelage.rundir import read_json

pytestmark = pytest.mark.parametrize("tuned", ["lora"], indirect=True)

ITEMS = 6


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of public sets with a few questions of ours."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "mmlu_dev").mkdir()
    lines = [f"what is {n} + 1,{n},{n + 1},{n + 2},{n + 3},B" for n in range(10)]
    (folder / "mmlu_dev" / "sums_dev.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def asked(
    tuned: Tuned, files: Path, command: Commands, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy of the run that a suite was asked of."""
    run = tmp_path_factory.mktemp("asked") / "run"
    shutil.copytree(tuned.folder.path, run)
    evaluated(command, run, files)
    return run


def evaluated(command: Commands, run: Path | str, files: Path, *more: str) -> dict[str, Any]:
    said = command(
        *("eval", run, "--suite", "mmlu", "--json", "--set", f"evaluate.suite_files={files}"),
        *("--set", f"evaluate.suite_items={ITEMS}", *more),
        cwd=files,
    )
    found: dict[str, Any] = said.json()
    return found


def test_both_sides_answer_the_same_questions_and_every_reply_is_stored(asked: Path) -> None:
    results = json.loads((asked / "suites/results.json").read_bytes())
    row, *sureness = results["measures"]
    assert {one["metric"] for one in sureness} == {"brier_score", "calibration_error"}
    sides = [pl.read_parquet(asked / f"suites/{side}/mmlu.parquet") for side in ("base", "tuned")]
    assert row["items"] == ITEMS
    for side, table in zip(("base", "tuned"), sides, strict=True):
        assert row[side] == pytest.approx(table["score:accuracy"].mean())
        assert table["likelihoods"].list.len().to_list() == [4] * ITEMS
        # The likeliest letter is the choice, and B is right.
        right = table["likelihoods"].list.arg_max() == 1
        assert table["score:accuracy"].to_list() == right.cast(pl.Float64).to_list()
    for table in sides:  # what was read stands with it, as ids
        assert table["prompt_ids"].list.len().to_list() == table["prompt_tokens"].to_list()
    assert results["renderers"]["base"] == results["renderers"]["tuned"] is not None
    assert sides[0]["question"].to_list() == sides[1]["question"].to_list()
    assert sides[0]["likelihoods"].to_list() != sides[1]["likelihoods"].to_list()
    assert json.loads((asked / "metrics.json").read_bytes())["suites"] == results


def test_what_was_asked_is_not_asked_again(asked: Path, files: Path, command: Commands) -> None:
    kept = asked / "suites/replies.jsonl"
    lines = kept.read_bytes().splitlines()
    evaluated(command, asked, files)
    assert kept.read_bytes().splitlines() == lines
    # Half a line, as a kill leaves it, is asked anew and nothing else is.
    kept.write_bytes(b"\n".join(lines[:-1]) + b"\n" + lines[-1][: len(lines[-1]) // 2])
    evaluated(command, asked, files)
    assert kept.read_bytes().splitlines() == lines


def test_a_condition_decides_the_exit_code(asked: Path, files: Path, command: Commands) -> None:
    arguments = (
        *("eval", asked, "--suite", "mmlu", "--set", f"evaluate.suite_files={files}"),
        *("--set", f"evaluate.suite_items={ITEMS}", "--set"),
    )
    assert command(*arguments, 'evaluate.fail_if=["mmlu.accuracy < 0"]', cwd=files).code == 0
    said = command(*arguments, 'evaluate.fail_if=["mmlu.accuracy <= 1"]', cwd=files)
    assert said.code == 1
    assert "failed: mmlu.accuracy <= 1: it is" in said.err


def test_a_condition_on_nothing_is_told_before_anything_is_asked(
    asked: Path, files: Path, command: Commands
) -> None:
    settings = ("--set", f"evaluate.suite_files={files}", "--set", f"evaluate.suite_items={ITEMS}")
    wrong = ("--set", 'evaluate.fail_if=["mmlu.acuracy <= 1"]')
    out = asked.parent / "wrong"
    said = command("eval", asked, "--suite", "mmlu", *settings, *wrong, "--out", out, cwd=files)
    assert said.code == 2
    assert "mmlu.accuracy" in said.err
    assert not (out / "replies.jsonl").exists()
    recipe = asked / "recipe.yaml"
    said = command("check", recipe, *settings, *wrong, "--set", "evaluate.suites=[mmlu]", cwd=asked)
    assert said.code == 2
    assert "mmlu.accuracy" in said.err


def test_an_evaluation_adds_to_what_was_found_of_the_same_models(
    asked: Path, files: Path, command: Commands, tmp_path: Path
) -> None:
    asked = Path(shutil.copytree(asked, tmp_path / "run"))
    (tmp_path / "own.jsonl").write_text('{"prompt": "1 and 1", "response": "2"}\n' * 2)
    own = f'{{suite: dataset, name: sums, data: "{tmp_path}/own.jsonl", max_new_tokens: 2}}'
    settings = ("--set", f"evaluate.suites=[{own}]")
    first = json.loads((asked / "suites/results.json").read_bytes())
    said = command("eval", asked, "--suite", "sums", "--json", *settings, cwd=files)
    both = said.json()
    assert [one["suite"] for one in both["suites"]] == ["mmlu", "sums"]
    assert {row["suite"] for row in both["measures"]} == {"mmlu", "sums"}
    (before, *_), (after, *_) = first["measures"], both["measures"]
    together = ("p_corrected", "significant", "detectable")  # it is one of more now
    assert {k: v for k, v in after.items() if k not in together} == {
        k: v for k, v in before.items() if k not in together
    }
    assert after["p_corrected"] > before["p_corrected"]
    # Two questions alike are answered once, and both are items.
    replies = (asked / "suites/replies.jsonl").read_bytes().splitlines()
    assert len(replies) == 2 * (ITEMS + 1)
    assert both["suites"][1]["items"] == 2
    # Of other models nothing stays.
    (asked / "suites/results.json").write_text(
        json.dumps({**both, "contents": {"base": "1", "tuned": "2"}})
    )
    assert evaluated(command, asked, files)["suites"][0]["suite"] == "mmlu"
    left = json.loads((asked / "suites/results.json").read_bytes())
    assert [one["suite"] for one in left["suites"]] == ["mmlu"]


def test_what_an_earlier_run_was_asked_is_asked_again(
    asked: Path, tuned: Tuned, command: Commands, tmp_path: Path
) -> None:
    # Of the run itself, so that the figures must be those of its own evaluation.
    suite = f'{{suite: earlier, data: "{tuned.folder.path}"}}'
    settings = ("--set", f"evaluate.suites=[{suite}]", "--set", "evaluate.suite_items=null")
    out = ("--out", tmp_path / "out")
    found = command(
        "eval", asked, "--suite", "earlier", "--json", *settings, *out, cwd=tmp_path
    ).json()
    own = {
        row["task"]: row
        for row in json.loads((asked / "metrics.json").read_bytes())["comparison"]
        if row["primary"] and row["task"] != "overall"
    }
    rows = {row["task"]: row for row in found["measures"]}
    assert set(rows) == {"overall", *own}
    assert rows["overall"]["primary"]
    assert rows["overall"]["items"] == sum(row["items"] for row in own.values())
    exact = [task for task, row in own.items() if row["metric"] == "exact_match"]
    assert exact
    for task in exact:
        assert [rows[task][side] for side in ("base", "tuned")] == pytest.approx(
            [own[task][side] for side in ("base", "tuned")]
        )


def test_an_earlier_run_whose_data_is_another_is_told(
    asked: Path, tuned: Tuned, command: Commands, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(tuned.folder.path, tmp_path / "other"))
    rows = (tuned.project / "data.jsonl").read_text()
    (tmp_path / "data.jsonl").write_text(rows.replace('"output": "', '"output": "no '))
    recipe = (other / "recipe.yaml").read_text()
    changed = recipe.replace(str(tuned.project / "data.jsonl"), str(tmp_path / "data.jsonl"))
    (other / "recipe.yaml").write_text(changed)
    suite = f'{{suite: earlier, data: "{other}"}}'
    settings = ("--set", f"evaluate.suites=[{suite}]")
    said = command("eval", asked, "--suite", "earlier", *settings, cwd=tmp_path)
    assert said.code == 2
    assert "was evaluated on a row that is not there any more" in said.err


def test_an_export_for_lm_eval_asks_what_was_asked(
    asked: Path, tuned: Tuned, command: Commands, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    told = command("export", asked, "--out", out, "--for", "lm-eval", "--json", cwd=asked).json()
    assert told["tasks"] == ["tutelage_mmlu"]
    assert "--tasks tutelage_mmlu" in told["command"]
    task = json.loads((out / "lm_eval/tutelage_mmlu.yaml").read_bytes())
    assert task["output_type"] == "multiple_choice"
    (file,) = task["dataset_kwargs"]["data_files"].values()
    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    # As the harness does: the likeliest choice behind the text, here one question after another.
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(out)
    stored = pl.read_parquet(asked / "suites/tuned/mmlu.parquet")
    for row, likelihoods, right in zip(
        rows, stored["likelihoods"], stored["score:accuracy"], strict=True
    ):
        prompt = tokenizer.encode(row["prompt"], add_special_tokens=False)
        found = []
        for choice in row["choices"]:
            ids = tokenizer.encode(row["prompt"] + choice, add_special_tokens=False)
            logits = model(torch.tensor([ids])).logits[0].log_softmax(-1).tolist()
            own = range(len(prompt), len(ids))
            found.append(sum(logits[at - 1][ids[at]] for at in own))
        assert found == pytest.approx(likelihoods.to_list(), abs=1e-3)
        assert (found.index(max(found)) == row["target"]) == bool(right)
    said = command("export", asked, "--out", out / "x", "--suite", "mmlu", cwd=asked)
    assert said.code == 2
    assert "--for lm-eval" in said.err


def test_quick_asks_less_and_never_more(asked: Path, files: Path, command: Commands) -> None:
    out = ("--out", str(asked.parent / "quick"))
    found = evaluated(command, asked, files, "--quick", *out)
    assert found["suites"][0]["items"] == ITEMS
    (files / "mmlu_dev/more_dev.csv").write_text("what is 1,2,3,4,5,A\n" * 20)
    more = ("--set", "evaluate.suites=[{suite: mmlu, max_items: 25}]")
    found = evaluated(command, asked, files, "--quick", *out, *more)
    (files / "mmlu_dev/more_dev.csv").unlink()
    assert found["suites"][0]["items"] == 15


def test_sureness_is_told_with_its_figure_and_drawn_anew_by_compare(
    asked: Path, command: Commands, tmp_path: Path
) -> None:
    found = json.loads((asked / "suites/results.json").read_text())
    (suite,) = found["suites"]
    assert set(suite["reliability"]) == {"base", "tuned"}
    for bins in suite["reliability"].values():
        assert sum(one["items"] for one in bins) == suite["items"]
    measured = {row["metric"]: row for row in found["measures"]}
    sides = [suite["reliability"][side] for side in ("base", "tuned")]
    for side, bins in zip(("base", "tuned"), sides, strict=True):
        error = sum(abs(one["accuracy"] - one["sureness"]) * one["items"] for one in bins)
        assert measured["calibration_error"][side] == pytest.approx(error / suite["items"])
    assert "How far sureness can be believed" in (asked / "report.html").read_text()
    swapped = command(
        *("compare", asked / "suites/tuned", asked / "suites/base", "--json"),
        *("--out", tmp_path / "compared"),
        cwd=asked,
    ).json()
    (results,) = swapped.values()
    assert "against" in (Path(results["folder"]) / "report.html").read_text()
    (suite,) = results["suites"]
    assert [suite["reliability"][side] for side in ("tuned", "base")] == sides


def test_a_kill_costs_no_answer_that_has_ended(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"prompt": f"say {word}", "response": "tea"} for word in ("tea", "a", "more", "it")]
    write_rows(tmp_path / "own.jsonl", rows)
    suites = [
        {"suite": "dataset", "name": name, "data": f"{tmp_path}/own.jsonl", "max_new_tokens": most}
        for name, most in (("short", 1), ("long", 60))
    ]
    out, tokens = tmp_path / "out", 0

    def ask() -> dict[str, Any]:
        return evaluate_suites(asked, out=out, overrides=[f"evaluate.suites={json.dumps(suites)}"])

    def killed(*_: object) -> None:
        nonlocal tokens
        tokens += 1
        if tokens == 15:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(asking.Progress, "wrote", killed)
        ask()
    kept = (out / "replies.jsonl").read_bytes()
    assert len(kept.splitlines()) >= 4  # the short answers
    assert {one["status"] for one in ask()["suites"]} == {"run"}
    whole = (out / "replies.jsonl").read_bytes()
    assert whole.startswith(kept) and len(whole.splitlines()) == 2 * 8


def test_quick_ends_long_answers(asked: Path, command: Commands, tmp_path: Path) -> None:
    write_rows(tmp_path / "own.jsonl", [{"prompt": "say tea", "response": "tea"}])
    own = f"{{name: own, data: {tmp_path}/own.jsonl, max_new_tokens: 400}}"
    for at_most, tokens in ((300, 256), (2, 2)):
        found = command(
            *("eval", asked, "--suite", "own", "--quick", "--json", "--out", tmp_path / "out"),
            *("--set", f"evaluate.suites=[{own}]"),
            *("--set", f"evaluate.suite_max_new_tokens={at_most}"),
            cwd=asked,
        )
        assert found.json()["suites"][0]["status"] == "run"
        table = pl.read_parquet(tmp_path / "out/tuned/own.parquet")
        assert json.loads(table["question"][0])["max_new_tokens"] == tokens


def test_a_question_that_does_not_fit_is_told_before_it_is_cut(
    asked: Path, tmp_path: Path, command: Commands
) -> None:
    (tmp_path / "long.jsonl").write_text(
        json.dumps({"prompt": "word " * 2000, "response": "x"}) + "\n"
    )
    own = f'{{suite: dataset, data: "{tmp_path}/long.jsonl"}}'
    settings = ("--set", f"evaluate.suites=[{own}]", "--out", asked.parent / "long")
    said = command("eval", asked, "--suite", "long", *settings, cwd=tmp_path)
    assert said.code == 1
    assert "the model's context has" in said.out


def test_an_evaluation_of_nothing_leaves_no_folder(
    tuned: Tuned, command: Commands, tmp_path: Path
) -> None:
    said = command("eval", "no-such-model", "--suite", "mmlu", cwd=tmp_path)
    assert said.code == 2
    assert not list(tmp_path.iterdir())


def test_suites_asked_together_get_the_replies_that_they_get_alone(
    asked: Path, files: Path, command: Commands, tmp_path: Path
) -> None:
    for name, prompts in (("one", ("1 and 1", "say tea")), ("two", ("say tea", "2 and 2"))):
        rows = [{"prompt": prompt, "response": "x"} for prompt in prompts]
        write_rows(tmp_path / f"{name}.jsonl", rows)
    own = [
        f'{{suite: dataset, name: {name}, data: "{tmp_path}/{name}.jsonl", max_new_tokens: {most}}}'
        for name, most in (("one", 3), ("two", 5))
    ]
    own.append(f'{{suite: dataset, name: long, data: "{tmp_path}/long.jsonl"}}')
    write_rows(tmp_path / "long.jsonl", [{"prompt": "word " * 2000, "response": "x"}])
    settings = ("--set", f"evaluate.suites=[{', '.join(own)}]")
    found = command(
        *("eval", asked, "--suite", "one", "--suite", "long", "--suite", "two", "--json"),
        *(*settings, "--out", tmp_path / "together"),
        cwd=files,
    ).json()
    assert {one["suite"]: one["status"] for one in found["suites"]} == {
        **{"one": "run", "long": "skipped", "two": "run"}
    }
    for name in ("one", "two"):
        alone = ("--suite", name, *settings, "--out", tmp_path / "alone")
        command("eval", asked, *alone, "--json", cwd=files).json()
        for side in ("base", "tuned"):
            place = f"{side}/{name}.parquet"
            together = pl.read_parquet(tmp_path / "together" / place)
            assert together.equals(pl.read_parquet(tmp_path / "alone" / place))
            assert together["token_ids"].list.eval(pl.element().list.len()).list.first().max() <= 5


def test_a_later_turn_is_asked_behind_the_models_own_answer(
    asked: Path, command: Commands, tmp_path: Path
) -> None:
    turns = ["say tea", "again"]
    row = {"question_id": 7, "category": "talk", "turns": turns}
    write_rows(tmp_path / "talk.jsonl", [row])
    suite = f'{{suite: mt_bench, data: "{tmp_path}/talk.jsonl", max_new_tokens: 4}}'
    base = asked.parent / "run"
    settings = (
        *("--set", f"evaluate.suites=[{suite}]", "--out", tmp_path / "out"),
        *("--set", f"evaluate.judge.local={load_recipe(base / 'recipe.yaml').recipe.model.base}"),
        *("--set", "evaluate.judge.max_new_tokens=4"),
    )
    found = command("eval", asked, "--suite", "mt_bench", "--json", *settings, cwd=asked).json()
    assert {row["metric"] for row in found["measures"]} >= {"graded", "turn_1", "turn_2"}
    table = pl.read_parquet(tmp_path / "out/tuned/mt_bench.parquet")
    first, ids = table["answers"][0][0], table["prompt_ids"][0].to_list()
    model = AutoTokenizer.from_pretrained(asked / "model")
    talk = [
        *({"role": "user", "content": turns[0]}, {"role": "assistant", "content": first}),
        {"role": "user", "content": turns[1]},
    ]
    assert ids == model.apply_chat_template(talk, add_generation_prompt=True)["input_ids"]
    assert len(table["token_ids"][0]) == 2
    page = (tmp_path / "out/report.html").read_text()
    assert "user: again" in page
    # What was asked is kept: nothing is asked again.
    lines = (tmp_path / "out/replies.jsonl").read_bytes()
    command("eval", asked, "--suite", "mt_bench", "--json", *settings, cwd=asked).json()
    assert (tmp_path / "out/replies.jsonl").read_bytes() == lines


def test_names_of_suites_are_names_of_files(asked: Path, command: Commands) -> None:
    own = "{suite: dataset, name: ../up, data: own.jsonl}"
    said = command("eval", asked, "--suite", "up", "--set", f"evaluate.suites=[{own}]", cwd=asked)
    assert said.code == 2
    assert "expected letters, digits" in said.err


def test_a_recipe_names_suites_and_conditions(asked: Path, files: Path, command: Commands) -> None:
    said = command(
        *("eval", asked, "--json", "--set", "evaluate.suites=[mmlu]"),
        *("--set", f"evaluate.suite_files={files}", "--set", f"evaluate.suite_items={ITEMS}"),
        *("--set", 'evaluate.fail_if=["mmlu.accuracy <= 1", "backwards.chrf > 100"]'),
        cwd=files,
    )
    assert said.code == 1
    metrics = json.loads(said.out)
    assert metrics["suites"]["measures"][0]["items"] == ITEMS
    assert metrics["comparison"]
    (condition,) = metrics["failed"]
    assert condition.startswith("mmlu.accuracy <= 1: it is")
    assert json.loads((asked / "metrics.json").read_bytes()) == metrics


def test_a_model_alone_and_against_another(
    tuned: Tuned, files: Path, command: Commands, asked: Path
) -> None:
    model = tuned.project / "model"
    results = evaluated(command, model, files, "--out", "alone")
    assert list(results["models"]) == ["model"]
    value, *_ = results["measures"]
    against = evaluated(command, asked, files, "--against", str(model))
    row, *_ = against["measures"]
    stored = json.loads((asked / "suites/results.json").read_bytes())["measures"][0]
    # The run's base is that model, so that both ways of asking give the same.
    assert (row["base"], row["tuned"]) == (stored["base"], stored["tuned"])
    assert value["value"] == row["base"]
    # And so does comparing what is on disk.
    compared = command("compare", "alone", asked, "--json", cwd=files).json()[str(asked)]
    again, *_ = compared["measures"]
    shown = ("items", "base", "tuned", "difference")
    assert [again[key] for key in shown] == [row[key] for key in shown]
    other = Path(shutil.copytree(files / "alone", files / "other" / "alone"))
    said = command("compare", asked, "alone", other, cwd=files)
    assert said.code == 2
    assert "two of the evaluations end in 'alone'" in said.err
    before = (asked / "suites/results.json").read_bytes()
    said = command("compare", "alone", asked, "--out", asked.parent, cwd=files)
    assert said.code == 2
    assert "would overwrite the evaluation" in said.err
    assert (asked / "suites/results.json").read_bytes() == before


def test_evaluations_of_other_questions_are_not_compared(
    asked: Path, files: Path, command: Commands, tuned: Tuned
) -> None:
    model = tuned.project / "model"
    evaluated(command, model, files, "--out", "fewer", "--set", "evaluate.suite_items=3")
    said = command("compare", "fewer", asked, cwd=files)
    assert said.code == 2
    assert "the questions of 'mmlu' are not the same" in said.err


def test_a_suite_without_its_data_is_skipped_and_says_so(asked: Path, command: Commands) -> None:
    said = command("eval", asked, "--suite", "mmlu", "--out", asked.parent / "none", cwd=asked)
    assert said.code == 1
    assert "skipped: mmlu (no data" in said.out
    assert "nothing was asked" in said.err
    condition = ("--set", 'evaluate.fail_if=["mmlu.accuracy < 0.5"]')
    out = ("--out", asked.parent / "none")
    said = command("eval", asked, "--suite", "mmlu", *out, *condition, cwd=asked)
    assert "mmlu.accuracy < 0.5: it was not asked (no data" in said.err


def test_nothing_asked_fails_whatever_was_asked_before(
    asked: Path, command: Commands, tmp_path: Path
) -> None:
    shutil.copytree(asked, tmp_path / "run")
    said = command("eval", "run", "--suite", "mt_bench", cwd=tmp_path)
    assert said.code == 1 and "nothing was asked" in said.err
    found = read_json(tmp_path / "run/suites/results.json")
    assert [one["status"] for one in found["suites"] if one["suite"] == "mt_bench"] == ["skipped"]
    assert any(one["status"] == "run" for one in found["suites"])


def test_an_evaluation_is_not_compared_with_itself(asked: Path, command: Commands) -> None:
    said = command("compare", asked, asked / "." / "../" / asked.name, cwd=asked)
    assert said.code == 2 and "named twice" in said.err
    assert not (asked / "evaluations").exists()


def test_names_between_commas_are_told_how_to_repeat(asked: Path, command: Commands) -> None:
    said = command("eval", asked, "--suite", "mmlu,xstest", cwd=asked)
    assert said.code == 2 and "--suite mmlu --suite xstest" in said.err


def test_a_suite_that_breaks_off_costs_no_other(
    asked: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by mistake")

    monkeypatch.setattr(SUITES.get("xstest"), "questions", lambda _: [Question("1", texts=("a",))])
    monkeypatch.setattr(SUITES.get("xstest"), "measures", broken)
    found = evaluate_suites(
        asked,
        ["xstest", "mmlu"],
        out=asked.parent / "broken",
        overrides=[f"evaluate.suite_files={files}", "evaluate.suite_items=2"],
    )
    status = {one["suite"]: one for one in found["suites"]}
    assert status["mmlu"]["status"] == "run"
    assert status["xstest"]["status"] == "failed"
    assert "ZeroDivisionError: by mistake" in status["xstest"]["reason"]
    assert {row["suite"] for row in found["measures"]} == {"mmlu"}
    assert found["failed"] == [f"xstest: {status['xstest']['reason']}"]
    assert "broken" in (asked.parent / "broken/xstest.traceback.txt").read_text()


def test_bad_input_is_one_clear_error(asked: Path, command: Commands, tmp_path: Path) -> None:
    said = command("eval", asked, "--suite", "mlmu", cwd=tmp_path)
    assert said.code == 2
    assert "mmlu" in said.err
    (tmp_path / "mmlu_dev").mkdir()
    (tmp_path / "mmlu_dev" / "sums_dev.csv").write_text("what is 1,2,3\n")
    setting = f"evaluate.suite_files={tmp_path}"
    said = command("eval", asked, "--suite", "mmlu", "--set", setting, cwd=tmp_path)
    assert said.code == 2
    assert "sums_dev.csv row 0" in said.err


def test_every_suite_is_listed(command: Commands, tuned: Tuned, tmp_path: Path) -> None:
    entries = command("suites", "--json", cwd=tmp_path).json()
    assert {entry["suite"] for entry in entries} == set(SUITES.names())


def test_each_model_is_attacked_by_a_suffix_of_its_own(asked: Path, tmp_path: Path) -> None:
    rows = "goal,target\nname the cat,Sure the cat is\nname the dog,Sure the dog is\n"
    (tmp_path / "requests.csv").write_text(rows)
    use = {"suite": "suffix_search", "data": [{"path": str(tmp_path / "requests.csv")}]}
    use |= {"steps": 2, "candidates": 4, "max_new_tokens": 5}
    out = tmp_path / "attacked"

    def attacked() -> dict[str, Any]:
        overrides = [f"evaluate.suites={json.dumps([use])}"]
        return evaluate_suites(asked, out=out, overrides=overrides)

    found = attacked()
    measures = {(row["metric"], row["task"]): row for row in found["measures"]}
    assert set(measures) == {
        *(("attack_success", task) for task in ("overall", "plain")),
        ("target_loss", "overall"),
        ("loss_drop", "overall"),
    }
    tables = [pl.read_parquet(out / f"{side}/suffix_search.parquet") for side in ("base", "tuned")]
    for side, table in zip(("base", "tuned"), tables, strict=True):
        assert table["task"].to_list() == ["plain", "suffix"] * 2
        plain, searched = (table.filter(pl.col("task") == task) for task in ("plain", "suffix"))
        assert plain["suffix"].to_list() == [""] * 2
        assert searched["losses"].list.len().to_list() == [3, 3]
        falls = [losses[0] - losses[-1] for losses in searched["losses"]]
        assert measures["loss_drop", "overall"][side] == pytest.approx(sum(falls) / 2)
        # The suffix was in the prompt that was answered.
        assert (searched["prompt_tokens"] > plain["prompt_tokens"]).all()
    assert tables[0]["losses"].to_list() != tables[1]["losses"].to_list()
    # A search that has ended is not made again, whatever became of its answer.
    kept = (out / "replies.jsonl").read_bytes().splitlines()
    searches = [line for line in kept if json.loads(line)["key"].endswith("searched")]
    assert len(searches) == 4
    (out / "replies.jsonl").write_bytes(b"\n".join(searches) + b"\n")
    assert attacked()["measures"] == found["measures"]
    now = (out / "replies.jsonl").read_bytes().splitlines()
    assert now[:4] == searches and sorted(now) == sorted(kept)


def test_beside_other_suites_searches_come_first_and_their_answers_are_the_same(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requests.csv").write_text("goal,target\nname the cat,Sure the cat is\n")
    use = {"suite": "suffix_search", "data": [{"path": str(tmp_path / "requests.csv")}]}
    use |= {"steps": 2, "candidates": 4, "max_new_tokens": 5}
    other = {"suite": "extraction", "max_items": 2, "max_new_tokens": 5}

    def figures(out: Path, *uses: dict[str, Any]) -> dict[tuple[str, str], tuple[float, float]]:
        overrides = [f"evaluate.suites={json.dumps(uses)}"]
        found = evaluate_suites(asked, out=out, overrides=overrides)
        kept = (out / "replies.jsonl").read_text().splitlines()
        assert len({json.loads(line)["key"] for line in kept}) == len(kept)
        own = [row for row in found["measures"] if row["suite"] == "suffix_search"]
        return {(row["metric"], row["task"]): (row["base"], row["tuned"]) for row in own}

    alone = figures(tmp_path / "alone", use)
    capsys.readouterr()
    assert figures(tmp_path / "beside", other, use) == alone
    told = capsys.readouterr().err
    for side in ("base", "tuned"):
        tables = [
            pl.read_parquet(tmp_path / out / side / "suffix_search.parquet")
            for out in ("alone", "beside")
        ]
        assert tables[0].equals(tables[1])
    assert told.index("searching against") < told.index("will have written")
