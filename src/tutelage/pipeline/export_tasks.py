"""Suites of a run as tasks of lm-evaluation-harness, so that it can score the exported model too.

What is written are the very questions that the run was asked, rendered: template, system prompt and
solved examples are in the text, and the harness adds nothing of its own. A text is written only if
the tokenizer makes of it the ids that we gave the model, with and without the choices behind it;
else the two would be asked different things. Scoring is left to the harness, by its own rules, for
the suites whose figure these express (`FORMS`): any other is refused by name.

The harness (0.4.13) moves white space at the end of a prompt to the front of each choice. Its
likelihoods then hold that white space's too, the same for every choice: choices do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tutelage.errors import UserError, unknown_name
from tutelage.evaluate.own_items import REFERENCES
from tutelage.evaluate.question import Question
from tutelage.evaluate.suites.gsm8k import ANY, MARKED, number
from tutelage.evaluate.suites.mmlu import LETTERS
from tutelage.pipeline.suites.results import read_replies
from tutelage.pipeline.workbench import Workbench
from tutelage.prompt.system import with_system
from tutelage.rundir import RESULTS, RunFolder, read_json

TASKS = "lm_eval"
"""In the exported folder: the tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    """One suite as a task.

    Attributes:
        name: in the harness.
        settings: its configuration but for where the questions lie.
        rows: one a question; `prompt` is the rendered text, `key` ours of the question.
    """

    name: str
    settings: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Form:
    """How the figure of a suite is had in the harness.

    Attributes:
        settings: of its task: what is asked of the model, and how that is scored.
        target: the right answer to a question.
    """

    settings: Mapping[str, Any]
    target: Callable[[Question], int | str]


def _mean(metric: str, **more: object) -> dict[str, object]:
    return {"metric": metric, "aggregation": "mean", "higher_is_better": True, **more}


def _found(name: str, pattern: str, which: int) -> dict[str, object]:
    """A filter that takes one of a pattern's finds."""
    find = {"function": "regex", "regex_pattern": pattern, "group_select": which}
    return {"name": name, "filter": [find, {"function": "take_first"}]}


_LIKELIEST = {
    "output_type": "multiple_choice",
    "doc_to_choice": "choices",
    "metric_list": [_mean("acc")],
}
_NUMBER = {
    "output_type": "generate_until",
    "metric_list": [_mean("exact_match", regexes_to_ignore=[",", r"\$"])],
    "filter_list": [
        _found("accuracy", MARKED.pattern, 0),
        _found("accuracy_flexible", f"({ANY.pattern})", -1),
    ],
}


def _marked_choice(question: Question) -> int:
    return int(question.target["choice"])


def _letter(question: Question) -> int:
    return LETTERS.index(question.target)


def _marked_number(question: Question) -> str:
    return f"{number(MARKED, question.target[REFERENCES][0]):.15g}"


FORMS: Mapping[str, Form] = {
    "mmlu": Form(_LIKELIEST, _letter),
    "sst2": Form(_LIKELIEST, _marked_choice),
    "trec": Form(_LIKELIEST, _marked_choice),
    "banking77": Form(_LIKELIEST, _marked_choice),
    "dataset": Form(_LIKELIEST, _marked_choice),
    "gsm8k": Form(_NUMBER, _marked_number),
}
"""By the kind of a suite; a `dataset` only if it has choices."""


def tasks_of(bench: Workbench, run: RunFolder, named: Sequence[str]) -> list[Task]:
    """What a run's tuned model was asked by suites, as tasks.

    Args:
        bench: with the run's model.
        run: its folder, with what suites came to.
        named: the suites; where none is named, all that were asked and can be expressed.

    Raises:
        UserError: nothing was asked, or a suite that is named cannot be expressed.
    """
    if not bench.inference.weighs:
        raise UserError(
            "lm_eval reads models that write from left to right, and this is none",
            where="--for lm-eval",
            fix="leave --for out",
        )
    results = run.require(run.suites / RESULTS)
    asked = {one["suite"]: one for one in read_json(results)["suites"] if one["status"] == "run"}
    for name in named:
        if name not in asked:
            raise unknown_name("suite", name, list(asked), where=f"{results}, --suite")
    found = []
    for name in named or asked:
        about = asked[name]
        questions, _ = read_replies(run.suites / "tuned" / f"{name}.parquet")
        reason = _inexpressible(about["kind"], questions)
        if reason is None:
            found.append(_task(bench, name, about, questions))
        elif named:
            raise UserError(reason, where=f"suite {name}", fix=f"leave it out; {_known()}")
    if not found:
        raise UserError(
            "no suite of this run can be a task of lm_eval",
            where=str(results),
            fix=f"ask one first (`tutelage eval {run.path} --suite NAME`); {_known()}",
        )
    return found


