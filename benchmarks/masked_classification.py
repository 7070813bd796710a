"""A masked language model tuned to answer at masked places, against its untuned self.

    python benchmarks/masked_base.py                  # makes the model, once
    python benchmarks/masked_classification.py [sst2] [trec] [--rows 600]

Each task is one run of `tutelage run`, all weights tuned: rows of the task's training file, asked
for the first 250 of its test file. Base and tuned model choose between the same answers, so the
base is asked what it can do best. Printed are accuracies in percent with their 95 % intervals, the
difference and its p-value, and what always saying the training rows' most frequent answer gives.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from masked_base import DATA, MODELS, NAME

TEST = 250
HEAD = (
    *("task", "rows", "asked", "majority", "base", "tuned", "difference", "p"),
    *("training s", "tokens/s", "general text, nats a token"),
)
RECIPE = """\
name: masked-{task}
model: {{base: {base}, method: full, precision: float32, device: cpu}}
data:
  train: train.jsonl
  validation: 60
  test: test.jsonl
prompt: {{answer_tokens: 2, max_tokens: 256}}
train: {{epochs: 3, batch_size: 16, learning_rate: 1e-4, threads: 1}}
evaluate:
  metrics: [exact_match]
  tasks: {{{task}: {{choices: {choices}}}}}
  general_text: {general_text}
"""


class Task(NamedTuple):
    """A classification task as instruction, options and answers.

    Attributes:
        files: training and test file.
        instruction: what is asked, the options named.
        answers: by the file's label.
        split: a line's text and its label.
    """

    files: tuple[str, str]
    instruction: str
    answers: dict[str, str]
    split: Callable[[str], tuple[str, str]]


def sst2_line(line: str) -> tuple[str, str]:
    text, label = line.rsplit("\t", 1)
    return text, label


def trec_line(line: str) -> tuple[str, str]:
    label, text = line.split(" ", 1)
    return text, label.split(":")[0]


TASKS = {
    "sst2": Task(
        ("sst2/train.tsv", "sst2/dev.tsv"),
        "Is the review good or bad?",
        {"0": "bad", "1": "good"},
        sst2_line,
    ),
    "trec": Task(
        ("trec/train.txt", "trec/test.txt"),
        "Is it an abbreviation, a description, a thing, a person, a place or a number?",
        {
            "ABBR": "abbreviation",
            "DESC": "description",
            "ENTY": "thing",
            "HUM": "person",
            "LOC": "place",
            "NUM": "number",
        },
        trec_line,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--rows", type=int, default=600)
    arguments = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n| {' | '.join(['---'] * len(HEAD))} |", flush=True)
    for name in arguments.tasks:
        with tempfile.TemporaryDirectory() as scratch:
            print(measure(name, arguments.rows, Path(scratch)), flush=True)


def rows(task: str, file: int, count: int) -> list[dict[str, str]]:
    """Rows of a task's file: for training drawn evenly from all of it, else its first."""
    instruction, answers, split = TASKS[task][1:]
    text = (DATA / TASKS[task].files[file]).read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.split("\n") if line.strip()]
    step = max(1, len(lines) // count) if file == 0 else 1
    found = [split(line.strip()) for line in lines[::step][:count]]
    return [
        {"task": task, "instruction": instruction, "input": said, "output": answers[label]}
        for said, label in found
    ]


def measure(task: str, count: int, folder: Path) -> str:
    """One row of the table."""
    from tutelage.pipeline.run import run

    data = {"train": rows(task, 0, count), "test": rows(task, 1, TEST)}
    for part, examples in data.items():
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in examples))
    answers = TASKS[task].answers
    recipe = RECIPE.format(
        task=task,
        base=MODELS / NAME,
        choices=json.dumps(list(answers.values())),
        general_text="builtin" if task == "sst2" else "null",
    )
    (folder / "recipe.yaml").write_text(recipe)
    os.chdir(folder)
    run("recipe.yaml", "run")
    metrics: dict[str, Any] = json.loads(Path("run", "metrics.json").read_text())
    common = Counter(row["output"] for row in data["train"]).most_common(1)[0][0]
    majority = sum(row["output"] == common for row in data["test"]) / len(data["test"])
    (change,) = [each for each in metrics["comparison"] if each["task"] == task]
    training, forgetting = metrics["training"], metrics["forgetting"]
    cells = (
        task,
        f"{count}",
        f"{change['items']}",
        f"{majority:.1%}",
        percent(change["base"], change["base_interval"], change["scale"]),
        percent(change["tuned"], change["tuned_interval"], change["scale"]),
        percent(change["difference"], change["interval"], change["scale"]),
        f"{change['p_value']:.4f}",
        f"{training['seconds']:.0f}",
        f"{training['tokens_per_second']:.0f}",
        "" if forgetting is None else f"{forgetting['base']:.2f} → {forgetting['tuned']:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def percent(value: float, interval: list[float], scale: float) -> str:
    low, high = (100 * end / scale for end in interval)
    return f"{100 * value / scale:.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
