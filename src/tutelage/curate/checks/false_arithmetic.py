"""A response that calculates wrongly: `3 + 4 = 8`.

Every equation of numbers is worked out exactly (see `accuracy/arithmetic.py`), also those in the
calculator notes of gsm8k (`<<48/2=24>>24`); a final answer (`#### 24`) must stand in its solution.
A regular expression in Rust leaves Python the texts that have an equation at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from tutelage.curate.accuracy.arithmetic import plainly_holds, shown, wrong_equations
from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, none

CALCULATES = (
    r"(?i)(?:[0-9)%²³][a-z ]{0,24}|\b)"
    r"(?:[-+*/×÷−–·^x]|plus|minus|times|multiplied by|divided by|percent of|% of)"
    r"\s*[$€£(]*[0-9.][^\n]*?(?:=|equal)|[²³]\s*=|####"
)
LONGEST = 200_000
"""Bytes of a response; a longer one is data, and would be read for minutes."""
NOTE = re.compile(r"<<([^<>\n]*)>>")
FINAL = re.compile(r"^#### *[$€£]?(-?[0-9][0-9,]*(?:\.[0-9]+)?) *$", re.MULTILINE)
NUMBER = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+")
OTHER_ARITHMETIC = (
    r"(?i)\b(?:binary|hexadecimal|octal|modul[oa]r?|mod|base[- ]?\d+|matri(?:x|ces)|vectors?"
    r"|bitwise|boolean)\b"
)
"""Words of a prompt or a response that give signs another meaning."""
ASKS_FOR_FALSE = r"(?i)\b(?:incorrect|wrong|false|mistakes?|errors?|puzzle|riddle)\b"


@CHECKS.register("false_arithmetic")
class FalseArithmetic(Check):
    """A calculation whose result is not what it comes to."""

    severity = "error"
    title = "Arithmetic is false"
    suggestion = "Work the calculation out again, or drop the row."
    precision = "0.991 [0.986, 0.995] on GSM8K with a result changed"
    recall = "0.979 [0.971, 0.984] on GSM8K with a result changed"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Equations in responses that do not hold."""
        texts = batch.of("response").filter(
            (pl.col("text").str.len_bytes() <= LONGEST)
            & pl.col("text").str.contains("=|equal|####")
        )
        texts = texts.filter(pl.col("text").str.contains(CALCULATES))
        prompts = batch.rows.select("at", "instruction").filter(
            pl.col("instruction").str.contains(f"{OTHER_ARITHMETIC}|{ASKS_FOR_FALSE}")
        )
        texts = texts.join(prompts, on="at", how="anti").filter(
            ~pl.col("text").str.contains(OTHER_ARITHMETIC)
        )
        wrong = [
            (at, field, *finding)
            for at, field, text in texts.select("at", "field", "text").iter_rows()
            for finding in _wrong(text)
        ]
        if not wrong:
            return none()
        columns = ("at", "field", "start", "end", "says")
        table = pl.DataFrame(wrong, schema=columns, orient="row")
        return found(table, pl.col("says"), start=pl.col("start"), end=pl.col("end"))


def _wrong(text: str) -> Iterator[tuple[int, int, str]]:
    """What is false in a response: where, and what is right."""
    # Notes stand between an equals sign and its result: they are read by themselves, then blanked.
    for note in NOTE.finditer(text):
        if plainly_holds(note[1]):
            continue
        for wrong in wrong_equations(note[1], is_note=True):
            start, end = note.start(1) + wrong.start, note.start(1) + wrong.end
            yield start, end, f"{text[start:end]}: it is {shown(wrong.value)}"
    plain = NOTE.sub(lambda note: " " * len(note[0]), text)
    for wrong in wrong_equations(plain):
        equation = " ".join(plain[wrong.start : wrong.end].split())
        yield wrong.start, wrong.end, f"{equation}: it is {shown(wrong.value)}"
    for final in FINAL.finditer(text):
        before = text[: final.start()]
        answer = final[1].replace(",", "")
        said = {number.replace(",", "") for number in NUMBER.findall(before)}
        if said and not any(float(number) == abs(float(answer)) for number in said):
            yield final.start(), final.end(), f"The final answer {final[1]} is not in its solution"
