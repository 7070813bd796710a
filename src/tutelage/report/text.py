"""How data becomes text on the page: nothing hidden, nothing too long, numbers for people.

Predictions, prompts and task names come from strangers. Escaping keeps them from running
(the templates do that); it does not keep them from lying, because control and bidirectional
characters reorder or hide what a reader sees ("Trojan Source", Boucher and Anderson 2021), and
tag characters carry whole sentences that nobody sees. `visible` shows them as what they are.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rapidfuzz.distance import LCSseq

MISSING = "–"

# What may become of a row, in the order in which reports list it.
FATES = ("kept", "changed", "truncated", "dropped")

# Joiners that emoji and several scripts need stay; every other invisible character is shown.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_BIDI_NAMES = {
    "\u061c": "ALM", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE",
    "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI",
    "\u2068": "FSI", "\u2069": "PDI", "\u200b": "ZWSP", "\ufeff": "BOM",
}  # fmt: skip


# No script stacks more than a few marks on a letter; a pile of them covers the lines around it.
_MARK = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MARKS = re.compile(f"({_MARK}{{6}}){_MARK}+")


def visible(text: str) -> str:
    """`text` with every character that hides or reorders spelled out, such as `⟨RLO⟩`.

    Piles of combining marks are cut after the sixth.
    """
    text = _HIDDEN.sub(_spelled, text.replace("\r\n", "\n"))
    return _MARKS.sub(r"\1⟨…⟩", text)


def _spelled(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"⟨{_BIDI_NAMES.get(character, f'U+{code:04X}')}⟩"


def clip(text: str, width: int) -> str:
    """`text` on one line in at most `width` columns (wide characters take two)."""
    text = " ".join(visible(text).split())
    columns = 0
    for index, character in enumerate(text):
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns > width:
            return text[: max(0, index - 1)].rstrip() + "…"
    return text


def excerpt(text: str, head: int, tail: int = 0) -> str:
    """The first `head` and last `tail` characters, saying how many are left out between."""
    if len(text) <= head + tail:
        return text
    left_out = f" […{len(text) - head - tail:,} more characters…] "
    return text[:head] + left_out + (text[-tail:] if tail else "")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer and whether the reference says the same there."""

    text: str
    shared: bool


# A word, or one character of a script that writes without spaces, or one mark.
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]")


def compare_words(answer: str, reference: str) -> list[Piece]:
    """Divide `answer` into stretches that are and are not in its longest common subsequence of
    words with `reference` (case ignored). The pieces joined give `answer`.
    """
    words = list(_WORDS.finditer(answer))
    ours = [word.group().casefold() for word in words]
    theirs = [word.casefold() for word in _WORDS.findall(reference)]
    pieces: list[Piece] = []
    position = 0
    for step in LCSseq.opcodes(ours, theirs):
        if step.tag != "equal":
            continue
        start, end = words[step.src_start].start(), words[step.src_end - 1].end()
        if start > position:
            pieces.append(Piece(answer[position:start], shared=False))
        pieces.append(Piece(answer[start:end], shared=True))
        position = end
    if position < len(answer):
        pieces.append(Piece(answer[position:], shared=False))
    return pieces


def number(value: float | None, digits: int = 3) -> str:
    """A plain number with a real minus sign."""
    return MISSING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference: always with its sign, except where it rounds to zero."""
    if value is None:
        return MISSING
    text = f"{value:+,.{digits}f}"
    return text[1:] if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def interval(bounds: Sequence[float | None] | None, digits: int = 3) -> str:
    """`low to high`, with signs if either is negative."""
    low, high = bounds or (None, None)
    if low is None or high is None:
        return MISSING
    if low < 0:
        return f"{signed(low, digits)} to {signed(high, digits)}"
    return f"{number(low, digits)} to {number(high, digits)}"


def p_value(value: float | None) -> str:
    """A p-value to three digits, and `<0.001` below."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    """A whole number with thousands separated."""
    return MISSING if value is None else f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    """A part as a percentage, with a digit more where it is small."""
    if not whole:
        return MISSING
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent >= 10 or percent == 0 else f"{percent:.1f}%"


def duration(seconds: float | None) -> str:
    """Seconds as people say them: `42 s`, `6 min 58 s`, `2 h 5 min`."""
    if seconds is None:
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s" if seconds < 10 else f"{seconds:.0f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest}\u00a0s"
    return f"{minutes // 60}\u00a0h {minutes % 60}\u00a0min"


def size(amount: float | None) -> str:
    """Bytes in decimal units, as torch and the peers' tables give them: `3.1 GB`."""
    if amount is None:
        return MISSING
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{_three_digits(amount)}\u00a0{unit}"
        amount /= 1000
    return f"{_three_digits(amount)}\u00a0TB"


def relative(difference: float | None) -> str:
    """A difference of losses in nats as the change of perplexity in percent."""
    return MISSING if difference is None else f"{signed(100 * math.expm1(difference), 1)}%"


def perplexity(loss: float | None) -> str:
    """The perplexity of a loss in nats a token: the number of equally likely next tokens."""
    return MISSING if loss is None else _three_digits(math.exp(min(loss, 50.0)))


def day(date: str) -> str:
    """An ISO date as people write it: `22 November 2026`."""
    moment = datetime.fromisoformat(date)
    return f"{moment.day} {moment:%B %Y}"


def method(name: str) -> str:
    """How a sentence names a tuning method: `tuned with LoRA`, `tuned in full`."""
    return {"lora": "with LoRA", "full": "in full"}.get(name, f"with {name}")


def energy(joules: float | None) -> str:
    """Joules as watt-hours, and from a thousand of them as kilowatt-hours."""
    if joules is None:
        return MISSING
    hours = joules / 3600
    if hours < 999.5:
        return f"{_three_digits(hours)}\u00a0Wh"
    return f"{_three_digits(hours / 1000)}\u00a0kWh"


def _three_digits(value: float) -> str:
    """A positive number to three significant digits without an exponent."""
    if value <= 0:
        return "0"
    decimals = min(6, max(0, 2 - math.floor(math.log10(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


FILTERS = {
    "number": number,
    "signed": signed,
    "interval": interval,
    "p": p_value,
    "count": count,
    "share": share,
    "duration": duration,
    "day": day,
    "method": method,
    "relative": relative,
    "size": size,
    "energy": energy,
    "perplexity": perplexity,
}
"""What templates call these, on the page and on the model card alike."""
