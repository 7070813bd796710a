"""Labelled rows for the checks of accuracy: wrong results, exchanged and strange answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from audit_quality.source import DATA, SOURCES, Half, Labelled, MissingDataError
from defects import inject_false_arithmetic
from prompt_defects import (
    inject_answer_outside_options,
    inject_unrelated_response,
    inject_unsupported_number,
)

QUESTIONS = ("open_qa", "general_qa", "closed_qa", "information_extraction", "summarization")


@SOURCES.register("false_arithmetic/gsm8k, one result changed")
def wrong_results(half: Half) -> Labelled:
    """Half of the solutions have a wrong result; the others are as published."""
    solved = [
        {"instruction": row["question"], "input": "", "output": row["answer"]}
        for row in half.read("gsm8k/train.jsonl")
    ]
    rows, broken = inject_false_arithmetic(solved, 0.5, seed=1)
    return Labelled("false_arithmetic", rows, broken, note="gsm8k itself has some false ones")


@SOURCES.register("unrelated_response/alpaca, 10 % exchanged")
def exchanged(half: Half) -> Labelled:
    """Responses of other rows."""
    rows, broken = inject_unrelated_response(_alpaca(half), 0.1, seed=4)
    return Labelled("unrelated_response", rows, broken)


@SOURCES.register("unrelated_response/dolly, 10 % exchanged")
def exchanged_dolly(half: Half) -> Labelled:
    """The same of rows written by people."""
    rows, broken = inject_unrelated_response(_dolly(half, None), 0.1, seed=4)
    return Labelled("unrelated_response", rows, broken)


@SOURCES.register("unrelated_response/dolly, questions and summaries, 10 % exchanged")
def exchanged_questions(half: Half) -> Labelled:
    """The same of closed tasks alone."""
    rows, broken = inject_unrelated_response(_dolly(half, QUESTIONS), 0.1, seed=4)
    return Labelled("unrelated_response", rows, broken)


@SOURCES.register("answer_outside_options/alpaca, answers of other choices")
def strange_answers(half: Half) -> Labelled:
    """Choices answered with what was not offered."""
    rows, broken = inject_answer_outside_options(_alpaca(half), 0.5, seed=5)
    return Labelled("answer_outside_options", rows, broken)


@SOURCES.register("unsupported_number/dolly, one digit changed")
def wrong_numbers(half: Half) -> Labelled:
    """Numbers copied wrongly from the input."""
    rows = _dolly(half, ("closed_qa", "information_extraction", "summarization"))
    rows, broken = inject_unsupported_number(rows, 0.5, seed=6)
    return Labelled("unsupported_number", rows, broken, note="Dolly's own count as false alarms")


def _negative_examples(check: str) -> Callable[[Half], Labelled]:
    """Positive and negative examples of the tasks of Natural Instructions."""

    def source(half: Half) -> Labelled:
        kept = [
            (row, is_wrong)
            for row, is_wrong in _examples()
            if half.has("natural_instructions", orjson.dumps(row).decode())
        ]
        wrong = [place for place, (_, is_wrong) in enumerate(kept) if is_wrong]
        note = "wrong for reasons that mostly take understanding"
        return Labelled(check, [row for row, _ in kept], wrong, note=note)

    return source


for _check in ("answer_outside_options", "unrelated_response", "unsupported_number"):
    SOURCES.register(f"{_check}/natural_instructions, negative examples")(
        _negative_examples(_check)
    )


def _examples() -> Iterator[tuple[dict[str, Any], bool]]:
    """Every example of the tasks as a row, and whether its output is wrong for its prompt."""
    paths = sorted((DATA / "natural_instructions").glob("*.json"))
    if not paths:
        raise MissingDataError("natural_instructions")
    for path in paths:
        task = orjson.loads(path.read_bytes())
        for kind, examples in task["Examples"].items():
            for example in examples:
                if isinstance(example, dict) and str(example.get("output", "")).strip():
                    row = {
                        "instruction": task["Definition"],
                        "input": str(example["input"]),
                        "output": str(example["output"]),
                    }
                    yield row, kind.startswith("Negative")


def _alpaca(half: Half) -> list[dict[str, Any]]:
    return [row for row in half.read("alpaca_12k.json") if row["output"].strip()]


def _dolly(half: Half, categories: tuple[str, ...] | None) -> list[dict[str, Any]]:
    return [
        {"instruction": row["instruction"], "input": row["input"], "output": row["output"]}
        for row in half.read("dolly_3k.json")
        if categories is None or row["category"] in categories
    ]
