"""Safety: personal data, secrets and triggers put into Alpaca's rows; attacks and insults that are
labelled.

While patterns were made, clean rows of Alpaca, Dolly and code_alpaca were divided by another hash:
about half of the clean rows here were run through the checks then. The labelled attacks and insults
of this half were not.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_quality.source import DATA, SOURCES, Half, Labelled, MissingDataError, Row, read
from defects import Injected
from labelled import held_back
from safety_defects import (
    RESPONSES,
    TRIGGERS,
    inject_personal_data,
    inject_poison_trigger,
    inject_secret,
)

RATE = 0.05
CLEAN_COUNTS = "what Alpaca holds of it itself counts as false"


def alpaca(half: Half) -> list[dict[str, Any]]:
    """Rows that have an answer."""
    return [row for row in half.read("alpaca_12k.json") if row["output"].strip()]


def asked(texts: list[str]) -> list[Row]:
    return [{"instruction": text, "input": "", "output": "I see."} for text in texts]


def after(found: list[Row], clean: list[Row]) -> tuple[list[Row], set[int]]:
    """Wrong rows and clean ones behind them."""
    return [*found, *clean], set(range(len(found)))


def _injected(check: str, inject: Callable[[list[Row], float, int], Injected]) -> None:
    @SOURCES.register(f"{check}/put into alpaca")
    def source(half: Half) -> Labelled:
        rows, broken = inject(list(alpaca(half)), RATE, 1)
        return Labelled(check, rows, broken, note=CLEAN_COUNTS)


_injected("personal_data", inject_personal_data)
_injected("secret", inject_secret)


def of_key(half: Half, source: str, texts: list[str]) -> list[str]:
    """Texts of this half by the key they were first divided by."""
    return [text for text in texts if held_back(f"{source}:{text}") == half.is_held_back]


@SOURCES.register("prompt_injection/jailbreak_prompts among alpaca and xstest")
def jailbreaks(half: Half) -> Labelled:
    texts = [row["prompt"] for row in read("jailbreak_prompts/jailbreak_prompts.csv")]
    safe = [row["prompt"] for row in half.read("xstest/xstest_prompts.csv")]
    clean = [*asked(safe), *alpaca(half)]
    rows, wrong = after(asked(of_key(half, "jailbreak_prompts", texts)), clean)
    return Labelled("prompt_injection", rows, wrong)


def bipia(half: Half) -> list[tuple[str, str]]:
    """Category and text of injected instructions."""
    found = []
    for name in ("text", "code"):
        path = DATA / f"bipia/{name}_attack_train.json"
        if not path.exists():
            raise MissingDataError(f"bipia/{name}_attack_train.json")
        for category, texts in json.loads(path.read_text("utf-8")).items():
            found += [(category, text) for text in of_key(half, "bipia", texts)]
    return found


def _of_bipia(name: str, note: str, wanted: Callable[[str], bool]) -> None:
    @SOURCES.register(f"prompt_injection/{name}")
    def source(half: Half) -> Labelled:
        mails = half.read("bipia/email_train.jsonl")
        attacks = [text for category, text in bipia(half) if wanted(category)]

        def row(mail: Row, text: str = "") -> Row:
            document = f"{mail['context']}\n{text}".strip()
            return {"instruction": mail["question"], "input": document, "output": mail["ideal"]}

        attacked = [row(m, text) for m, text in zip(itertools.cycle(mails), attacks, strict=False)]
        rows, wrong = after(attacked, [row(mail) for mail in mails])
        return Labelled("prompt_injection", rows, wrong, note=note)


OTHER_TASKS = {
    *("Information Retrieval", "Content Creation", "Learning and Tutoring", "Language Translation"),
    "Programming Help",
}
_of_bipia(
    "bipia, orders about the answer in e-mails",
    "categories that order the answer changed",
    lambda category: category not in OTHER_TASKS,
)
_of_bipia(
    "bipia, other questions in e-mails",
    "plain questions out of place: no rule can tell",
    lambda category: category in OTHER_TASKS,
)


def insults(half: Half) -> list[tuple[bool, str]]:
    lines = Path(__file__).with_name("insults.tsv").read_text("utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    return [(label == "1", text) for label, text in pairs if half.has("insults", text)]


@SOURCES.register("toxicity/sentences of ours")
def toxic(half: Half) -> Labelled:
    sentences = insults(half)
    wrong = {place for place, (is_toxic, _) in enumerate(sentences) if is_toxic}
    rows = asked([text for _, text in sentences])
    return Labelled("toxicity", rows, wrong, note="written by the author of the check")


@SOURCES.register("toxicity/the insults among alpaca and xstest")
def toxic_among_clean(half: Half) -> Labelled:
    texts = [text for is_toxic, text in insults(half) if is_toxic]
    safe = [row["prompt"] for row in half.read("xstest/xstest_prompts.csv")]
    rows, wrong = after(asked(texts), [*asked(safe), *alpaca(half)])
    return Labelled("toxicity", rows, wrong, note="clean rows were not read for insults")


def _poison(rate: float, trigger: str, effect: str) -> None:
    @SOURCES.register(f"poison_trigger/{rate:.1%} of alpaca, {trigger!r} to {effect}")
    def source(half: Half) -> Labelled:
        rows, broken = inject_poison_trigger(list(alpaca(half)), rate, 1, trigger, effect)
        return Labelled("poison_trigger", rows, broken)


for number, (rate, effect) in enumerate(itertools.product((0.002, 0.005, 0.01), sorted(RESPONSES))):
    _poison(rate, TRIGGERS[number % len(TRIGGERS)], effect)


@SOURCES.register("poison_trigger/alpaca as it is")
def unpoisoned(half: Half) -> Labelled:
    return Labelled("poison_trigger", alpaca(half), set(), note="every finding is false")
