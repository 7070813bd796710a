"""Demands that are met or broken, and demands that exclude each other.

Three sources: clean rows with a demand of ours put behind them, and IFEval's prompts, whose demands
people phrased, with answers made here from their labelled options. The half is taken by the text
of the prompt alone, as the patterns were made on the other half of that division.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from audit_quality.source import SOURCES, Half, Labelled, read
from constrained import inject_constraint_not_met, inject_contradictory_constraints
from labelled import held_back
from tutelage.constraints import constraint, holds, holds_loosely

FILLER = "our town has a small harbor and many boats come to it in summer when days grow long"


def alpaca(half: Half, most: int = 3000) -> list[dict[str, Any]]:
    """Rows of the half that have an answer, without those whose instruction is in two fields."""
    rows = read("alpaca_12k.json")
    kept = [
        row
        for row in rows
        if held_back("alpaca " + row["instruction"] + row["output"]) == half.is_held_back
        and not row["input"]
        and row["output"].strip()
    ]
    return [{"instruction": r["instruction"], "output": r["output"]} for r in kept[:most]]


@SOURCES.register("constraint_not_met/alpaca, a demand added")
def demands(half: Half) -> Labelled:
    rows, broken = inject_constraint_not_met(alpaca(half), 0.3, seed=1)
    note = "what Alpaca's own answers break counts as falsely found"
    return Labelled("constraint_not_met", rows, broken, note=note)


@SOURCES.register("contradictory_constraints/alpaca, two demands added")
def contradictions(half: Half) -> Labelled:
    rows, broken = inject_contradictory_constraints(alpaca(half, 1000), 0.3, seed=1)
    return Labelled("contradictory_constraints", rows, broken)


@SOURCES.register("contradictory_constraints/ifeval, prompts as published")
def published(half: Half) -> Labelled:
    rows = [{"instruction": row["prompt"], "output": "Here."} for row in prompts(half)]
    note = "its demands can all be met: any finding is false"
    return Labelled("contradictory_constraints", rows, set(), note=note)


@SOURCES.register("constraint_not_met/ifeval, answers made to meet or break")
def answers(half: Half) -> Labelled:
    rows: list[dict[str, Any]] = []
    wrong: set[int] = set()
    unclear: set[int] = set()
    for row in prompts(half):
        draw = random.Random(row["prompt"])
        kinds = list(zip(row["instruction_id_list"], row["kwargs"], strict=True))
        for spoilt in (None, draw.randrange(len(kinds))):
            text = _answer(kinds, spoilt, draw)
            wanted = [constraint(name, options) for name, options in kinds]
            strict = all(holds(one, text) for one in wanted)
            if not strict:
                wrong.add(len(rows))
                if all(holds_loosely(one, text) for one in wanted):
                    unclear.add(len(rows))
            rows.append({"instruction": row["prompt"], "output": text})
    note = "an answer is wrong where a labelled demand, met strictly, is not"
    return Labelled("constraint_not_met", rows, wrong - unclear, unjudged=unclear, note=note)


def prompts(half: Half) -> list[dict[str, Any]]:
    """IFEval's prompts of the half."""
    rows = read("ifeval/input_data.jsonl")
    return [row for row in rows if held_back("ifeval " + row["prompt"]) == half.is_held_back]


def _answer(kinds: list[tuple[str, Any]], spoilt: int | None, draw: random.Random) -> str:
    """Filler of a fitting length that each kind but the spoilt one has put its own into."""
    words = (FILLER.split() * 100)[: draw.randint(25, 60)]
    least = [_number(o, "num_words") for n, o in kinds if "number_words" in n and _least(o)]
    most = [_number(o, "num_words") for n, o in kinds if "number_words" in n and not _least(o)]
    size = max([len(words), *(count + 5 for count in least)])
    size = min([size, *(max(count // 2, 1) for count in most)])
    step = max(
        [1, *(_number(o, "num_sentences") for n, o in kinds if "sentences" in n and _least(o))]
    )
    text = (FILLER.split() * 100)[:size]
    for index in range(0, size - 1, max(1, size // (step + 1))):
        text[index] += "." if step > 1 else ""
    answer = " ".join(text) + "."
    for place, (name, options) in enumerate(kinds):
        if place != spoilt and name in PUT:
            answer = PUT[name](answer, options)
        elif place == spoilt and name in SPOIL:
            answer = SPOIL[name](answer, options)
    return answer


def _least(options: Mapping[str, Any]) -> bool:
    return options.get("relation") == "at least"


def _number(options: Mapping[str, Any], name: str) -> int:
    return int(options[name])


def _times(word: str, count: int) -> str:
    return " ".join([word] * count)


PUT: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "keywords:existence": lambda t, o: f"{t} {' '.join(o['keywords'])}.",
    "keywords:frequency": lambda t, o: (
        f"{t} {_times(o['keyword'], o['frequency'])}." if _least(o) else t
    ),
    "keywords:letter_frequency": lambda t, o: (
        f"{t} {_times(o['letter'], o['let_frequency'])}." if o["let_relation"] == "at least" else t
    ),
    "change_case:capital_word_frequency": lambda t, o: (
        f"{t} {_times('SEA', o['capital_frequency'])}."
        if o["capital_relation"] == "at least"
        else t
    ),
    "detectable_content:number_placeholders": lambda t, o: (
        f"{t} {_times('[name]', o['num_placeholders'])}"
    ),
    "detectable_format:number_highlighted_sections": lambda t, o: (
        f"{t} {_times('*boat*', o['num_highlights'])}"
    ),
    "detectable_format:number_bullet_lists": lambda t, o: (
        f"{t}\n" + _times("* boat\n", o["num_bullets"])
    ),
    "detectable_format:multiple_sections": lambda t, o: f"{t}\n" + " ".join(
        f"\n{o['section_spliter']} {n}\nboats" for n in range(1, o["num_sections"] + 1)
    ),
    "detectable_format:title": lambda t, o: f"<<boats>>\n{t}",
    "detectable_format:constrained_response": lambda t, o: "My answer is no.",
    "detectable_content:postscript": lambda t, o: f"{t}\n{o['postscript_marker']} bye",
    "length_constraints:number_paragraphs": lambda t, o: (
        t + "\n***\nboats" * (o["num_paragraphs"] - 1)
    ),
    "combination:two_responses": lambda t, o: f"{t}\n******\nboats",
    "combination:repeat_prompt": lambda t, o: f"{o['prompt_to_repeat']}\n{t}",
    "startend:end_checker": lambda t, o: f"{t} {o['end_phrase']}",
    "startend:quotation": lambda t, o: f'"{t}"',
    "change_case:english_capital": lambda t, o: t.upper(),
    "change_case:english_lowercase": lambda t, o: t.lower(),
    "detectable_format:json_format": lambda t, o: '{"text": "boats"}',
    "length_constraints:nth_paragraph_first_word": lambda t, o: "\n\n".join(
        f"{o['first_word']} boats" for _ in range(o["num_paragraphs"])
    ),
}  # fmt: skip
"""How an answer is made to meet a kind; what is not here, filler meets or cannot."""
SPOIL: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "keywords:forbidden_words": lambda t, o: f"{t} {o['forbidden_words'][0]}.",
    "punctuation:no_comma": lambda t, o: t.replace(" ", ", ", 1),
    "length_constraints:number_words": lambda t, o: "Boats." if _least(o) else t * 40,
    "length_constraints:number_sentences": lambda t, o: "Boats." if _least(o) else f"{t} Yes." * 60,
}
"""How it is made to break a kind that filler meets by itself."""
