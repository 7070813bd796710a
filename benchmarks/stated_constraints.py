"""What `constraints.stated` finds in IFEval's prompts, and how fast its 541 answers are scored.

    python benchmarks/stated_constraints.py [--half developed]

Each prompt is labelled with the kinds of constraint it states. A kind is found where one of the
labelled kinds is among those found (ours for plain words count as the published ones they stand
for), false where none is labelled. Options are right where they equal a labelled one's. The half is
the one on which no pattern was made, unless the other is asked for. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "tests")]

from audit_quality.source import read  # noqa: E402
from labelled import held_back  # noqa: E402
from tutelage.constraints import constraint, holds, holds_loosely  # noqa: E402
from tutelage.constraints.stated import stated  # noqa: E402

STANDS_FOR = {
    "plain:number_words": "length_constraints:number_words",
    "plain:number_sentences": "length_constraints:number_sentences",
    "plain:number_bullets": "detectable_format:number_bullet_lists",
    "plain:capitals": "change_case:english_capital",
    "plain:lower_case": "change_case:english_lowercase",
    "plain:json": "detectable_format:json_format",
    "plain:ends_with": "startend:end_checker",
}
UNLABELLED = {"plain:about_words", "plain:number_paragraphs"}
"""Kinds that no published one stands for, so that they are neither right nor wrong here."""


def found_in(prompt: str) -> dict[str, list[dict[str, Any]]]:
    """Options of what a prompt states, by published kind."""
    said = [one for one in stated(prompt) if one.name not in UNLABELLED]
    cased = any(one.name in {"plain:capitals", "plain:lower_case"} for one in said)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in said:
        if cased and one.kwargs.get("language") == "en":
            continue  # the published kinds of case are "in English and in capitals"
        found.setdefault(STANDS_FOR.get(one.name, one.name), []).append(one.kwargs)
    return found


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options without case and order."""
    return {
        name: sorted(map(str.lower, value)) if isinstance(value, list)
        else value.lower().strip() if isinstance(value, str) else value
        for name, value in options.items() if value is not None
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Found, missed, false, and options right, for each kind and in all."""
    count: Counter[tuple[str, str]] = Counter()
    for row in rows:
        labelled: dict[str, list[dict[str, Any]]] = {}
        for name, options in zip(row["instruction_id_list"], row["kwargs"], strict=True):
            labelled.setdefault(name, []).append(plain(options))
        found = found_in(row["prompt"])
        for name in {*labelled, *found}:
            both = name in labelled and name in found
            what = "found" if both else "missed" if name in labelled else "false"
            for kind in (name, "all"):
                count[kind, what] += 1
            if both and "bullet" not in name and labelled[name][0]:
                right = any(plain(options) in labelled[name] for options in found[name])
                for kind in (name, "all"):
                    count[kind, "right" if right else "wrong"] += 1
    lines = [
        "| kind | found | missed | false | options right |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind in [*sorted({kind for kind, _ in count} - {"all"}), "all"]:
        options = f"{count[kind, 'right']}/{count[kind, 'right'] + count[kind, 'wrong']}"
        lines.append(
            f"| {kind} | {count[kind, 'found']} | {count[kind, 'missed']} | {count[kind, 'false']}"
            f" | {options} |"
        )
    return lines


def scoring_seconds(rows: list[dict[str, Any]]) -> tuple[float, int]:
    """Seconds to judge an answer to each prompt, strictly and loosely, and their mean length."""
    answers = [row["output"] for row in read("alpaca_12k.json") if len(row["output"]) > 800]
    pairs = list(zip(rows, answers, strict=False))
    begin = time.perf_counter()
    for row, answer in pairs:
        for name, options in zip(row["instruction_id_list"], row["kwargs"], strict=True):
            wanted = constraint(name, options)
            holds(wanted, answer, row["prompt"])
            holds_loosely(wanted, answer, row["prompt"])
    seconds = time.perf_counter() - begin
    return seconds, sum(len(answer) for _, answer in pairs) // len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("held-back", "developed"), default="held-back")
    wanted = parser.parse_args().half == "held-back"
    rows = read("ifeval/input_data.jsonl")
    print("\n".join(table([row for row in rows if held_back("ifeval " + row["prompt"]) == wanted])))
    seconds, length = scoring_seconds(rows)
    print(f"\n{len(rows)} answers of {length} characters on average scored in {seconds:.2f} s")


if __name__ == "__main__":
    main()
