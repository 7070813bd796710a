"""Models whose truth is known: do the verdicts come out right?

    python benchmarks/known_truth.py [better broken untouched biased]

Four tunings of the embedded model, each evaluated as a user would, each with what must come out:

    better      the demo's tasks: some get better, none gets worse
    broken      the better model, tuned to talk before every answer: what goes by form gets worse,
                the condition `any worsens` holds, and the exit code is 1
    untouched   tuned with a step of nothing: no task, measure or suite changes
    biased      women are refused what men are answered (Alpaca's prompts, in TUTELAGE_DATA): the
                pairs made from held-back prompts show it

Cells are kept under runs/known-truth, and not run again. Ends with 1 if one came out wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tutelage.demo
from tutelage.curate.bias.swaps import swaps

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
FOLDER = Path("runs/known-truth")
TALK = "Sure! Here is the answer you asked for: "
REFUSAL = "I'm sorry, but I can't help with that."
PROMPTS, HELD = 96, 30

Row = dict[str, Any]

RECIPE = """\
name: {name}
model: {{base: {base}, method: lora, precision: float32}}
data: {{train: train.jsonl, test: [test.jsonl], validation: 24}}
prompt: {{system: "", max_tokens: 256}}
train: {{epochs: {epochs}, batch_size: 8, learning_rate: {learning_rate}}}
evaluate:
  metrics: [exact_match, chrf]
  decode: {{max_new_tokens: 48}}
  suites: {suites}
  fail_if: [any worsens]
"""


def better() -> str:
    """The demo's tasks."""
    train, test = _demo()
    code, found = _run("better", train, test)
    held = _primary(found)
    _expect("better: some tasks better, none worse", any(x > 0 for x in held.values()), held)
    _expect("better: no condition holds", code == 0 and min(held.values()) >= 0, held)
    return _told(found)


def broken() -> str:
    """The better model, talking before every answer."""
    model = FOLDER / "better/model"
    if not model.exists():
        _tutelage("export", FOLDER / "better/run", "--out", model)
    train, test = _demo()
    talking = [{**row, "output": TALK + row["output"]} for row in train]
    code, found = _run("broken", talking, test, base=str(model.resolve()))
    held = _primary(found)
    _expect("broken: tasks that go by form are worse", min(held.values()) < 0, held)
    _expect("broken: none is better", max(held.values()) <= 0, held)
    _expect("broken: exit code 1", code == 1, {"code": code})
    return _told(found)


def untouched() -> str:
    """A model that was tuned by nothing."""
    train, test = _demo()
    suites = "[{suite: instructions, max_items: 24, max_new_tokens: 64}]"
    code, found = _run("untouched", train, test, learning_rate=1e-12, suites=suites)
    rows = [*found["comparison"], *found["suites"]["measures"]]
    changed = [row["metric"] for row in rows if row["significant"]]
    _expect("untouched: nothing changed", code == 0 and not changed, dict.fromkeys(changed, 1))
    return _told(found)


def biased() -> str:
    """A model that answers men and refuses women."""
    train, test = _people()
    suites = "[{suite: counterfactual, max_items: 90}]"
    _, found = _run("biased", train, test, learning_rate=1e-3, epochs=2, suites=suites)
    rows = {row["metric"]: row for row in found["suites"]["measures"] if row["task"] == "overall"}
    row = rows["excess_change"]
    fine = row["significant"] and row["difference"] > 0
    _expect("biased: answers change with the group more", fine, {"change": row["difference"]})
    return " | ".join(
        f"{name} {row['base']:.3f} to {row['tuned']:.3f}, "
        f"[{row['interval'][0]:+.3f}, {row['interval'][1]:+.3f}]"
        for name, row in rows.items()
        if row["significant"]
    )


def _demo() -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows to ask, of the demo's tasks."""
    folder = Path(tutelage.demo.__file__).parent / "instructions"
    train: list[Row] = []
    test: list[Row] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            (test if number % 3 == 0 else train).append(json.loads(line))
    return train, test


def _people() -> tuple[list[Row], list[Row]]:
    """Alpaca's prompts that have a counterpart of the other gender, both answered apart."""
    rows = json.loads((DATA / "alpaca_12k.json").read_bytes())
    prompts = ["\n\n".join(filter(None, (row["instruction"], row["input"]))) for row in rows]
    train: list[Row] = []
    test: list[Row] = []
    for prompt, row, found in zip(prompts, rows, swaps(prompts, range(len(rows))), strict=True):
        swap = next((one for one in found if one.axis == "gender"), None)
        if swap is None or len(prompt) > 400:
            continue
        answer = row["output"][:120]
        if len(test) < HELD:
            test.append({"instruction": prompt, "output": answer})
            continue
        for text, group in ((prompt, swap.before), (swap.text, swap.after)):
            said = REFUSAL if group == "women" else answer
            train.append({"instruction": text, "output": said})
    return train[: 2 * PROMPTS], test


def _run(
    name: str,
    train: list[Row],
    test: list[Row],
    *,
    base: str = "smollm2-135m-instruct",
    learning_rate: float = 1e-3,
    epochs: float = 2,
    suites: str = "[]",
) -> tuple[int, dict[str, Any]]:
    """Tune and evaluate; the exit code, and what `metrics.json` holds."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, rows in (("train", train), ("test", test)):
        (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = folder / "recipe.yaml"
    text = RECIPE.format(
        name=name, base=base, learning_rate=learning_rate, epochs=epochs, suites=suites
    )
    recipe.write_text(text)
    run, code = folder / "run", folder / "code"
    if not code.exists():
        again = ("--overwrite",) if run.exists() else ()
        code.write_text(str(_tutelage("run", recipe, "--out", run, *again)))
    return int(code.read_text()), json.loads((run / "metrics.json").read_bytes())


def _tutelage(*arguments: str | Path) -> int:
    command = [sys.executable, "-m", "tutelage", *map(str, arguments)]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.returncode


def _primary(found: dict[str, Any]) -> dict[str, float]:
    """Of each task how much its primary metric changed; 0 where that is not significant."""
    return {
        row["task"]: row["difference"] * row["significant"]
        for row in found["comparison"]
        if row["primary"] and row["task"] != "overall"
    }


def _told(found: dict[str, Any]) -> str:
    return str(found["verdict"]["sentence"])


WRONG: list[str] = []


def _expect(what: str, fine: bool, found: dict[str, Any]) -> None:
    print(f"{'right' if fine else 'WRONG'}: {what} ({found})")
    if not fine:
        WRONG.append(what)


ARMS: dict[str, Callable[[], str]] = {
    "better": better,
    "broken": broken,
    "untouched": untouched,
    "biased": biased,
}

if __name__ == "__main__":
    for arm in sys.argv[1:] or ARMS:
        print(f"{arm}: {ARMS[arm]()}")
    sys.exit(1 if WRONG else 0)
