"""Checks of form: defects put into rows of Alpaca, Dolly and Code Alpaca, and labelled cases.

What a check finds in a clean row counts as false, right or not, but for defects that Alpaca is
known to hold of its own: remains of the numbered template it was made with, and "<noinput>".
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Any

from audit_quality.source import DATA, SOURCES, Half, Labelled, MissingDataError, read
from defects import Injected
from form_defects import (
    CONTROLS,
    INVISIBLE,
    REFUSALS,
    changed,
    inject_ai_boilerplate,
    inject_broken_code,
    inject_broken_json,
    inject_broken_markdown,
    inject_characters,
    inject_copy_of_prompt,
    inject_markup_remains,
    inject_mojibake,
    inject_next_turn,
    inject_outlying_length,
    inject_placeholder_response,
    inject_refusal,
    inject_repetition,
    inject_special_tokens,
    inject_truncated_response,
    inject_wrong_language,
)

RATE = 0.05
FIELDS = ("instruction", "input", "output")
OWN = re.compile(r"<no ?(?:in|out)put>|\d+\. (?:Instruction|Input|Output):|// ?end of", re.I)


def clean(half: Half, *files: str) -> list[dict[str, Any]]:
    """Rows with an answer, of these files or of three."""
    return [
        {field: row[field] for field in FIELDS}
        for file in files or ("alpaca_12k.json", "dolly_3k.json", "code_alpaca_2k.json")
        for row in half.read(file)
        if row["output"].strip()
    ]


def labelled(check: str, injected: Injected, note: str = "") -> Labelled:
    """Broken rows with those left out of the judgement that were broken before."""
    own = [
        at
        for at, row in enumerate(injected.rows)
        if at not in injected.broken and OWN.search(row["output"])
    ]
    return Labelled(check, injected.rows, injected.broken, unjudged=own, note=note)


def _file(check: str, inject: Callable[..., Injected], note: str = "", **given: Any) -> None:
    """Register a check's defects in rows of all three files."""

    @SOURCES.register(f"{check}/alpaca, dolly, code_alpaca")
    def source(half: Half) -> Labelled:
        return labelled(check, inject(clean(half), RATE, 1, **given), note)


_file("truncated_response", inject_truncated_response, "prose, behind its first sentence")
_file("repetition", inject_repetition)
_file("copy_of_prompt", inject_copy_of_prompt, "inputs that may stay as they are among them")
_file("refusal", inject_refusal, f"{len(REFUSALS)} phrases")
_file("ai_boilerplate", inject_ai_boilerplate)
_file("placeholder_response", inject_placeholder_response)
_file("next_turn", inject_next_turn)
_file("control_characters", inject_characters, among=CONTROLS)
_file("invisible_characters", inject_characters, among=INVISIBLE)
_file("special_tokens", inject_special_tokens)
_file("markup_remains", inject_markup_remains)
_file("broken_markdown", inject_broken_markdown)
_file("mojibake", inject_mojibake)
_file("wrong_language", inject_wrong_language, "13 languages")


@SOURCES.register("truncated_response/alpaca, dolly, code_alpaca, lists and code too")
def truncated_anywhere(half: Half) -> Labelled:
    injected = inject_truncated_response(clean(half), RATE, 1, prose=False)
    return labelled("truncated_response", injected, "items cut at a word's end look whole")


@SOURCES.register("truncated_response/alpaca")
def truncated_alpaca(half: Half) -> Labelled:
    injected = inject_truncated_response(clean(half, "alpaca_12k.json"), RATE, 1)
    return labelled("truncated_response", injected, "prose, behind its first sentence")


@SOURCES.register("broken_code/code_alpaca")
def code(half: Half) -> Labelled:
    injected = inject_broken_code(clean(half, "code_alpaca_2k.json"), RATE, 1)
    return labelled("broken_code", injected, "code that is broken by nature counts as false")


@SOURCES.register("broken_json/made")
def json(half: Half) -> Labelled:
    return labelled("broken_json", inject_broken_json(clean(half, "dolly_3k.json"), RATE * 2, 1))


@SOURCES.register("outlying_length/alpaca")
def length(half: Half) -> Labelled:
    return labelled(
        "outlying_length", inject_outlying_length(clean(half, "alpaca_12k.json"), 0.01, 1)
    )


@SOURCES.register("mojibake/ftfy")
def ftfy_cases(half: Half) -> Labelled:
    cases = [
        case
        for name in ("in-the-wild", "synthetic", "negative")
        for case in half.of("ftfy", read(f"ftfy/{name}.json"))
        if case["expect"] == "pass"
    ]
    rows = [{"instruction": "Say it.", "input": "", "output": case["original"]} for case in cases]
    wrong = {
        at
        for at, case in enumerate(cases)
        if case.get("fixed-encoding", case["fixed"]) != case["original"]
    }
    return Labelled("mojibake", rows, wrong, note="the library's own cases: the prefilter's recall")


def _xstest(half: Half, check: str, label: str) -> Labelled:
    """Refusals of every prompt of XSTest: deserved where it is unsafe."""
    prompts = half.of("xstest", read("xstest/xstest_prompts.csv"))
    asked = [{"instruction": row["prompt"], "input": "", "output": ""} for row in prompts]
    rows = changed(asked, 1.0, 1, lambda _, draw: draw.choice(REFUSALS)).rows
    wrong = {at for at, row in enumerate(prompts) if row["label"] == label}
    return Labelled(check, rows, wrong, note="every prompt refused; whether it deserves it")


@SOURCES.register("deserved_refusal/advbench, alpaca")
def deserved_of_two(half: Half) -> Labelled:
    harmful = half.of("advbench", read("advbench/harmful_behaviors.csv"))
    plain = clean(half, "alpaca_12k.json")[: len(harmful)]
    prompts = [row["target"] for row in harmful] + [row["instruction"] for row in plain]
    asked = [{"instruction": prompt, "input": "", "output": ""} for prompt in prompts]
    rows = changed(asked, 1.0, 1, lambda _, draw: draw.choice(REFUSALS)).rows
    return Labelled("deserved_refusal", rows, range(len(harmful)), note="every prompt refused")


@SOURCES.register("deserved_refusal/xstest")
def deserved(half: Half) -> Labelled:
    return _xstest(half, "deserved_refusal", "unsafe")


@SOURCES.register("refusal/xstest")
def undeserved(half: Half) -> Labelled:
    return _xstest(half, "refusal", "safe")


@SOURCES.register("wrong_language/alpaca, multi30k")
def german(half: Half) -> Labelled:
    file = DATA / "multi30k/val.de.gz"
    if not file.exists():
        raise MissingDataError("multi30k/val.de.gz")
    captions = [
        line
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
        if half.has("multi30k", line)
    ]
    rows = clean(half, "alpaca_12k.json")
    return labelled(
        "wrong_language", inject_wrong_language(rows, RATE, 1, captions), "German captions"
    )
