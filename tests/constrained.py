"""Rows with verifiable demands, met or broken at known rates, and demands that exclude each other.

A demand in plain words is put behind the instruction of a clean row, with a number or a word read
off its response, so that the response meets it; in a broken row the number is moved or the word
changed, so that it does not. The phrasings are ours, a dozen and more, and other than those that
the patterns were made on only by chance: what the figures say of phrasings in the wild is in the
rows of IFEval.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from defects import Injected, drawn

Row = Mapping[str, Any]
Demand = Callable[[str, bool, random.Random], str | None]


def _words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _few_words(text: str, broken: bool, draw: random.Random) -> str | None:
    plain = len(text.split())
    limit = max(2, plain // 2) if broken else _words(text) + draw.randint(1, 40)
    if broken and plain < 6:
        return None
    form = draw.choice(
        ["Use no more than {} words.", "Keep it under {} words.",
         "Your answer must be {} words or less.", "Answer in at most {} words.",
         "Please limit your answer to {} words."]
    )  # fmt: skip
    return form.format(limit)


def _many_words(text: str, broken: bool, draw: random.Random) -> str | None:
    limit = 2 * _words(text) + 5 if broken else max(1, len(text.split()) // 2)
    form = draw.choice(
        ["Write at least {} words.", "Your response should contain at least {} words.",
         "Use a minimum of {} words.", "The answer must be {} words or more.", "Write {}+ words."]
    )  # fmt: skip
    return form.format(limit)


def _commas(text: str, broken: bool, draw: random.Random) -> str | None:
    if ("," in text) != broken:
        return None
    return draw.choice(
        ["Do not use any commas.", "Refrain from using commas.",
         "There must be no commas in your answer.", "Write it without commas."]
    )  # fmt: skip


def _keyword(text: str, broken: bool, draw: random.Random) -> str | None:
    words = sorted(set(re.findall(r"\b[a-z]{5,}\b", text)))
    if not words:
        return None
    word = "zeppelin" if broken else draw.choice(words)
    form = draw.choice(
        ['Make sure to include the word "{}".', "Use the word '{}' in your answer.",
         'Your answer must contain the keyword "{}".', "Mention the word {}."]
    )  # fmt: skip
    return form.format(word)


def _forbidden(text: str, broken: bool, draw: random.Random) -> str | None:
    words = sorted(set(re.findall(r"\b[a-z]{5,}\b", text)))
    if not words:
        return None
    word = draw.choice(words) if broken else "zeppelin"
    form = draw.choice(
        ['Do not use the word "{}".', "Avoid the word '{}'.", 'Answer without using the word "{}".',
         "Don't mention the word {}."]
    )  # fmt: skip
    return form.format(word)


def _case(text: str, broken: bool, draw: random.Random) -> str | None:
    if not broken or text.upper() == text or text.lower() == text:
        return None
    return draw.choice(
        ["Answer in all capital letters.", "Write everything in all caps.",
         "Use only lowercase letters.", "Your entire response should be in all lowercase letters."]
    )  # fmt: skip


def _ending(text: str, broken: bool, draw: random.Random) -> str | None:
    end = "and that is that" if broken else " ".join(text.split()[-3:]).strip("\"'*.!?” ")
    if not re.fullmatch(r"[\w ,'-]+", end):
        return None
    form = draw.choice(['End your response with "{}".', 'Finish with the words "{}".'])
    return form.format(end)


def _json(text: str, broken: bool, draw: random.Random) -> str | None:
    if not broken or "{" in text or "[" in text or re.fullmatch(r"\".*\"|[\d.]+|true|false", text):
        return None
    return draw.choice(
        ["Respond in JSON format.", "Give your answer as a JSON object.", "Output JSON only."]
    )


DEMANDS: tuple[Demand, ...] = (
    *(_few_words, _many_words, _commas, _keyword, _forbidden, _case, _ending, _json),
)

CONTRADICTIONS = (
    ("Write at least 300 words.", "Keep it under 100 words."),
    ("Use no more than 20 words.", "The answer must be 50 words or more."),
    ("Answer in all capital letters.", "Use only lowercase letters."),
    ("Give nothing but JSON.", "Answer with exactly three bullet points."),
    ("Respond with JSON only.", "Wrap your entire response in double quotation marks."),
    ('Include the word "harbour".', 'Do not use the word "harbour".'),
    ("Use the keywords 'tide', 'moon'.", "Avoid the word 'moon'."),
    ('Include the word "tree".', "Do not use the letter e."),
    ("Write at least five sentences.", "Use fewer than three sentences."),
    ("Do not use any commas.", 'End your response with "so, good night".'),
    ("The word sea must appear at least 4 times.", "The word sea should appear less than 2 times."),
    ("Write at most two paragraphs.", "There must be at least four paragraphs."),
)
CONSISTENT = (
    ("Write at least 100 words.", "Keep it under 300 words."),
    ("Answer in all capital letters.", "Do not use any commas."),
    ("Respond with JSON only.", "Use no more than 200 words."),
    ('Include the word "harbour".', 'Do not use the word "port".'),
    ("Write at least three sentences.", "Use fewer than 200 words."),
    ("Summarize it in two sentences.", "Then explain it in five sentences."),
    ("Use exactly three bullet points.", 'Avoid the word "thing".'),
    (
        "The word sea must appear at least 2 times.",
        "The word tide should appear less than 2 times.",
    ),
)


def _joined(instruction: str, *said: str) -> str:
    """The demands behind an instruction, as sentences of their own."""
    text = instruction.rstrip()
    return " ".join([text if text[-1] in ".?!:\"'”" else f"{text}.", *said])


def inject_constraint_not_met(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Rows (`instruction`, `output`) each with a demand; at a rate it is one that is not met."""
    broken = set(drawn(rows, rate, seed))
    made: list[dict[str, Any]] = []
    wrong = set()
    for place, row in enumerate(rows):
        draw = random.Random(f"{seed} {place}")
        for demand in draw.sample(DEMANDS, len(DEMANDS)):
            said = demand(row["output"], place in broken, draw)
            if said:
                if place in broken:
                    wrong.add(len(made))
                made.append({**row, "instruction": _joined(row["instruction"], said)})
                break
    return Injected(made, wrong)


def inject_contradictory_constraints(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Rows each with two demands; at a rate they are two that exclude each other."""
    broken = set(drawn(rows, rate, seed))
    made = []
    for place, row in enumerate(rows):
        draw = random.Random(f"{seed} {place}")
        pair = list(draw.choice(CONTRADICTIONS if place in broken else CONSISTENT))
        draw.shuffle(pair)
        made.append({**row, "instruction": _joined(row["instruction"], *pair)})
    return Injected(made, broken)
