"""Labelled rows for the checks of accuracy: solutions with one wrong result, and clean ones."""

from __future__ import annotations

from audit_quality.source import SOURCES, Half, Labelled
from defects import inject_false_arithmetic


@SOURCES.register("false_arithmetic/gsm8k, one result changed")
def wrong_results(half: Half) -> Labelled:
    """Half of the solutions have a wrong result; the others are as published."""
    solved = [
        {"instruction": row["question"], "input": "", "output": row["answer"]}
        for row in half.read("gsm8k/train.jsonl")
    ]
    rows, broken = inject_false_arithmetic(solved, 0.5, seed=1)
    return Labelled("false_arithmetic", rows, broken, note="gsm8k itself has some false ones")
