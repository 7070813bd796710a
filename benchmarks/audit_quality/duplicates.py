"""Duplicates: Alpaca's rows repeated, with and without changes."""

from __future__ import annotations

from typing import Any

from audit_quality.source import SOURCES, Half, Labelled
from defects import inject_conflicting_answers, inject_exact_duplicate, inject_near_duplicate

RATE = 0.1


def alpaca(half: Half) -> list[dict[str, Any]]:
    """Rows that have an answer."""
    return [row for row in half.read("alpaca_12k.json") if row["output"].strip()]


@SOURCES.register("exact_duplicate/alpaca, a tenth repeated")
def exact(half: Half) -> Labelled:
    rows, broken = inject_exact_duplicate(alpaca(half), RATE, seed=1)
    return Labelled("exact_duplicate", rows, broken, note="half of them in capitals")


@SOURCES.register("near_duplicate/alpaca, 5 to 20 % of words changed")
def near(half: Half) -> Labelled:
    rows, broken = inject_near_duplicate(alpaca(half), RATE, seed=1)
    return Labelled(
        "near_duplicate", rows, broken, note="clean rows alike by nature count as false"
    )


@SOURCES.register("near_duplicate/code_alpaca, 5 to 20 % of words changed")
def near_code(half: Half) -> Labelled:
    clean = [row for row in half.read("code_alpaca_2k.json") if row["output"].strip()]
    rows, broken = inject_near_duplicate(clean, RATE, seed=1)
    return Labelled("near_duplicate", rows, broken)


@SOURCES.register("same_prompt_different_answer/alpaca, answers exchanged")
def exchanged(half: Half) -> Labelled:
    clean = [row for row in alpaca(half) if len(row["output"].split()) > 10]
    rows, broken = inject_conflicting_answers(clean, RATE, seed=1)
    return Labelled("same_prompt_different_answer", rows, broken)
