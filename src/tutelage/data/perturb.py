"""The same request with noise that a person reads past, and with the same right answer.

Typing errors, case, spaces, letters of other scripts that look alike, a sentence beside the point,
options in another order: what users do to prompts, and what attackers do to get by filters. What
the first cost a model was shown by Belinkov and Bisk 2018 (arXiv:1711.02173), sentences beside the
point by Shi et al. 2023 (arXiv:2302.00093), the order of options by Zheng et al. 2024
(arXiv:2309.03882). The kinds here are our own.

What decides the answer is left alone: code, web addresses, words with digits, and words of a short
answer (an extracted name that is misspelt in the passage has no right answer any more). A perturbed
text that would be what it was, or whose right answer cannot be told, is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

SHORT_ANSWER = 10
"""Words of an answer up to which its words are left alone in the request."""

NEIGHBOURS = MappingProxyType(
    {
        **{"a": "qsz", "b": "vgn", "c": "xdv", "d": "sfe", "e": "wrd", "f": "dgr", "g": "fht"},
        **{"h": "gjy", "i": "uok", "j": "hku", "k": "jli", "l": "kop", "m": "nj", "n": "bmh"},
        **{"o": "ipl", "p": "ol", "q": "wa", "r": "etf", "s": "adw", "t": "ryg", "u": "yij"},
        **{"v": "cbf", "w": "qes", "x": "zcs", "y": "tuh", "z": "xas"},
    }
)
"""Keys beside each one on an American keyboard."""

LOOK_ALIKES = str.maketrans("aceijopsxyABCEHIKMOPTXS", "асеіјорѕхуАВСЕНІКМОРТХЅ")
"""Latin letters as Cyrillic ones that look the same (Unicode's confusables)."""

BESIDE_THE_POINT = (
    "The bakery on the corner opens at seven.",
    "My neighbour repaints her fence every spring.",
    "There are more bicycles than cars in our street.",
    "The library has moved its chairs to the first floor.",
    "It rained for most of the weekend.",
    "A cousin of mine collects old railway timetables.",
    "The lift in this building is slower than the stairs.",
    "Someone left a blue umbrella in the hall.",
    "The tomatoes on the balcony are nearly ripe.",
    "Our choir meets on the second Tuesday of the month.",
    "The kettle in the kitchen has a loose handle.",
    "They are resurfacing the road behind the station.",
)
"""Sentences that have to do with nothing."""

_LEFT_ALONE = re.compile(r"```.*?```|`[^`\n]*`|\bhttps?://\S+|\bwww\.\S+|<[^<>\n]+>", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_OPTION = re.compile(r"^(?P<open>[ \t]*\(?)(?P<label>[A-Z])(?P<close>[.):]+[ \t]+)(?P<text>.+)$")
_OF_OPTIONS = re.compile(
    r"(?i)\b(?:(?:all|none|any|neither|both|two) of (?:the|these)|both [a-z] and [a-z]\b|above)\b"
)
_CHOICE = re.compile(r"^\(?(?P<label>[A-Z])(?P<rest>\)?[.:]?(?:\s+.*)?)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A request with noise, and the answers that are now right."""

    text: str
    answers: tuple[str, ...]


Perturbation = Callable[[str, Sequence[str], Random, float], str | Perturbed | None]


def perturbed(
    kind: str, text: str, answers: Sequence[str], *, seed: int, strength: float
) -> Perturbed | None:
    """A request with one kind of noise.

    Args:
        kind: one of `KINDS`.
        text: the request.
        answers: the right ones.
        seed: with the kind and the text, it decides all that is drawn.
        strength: the share of words that are changed, at least one; for distractors, a sentence
            for each tenth.

    Returns:
        None where the request offers nothing to change, or no right answer could be told then.
    """
    made = KINDS[kind](text, answers, Random(f"{seed}\0{kind}\0{text}"), strength)
    if isinstance(made, str):
        made = Perturbed(made, tuple(answers))
    return None if made is None or made.text == text else made


def _words_changed(
    text: str,
    answers: Sequence[str],
    random: Random,
    strength: float,
    change: Callable[[str], str],
    least: int = 4,
) -> str:
    """A text in which a share of the words of at least so many letters are changed."""
    taboo = [match.span() for match in _LEFT_ALONE.finditer(text)]
    kept = {
        word.lower()
        for answer in answers
        if len(answer.split()) <= SHORT_ANSWER
        for word in _WORD.findall(answer)
    }
    places = [
        match.span()
        for match in _WORD.finditer(text)
        if len(match[0]) >= least
        and match[0].lower() not in kept
        and not _beside_digit(text, *match.span())
        and not any(start < match.end() and match.start() < end for start, end in taboo)
    ]
    if not places:
        return text
    chosen = random.sample(places, max(1, round(strength * len(places))))
    for start, end in sorted(chosen, reverse=True):
        text = text[:start] + change(text[start:end]) + text[end:]
    return text


def _beside_digit(text: str, start: int, end: int) -> bool:
    around = text[max(0, start - 1) : start] + text[end : end + 1]
    return any(one.isdigit() or one in "_@/\\" for one in around)


def _typos(text: str, answers: Sequence[str], random: Random, strength: float) -> str:
    """A letter dropped, doubled, changed with the next, or taken from the key beside it."""

    def mistyped(word: str) -> str:
        at = random.randrange(1, len(word) - 1)
        beside = random.choice(NEIGHBOURS.get(word[at].lower(), word[at]))
        return random.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + beside + word[at + 1 :],
            )
        )

    return _words_changed(text, answers, random, strength, mistyped)


def _case(text: str, answers: Sequence[str], random: Random, strength: float) -> str:
    """Words in capitals, or in small letters where they had capitals."""
    return _words_changed(
        text,
        answers,
        random,
        strength,
        lambda word: word.upper() if word.islower() else word.lower(),
    )


def _spacing(text: str, answers: Sequence[str], random: Random, strength: float) -> str:
    """Two or three spaces before words, or one within them."""

    def spaced(word: str) -> str:
        if random.random() < 0.5:
            return " " * random.choice((1, 2)) + word
        at = random.randrange(1, len(word))
        return f"{word[:at]} {word[at:]}"

    return _words_changed(text, answers, random, strength, spaced)


def _homoglyphs(text: str, answers: Sequence[str], random: Random, strength: float) -> str:
    """Words whose Latin letters are Cyrillic ones where these look alike."""
    return _words_changed(
        text, answers, random, strength, lambda word: word.translate(LOOK_ALIKES), least=3
    )


def _distractors(text: str, answers: Sequence[str], random: Random, strength: float) -> str:
    """Sentences beside the point before the request, where they cannot pass for its last word."""
    number = min(len(BESIDE_THE_POINT), max(1, round(10 * strength)))
    return " ".join(random.sample(BESIDE_THE_POINT, number)) + "\n\n" + text


def _options(
    text: str, answers: Sequence[str], random: Random, strength: float
) -> Perturbed | None:
    """Lettered options in another order, their letters where they were, and the answer's letter as
    it then is."""
    lines = text.split("\n")
    places = _lettered(lines)
    options = [match for at in places if (match := _OPTION.match(lines[at]))]
    if len(options) < 2 or any(_OF_OPTIONS.search(option["text"]) for option in options):
        return None
    order = list(range(len(options)))
    while order == sorted(order):
        random.shuffle(order)
    for place, option, taken in zip(places, options, order, strict=True):
        head = option["open"] + option["label"] + option["close"]
        lines[place] = head + options[taken]["text"]
    labels = {
        options[taken]["label"]: option["label"]
        for option, taken in zip(options, order, strict=True)
    }
    texts = {option["label"]: _plain(option["text"]) for option in options}
    now_right = [_relabelled(answer, labels, texts) for answer in answers]
    told = tuple(answer for answer in now_right if answer is not None)
    return Perturbed("\n".join(lines), told) if len(told) == len(answers) and told else None


def _lettered(lines: Sequence[str]) -> list[int]:
    """Places of the lines that are options A, B, C and so on, the first such list."""
    places: list[int] = []
    for at, line in enumerate(lines):
        match = _OPTION.match(line)
        if match and match["label"] == chr(ord("A") + len(places)):
            places.append(at)
    return places


def _relabelled(answer: str, labels: Mapping[str, str], texts: Mapping[str, str]) -> str | None:
    """An answer by the new letters; None if it is neither a letter, with or without its text, nor
    the text of an option."""
    if _plain(answer) in texts.values():
        return answer
    match = _CHOICE.match(answer.strip())
    if match is None or match["label"] not in labels:
        return None
    rest = _plain(match["rest"].lstrip(").: \t"))
    if rest not in ("", texts[match["label"]]):
        return None
    at = answer.index(match["label"])
    return answer[:at] + labels[match["label"]] + answer[at + 1 :]


def _plain(text: str) -> str:
    return text.strip().rstrip(".").lower()


KINDS: Mapping[str, Perturbation] = MappingProxyType(
    {
        "typos": _typos,
        "case": _case,
        "spacing": _spacing,
        "homoglyphs": _homoglyphs,
        "distractors": _distractors,
        "options": _options,
    }
)
