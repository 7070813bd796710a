"""Stated keywords and letters: what must occur, what must not, and how often.

A pattern finds the head ("do not use the words"), and a reader the list behind it: names in
quotation marks, or bare ones where nothing else follows in the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tutelage.constraints.numbers import NUMBER, number
from tutelage.constraints.wording import LESS, MORE, Finders, Said, Wording, bound

_NAMES = r"(?:key ?)?(?:words?|terms?|phrases?|items)"
_ANY = (
    r"(?: any(?: of)?| either(?: of)?| all(?: of)?| both(?: of)?)?(?: the| these| this)?"
    r"(?: following)?"
)
_NOT = (
    r"(?:do not|don['’]t|never|must not|mustn['’]t|should not|shouldn['’]t|cannot|can['’]t|does "
    r"not|"
    r"doesn['’]t|not to|not) (?:use|include|contain|mention|say)|without (?:ever )?(?:using|"
    r"including|"
    r"mentioning|containing|saying)|(?:avoid|refrain from)(?: using| including| mentioning|"
    r" the use of| saying)?"
)
_DO = (
    r"(?:include|including|includes|contain|containing|contains|use|using|uses|mention|mentioning|"
    r"has|have|having|incorporate|incorporating|incorporates|"
    r"with these|with the following)"
)
_FORBID = re.compile(
    rf"\b(?:{_NOT}){_ANY}(?: \w+)? {_NAMES}(?: like| such as)?|\b(?:{_NOT})(?= [\"“'‘])",
    re.IGNORECASE,
)
_REQUIRE = re.compile(
    rf"\b{_DO}{_ANY}(?: \w+)? {_NAMES}|\b(?:include|including|mention)(?= [\"“])", re.IGNORECASE
)
_NEGATED = re.compile(
    r"(?:\bnot|n['’]t|\bwithout|\bnever|\bavoid|\brefrain from|\bno)(?: \w+)?\s*$", re.IGNORECASE
)
_BAN = re.compile(
    r"\bthe words? (?P<words>[\w\"“”'‘’, -]{1,80}?) (?:cannot|can['’]t|must not|should not|may not)"
    r" (?:be|appear|occur)\b",
    re.IGNORECASE,
)
_OF_SOME = re.compile(
    r"\b(?:words|names|items|ones|those|sentences|strings|numbers|elements|lines) (?:that|which|"
    r"who)(?: \w+)?\s*$|\b(?:trying|tries|try|tried|wants?|wanted|how) to\s*$",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\"(?P<a>[^\"\n]{1,40})\"|“(?P<b>[^”\n]{1,40})”|(?<!\w)'(?P<c>[^'\n]{1,40})'|‘(?"
    r"P<d>[^’\n]{1,40})’"
)
_BARE = re.compile(r"[\w][\w'’-]*")
_AND = re.compile(r"\s*[,;/]?\s*(?:(?:and|or|&)\s+)?")
_CLOSES = re.compile(
    r"\s*(?:[.!?)\n]|$|(?:in|somewhere|anywhere|throughout|within) (?:your|the|it|this)\b)", re.I
)
_SPECIAL = {
    "count",
    "limit",
    "cloud",
    "choice",
    "order",
    "length",
    "used",
    "from",
    "below",
    "above",
    "provided",
    "given",
    "listed",
    "supplied",
}
_MOST = 12

_TOLD = re.compile(
    r"\bthe (?:key ?)?(?:words?|phrases?|terms?) (?P<words>[\w\"“”'‘’, -]{1,80}?) (?:(?:should|"
    r"must|needs? to|has to|"
    r"have to) (?:all |both )?(?:be (?:included|used|mentioned|present|in)|appear|"
    r"occur))\b(?! less| at| more| no| not| \d)"
    r"(?![^.\n]{0,30}\b(?:times|once|twice)\b)",
    re.IGNORECASE,
)
_TIMES = rf"(?:(?P<n>{NUMBER}) (?:or more )?times?|(?P<once>once|twice|thrice))"
_HOW = rf"(?P<how>{LESS}|{MORE}|exactly)?"
_OFTEN = re.compile(
    rf"(?:\b(?:key ?)?(?:word|term|phrase) (?:[\"“'‘](?P<q>[^\"”'’\n]{{1,40}})[\"”'’]|"
    rf"(?!(?:should|must|that|to|in|is|of|or|and|limit|count)\b)(?P<w>[\w-]+))|"
    rf"\b(?:mention|use|include|say|repeat|contain)(?:s|"
    rf"ing)? [\"“'‘](?P<q2>[^\"”'’\n]{{1,40}})[\"”'’])"
    rf"(?: (?!and\b|but\b)[\w'’]+){{0,7}}?,? ?{_HOW} ?{_TIMES}",
    re.IGNORECASE,
)
_LETTER = r"letters? [\"“'‘]?(?P<letter>\w)[\"”'’]?(?!\w)"
_NO_LETTER = re.compile(
    rf"\b(?:(?:{_NOT})(?: any)?(?: of)?(?: the)?|no) {_LETTER}|"
    r"\bletter [\"“'‘]?(?P<letter2>\w)[\"”'’]?(?!\w)[^.\n]{0,12}? (?:should|must|can|may)(?: not|"
    r"n['’]t|not) (?:be|appear|occur)"
    r"(?! (?:more|less|over))",
    re.IGNORECASE,
)
_LETTERS = re.compile(
    rf"\b{_LETTER}(?: (?!and\b|but\b)[\w'’]+){{0,7}}?,? ?{_HOW} ?{_TIMES}|"
    rf"\b(?P<how2>{LESS}|{MORE}) (?P<n2>{NUMBER}) (?:of the )?letters? [\"“'‘]?(?P<letter3>\w)"
    rf"(?!\w)",
    re.IGNORECASE,
)
_SEVERAL = {"once": 1, "twice": 2, "thrice": 3}


def keywords(said: Wording) -> Iterator[Said]:
    """Words that the response must hold, or must not."""
    for found in said.find(_FORBID):
        words, end = _listed(said.text, found.end())
        if words and not _OF_SOME.search(said.before(found.start())):
            yield Said("keywords:forbidden_words", {"forbidden_words": words}, found.start(), end)
    for found in said.find(_BAN):
        words, _ = _listed(said.text[: found.end("words")], found.start("words"))
        if words:
            yield Said("keywords:forbidden_words", {"forbidden_words": words}, *found.span())
    for found in said.find(_TOLD):
        words, _ = _listed(said.text[: found.end("words")], found.start("words"))
        if words:
            yield Said("keywords:existence", {"keywords": words}, *found.span())
    often = [found.span() for found in said.find(_OFTEN)]
    for found in said.find(_REQUIRE):
        words, end = _listed(said.text, found.end())
        counted = any(found.start() < stop and start < end for start, stop in often)
        before = said.before(found.start())
        if words and not (counted or _NEGATED.search(before) or _OF_SOME.search(before)):
            yield Said("keywords:existence", {"keywords": words}, found.start(), end)


def frequencies(said: Wording) -> Iterator[Said]:
    """How often a keyword or a letter must occur."""
    for found in said.find(_OFTEN):
        for relation, count in _bounds(found):
            word = found["q"] or found["w"] or found["q2"]
            given = {"keyword": word, "frequency": count, "relation": relation}
            yield Said("keywords:frequency", given, *found.span())
    for found in said.find(_NO_LETTER):
        if _OF_SOME.search(said.before(found.start())):
            continue
        letter = found["letter"] or found["letter2"]
        given = {"letter": letter, "let_frequency": 1, "let_relation": "less than"}
        yield Said("keywords:letter_frequency", given, *found.span())
    for found in said.find(_LETTERS):
        for relation, count in _bounds(found):
            letter = found["letter"] or found["letter3"]
            given = {"letter": letter, "let_frequency": count, "let_relation": relation}
            yield Said("keywords:letter_frequency", given, *found.span())


def _bounds(found: re.Match[str]) -> Iterator[tuple[str, int]]:
    """The relations that "at least three times", "twice" or "exactly once" stands for."""
    parts = found.groupdict()
    count = _SEVERAL[parts["once"].lower()] if parts["once"] else number(parts["n"] or parts["n2"])
    how = (parts["how"] or parts.get("how2") or "").lower()
    if how in {"", "exactly"}:
        yield "at least", count
    if how == "exactly":
        yield "less than", count + 1
    elif how:
        yield bound(how, count)


def _listed(text: str, start: int) -> tuple[list[str], int]:
    """The names listed from a place on, and where the list ends; none if it is no list."""
    position = start + len(text[start:]) - len(text[start:].lstrip(" :\n["))
    words: list[str] = []
    end = position
    quoted = _NAME.match(text, position) is not None
    while len(words) < _MOST and (found := (_NAME if quoted else _BARE).match(text, position)):
        words.append(next(filter(None, found.groups())) if quoted else found[0])
        end = position = found.end()
        if joint := _AND.match(text, end):
            position = joint.end()
        if not quoted and not text[end:position].strip():
            break
    clean = [word.strip(" .,;:") for word in words]
    if not quoted and (not _CLOSES.match(text, end) or _SPECIAL & {w.lower() for w in clean}):
        return [], end
    return [word for word in clean if word], end


KEYWORDS: Finders = (
    (keywords, ("word", "term", "phrase", "items", '"', "“", "'", "‘")),
    (frequencies, ("time", "once", "twice", "thrice", "letter")),
)
"""What finds them, and of which words an instruction must have one."""
