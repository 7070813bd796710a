"""Contamination: items of evaluation sets pasted into clean rows, and sets that should be clean."""

from __future__ import annotations

import random
from typing import Any

from audit_quality.source import SOURCES, Half, Labelled, read
from defects import inject_conflicting_answers, inject_contamination, paraphrased


def alpaca(half: Half) -> list[dict[str, Any]]:
    """Rows without an input that have an answer."""
    rows = half.read("alpaca_12k.json")
    return [row for row in rows if row["output"].strip() and not row["input"]]


def questions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of GSM8K as instructions."""
    return [{"instruction": row["question"], "output": row["answer"]} for row in rows]


def humaneval(half: Half) -> list[dict[str, Any]]:
    """Problems of HumanEval as instructions."""
    return [
        {"instruction": row["prompt"], "output": row["canonical_solution"]}
        for row in half.read("humaneval/HumanEval.jsonl.gz")
    ]


def ifeval(half: Half) -> list[dict[str, Any]]:
    """Prompts of IFEval, which come without answers."""
    rows = half.read("ifeval/input_data.jsonl")
    return [{"instruction": row["prompt"], "output": "-"} for row in rows]


@SOURCES.register("contamination/alpaca, humaneval pasted")
def pasted(half: Half) -> Labelled:
    items = humaneval(half)
    rows, broken = inject_contamination(alpaca(half), items, seed=1)
    note = "alone, within a prompt, within an answer"
    return Labelled("contamination", rows, broken, against={"humaneval": items}, note=note)


@SOURCES.register("contamination/alpaca, humaneval pasted, 10 % of words changed")
def changed(half: Half) -> Labelled:
    items = humaneval(half)
    rows, broken = inject_contamination(alpaca(half), items, seed=1, changed=0.1)
    return Labelled("contamination", rows, broken, against={"humaneval": items})


@SOURCES.register("contamination/gsm8k train, its test items pasted")
def arithmetic(half: Half) -> Labelled:
    items = questions(half.read("gsm8k/test.jsonl"))
    train = questions(half.read("gsm8k/train.jsonl"))
    rows, broken = inject_contamination(train, items[::3], seed=1)
    note = "train rows against all test items; those that are alike count as false"
    return Labelled("contamination", rows, broken, against={"gsm8k": items}, note=note)


@SOURCES.register("contamination/alpaca, ifeval pasted")
def instructions(half: Half) -> Labelled:
    items = ifeval(half)
    rows, broken = inject_contamination(alpaca(half), items[::3], seed=1)
    return Labelled("contamination", rows, broken, against={"ifeval": items})


@SOURCES.register("conflicting_answers/banking77, labels flipped")
def flipped(half: Half) -> Labelled:
    asked = "Which of the bank's intents is this?"
    clean = [
        {"instruction": asked, "input": row["text"], "output": row["category"].replace("_", " ")}
        for row in read("banking77/train.csv")
        if half.has("banking77/train.csv", row["text"])
    ]
    rows, broken = inject_conflicting_answers(clean, 0.05, seed=1)
    return Labelled("conflicting_answers", rows, broken)


def reworded(
    items: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], set[int]]:
    """Rows, and behind them items in other words."""
    draw = random.Random(1)
    asked = [{**item, "instruction": paraphrased(item["instruction"], draw)} for item in items]
    return [*rows, *asked], set(range(len(rows), len(rows) + len(asked)))


@SOURCES.register("paraphrased_contamination/alpaca, humaneval in other words")
def reworded_code(half: Half) -> Labelled:
    items = humaneval(half)
    rows, wrong = reworded(items, alpaca(half))
    note = "signatures and examples left out"
    check = "paraphrased_contamination"
    return Labelled(check, rows, wrong, against={"humaneval": items}, note=note)


@SOURCES.register("paraphrased_contamination/gsm8k train, its test items in other words")
def reworded_sums(half: Half) -> Labelled:
    items = questions(half.read("gsm8k/test.jsonl"))
    rows, wrong = reworded(items[::3], questions(half.read("gsm8k/train.jsonl")))
    return Labelled("paraphrased_contamination", rows, wrong, against={"gsm8k": items})


@SOURCES.register("paraphrased_contamination/alpaca, ifeval in other words")
def reworded_instructions(half: Half) -> Labelled:
    items = ifeval(half)
    rows, wrong = reworded(items[::3], alpaca(half))
    return Labelled("paraphrased_contamination", rows, wrong, against={"ifeval": items})


@SOURCES.register("semantic_duplicate/alpaca, prompts in other words")
def reworded_prompts(half: Half) -> Labelled:
    clean = alpaca(half)
    items = [row for row in clean if len(row["instruction"].split()) >= 8][::10]
    rows, wrong = reworded(items, clean)
    note = "prompts alike by nature count as false"
    return Labelled("semantic_duplicate", rows, wrong, note=note)