def write_tasks(out: Path, tasks: Sequence[Task]) -> None:
    """Write a YAML and a JSON Lines file for each task.

    Args:
        out: of the exported model, which gets a folder of tasks. They name their questions by
            their whole path: a folder that is moved is exported anew.
        tasks: what is written.
    """
    folder = out.resolve() / TASKS
    folder.mkdir()
    for task in tasks:
        lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in task.rows)
        questions = folder / f"{task.name}.jsonl"
        questions.write_bytes(lines)
        settings = {
            "task": task.name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(questions)}},
            "test_split": "test",
            "doc_to_text": "prompt",
            "doc_to_target": "target",
            "target_delimiter": "",
            "num_fewshot": 0,
            **task.settings,
        }
        # JSON is YAML.
        yaml = orjson.dumps(settings, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (folder / f"{task.name}.yaml").write_bytes(yaml)


def command_line(out: Path, tasks: Sequence[Task], dtype: str) -> str:
    """What scores them: one text at a time, as batches are padded there."""
    names = ",".join(task.name for task in tasks)
    return (
        f"lm_eval run --model hf --model_args pretrained={out},dtype={dtype} --tasks {names} "
        f"--include_path {out / TASKS} --batch_size 1 --log_samples --output_path {out / TASKS}"
    )


def _known() -> str:
    return f"it scores {', '.join(FORMS)} (with choices) by rules like ours"


def _inexpressible(kind: str, questions: Sequence[Question]) -> str | None:
    """Why the harness cannot score a suite as we do, if it cannot."""
    if kind not in FORMS:
        return f"lm_eval has no rule that scores {kind} as we do"
    if kind == "dataset" and not questions[0].choices:
        return "lm_eval has no rule that scores written answers by our metrics"
    return None


def _task(
    bench: Workbench, name: str, about: Mapping[str, Any], questions: Sequence[Question]
) -> Task:
    form = FORMS[about["kind"]]
    system = about["options"].get("system")
    settings = dict(form.settings)
    if not questions[0].choices:
        tokenizer = bench.renderer.tokenizer
        settings["generation_kwargs"] = {
            "until": [tokenizer.decode([stop]) for stop in sorted(bench.stop_ids)],
            "max_gen_toks": questions[0].max_new_tokens,
            "do_sample": False,
        }
    rows = [
        {
            "key": question.key,
            "prompt": _prompt(bench, question, system, name),
            **({"choices": list(question.choices)} if question.choices else {}),
            "target": form.target(question),
        }
        for question in questions
    ]
    return Task(f"tutelage_{name.replace(' ', '_')}", settings, rows)


def _prompt(bench: Workbench, question: Question, system: str | None, name: str) -> str:
    """The text of a question, proven to come to the ids that the model was given.

    Raises:
        UserError: it does not.
    """
    renderer = bench.renderer
    turns = question.turns if system is None else tuple(with_system(question.turns, system))
    text, prompt = renderer.prompt_text(turns), list(renderer.prompt_ids(turns))
    for choice in question.choices or ("",):
        learned = list(renderer.answer_ids(choice)) if choice else []
        ends = [at for at, token in enumerate(learned) if token in bench.stop_ids]
        ids = prompt + (learned[: ends[0]] if ends and ends[0] else learned)
        if renderer.tokenizer.encode(text + choice, add_special_tokens=False) != ids:
            raise UserError(
                "the tokenizer makes other ids of the rendered text than we gave the model, and "
                "lm_eval takes texts",
                where=f"suite {name}, question '{question.key}'",
                fix="name other suites with --suite",
            )
    return text
