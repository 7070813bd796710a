"""Stated lengths and counts: words, sentences, paragraphs, bullets, and what else is numbered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tutelage.constraints.numbers import NUMBER, ORDINALS, number
from tutelage.constraints.wording import LESS, MORE, Finders, Said, Wording, bound, counted

_UNITS = {
    "words?": ("plain:number_words", "num_words"),
    "sentences?": ("plain:number_sentences", "num_sentences"),
    "(?:paragraphs?|stanzas?)": ("plain:number_paragraphs", "num_paragraphs"),
    "(?:bullet[- ]?points?|bullets?|bulleted points?)": ("plain:number_bullets", "num_bullets"),
}
_NUMBERED = {
    units: re.compile(
        rf"(?:\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|teen|ty|dred|sand|"
        rf"single|more|less|fewer|longer|most)\+?[ -]+(?:[a-z-]+ ){{0,2}}{units}"
    )
    for units in _UNITS
}
"""What any of the patterns below needs, in lower case: quick to find missing."""
_BOUNDS = {units: counted(units) for units in _UNITS}
_RANGES = {
    units: re.compile(
        rf"\b(?:between )?(?P<low>{NUMBER})(?: ?[-–] ?| to | and | or )(?P<high>{NUMBER})[ -](?"
        rf":{units})\b",
        re.IGNORECASE,
    )
    for units in _UNITS
}
_MAKE = (
    r"(?:contain|have|has|be|include|use|write|give|generate|create|provide|make|compose|needs?|"
    r"consist of)(?:s|ing)?(?: me| only| just)?"
)
_FILLER = r"(?!(?:or|to|and|words?|sentences?|paragraphs?|stanzas?|lines?) )[a-z]+"
_EXACT = {
    units: re.compile(
        rf"\b(?:(?P<exactly>exactly|precisely)(?: an?| the)?|{_MAKE}|(?:in|into|of|with|using|as|"
        rf"through|via|only)"
        rf"(?: only| just| a total of| a)?|a|an) (?P<n>{NUMBER}|a single)[ -]"
        rf"(?:{_FILLER} ){{0,2}}(?:{units})(?! (?:or|at|max|min)\b)\b",
        re.IGNORECASE,
    )
    for units in _UNITS
}
_PARTS = re.compile(
    r"\b(?:each(?! separated)|every|per|both|apiece)\b|"
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|several|some|\d+) (?:\w+ )?"
    r"(?!words|sentences|paragraphs|stanzas|bullet|bullets|years|days|people|times)\w{3,}s\b",
    re.IGNORECASE,
)
_OF_A_PART = re.compile(
    r"\b(?:titles?|headlines?|headings?|captions?|subject lines?|(?<=[a-z,] )(?:names?|labels?)|"
    r"introductions?|"
    r"(?:each|every|first|last|opening|closing|final|per) \w+|lines?|points?|bullets?|steps?|"
    r"(?:which|that|whose|contains?) (?:\w+ ){0,3}(?:words?|sentences?|texts?|paragraphs?))\b",
    re.IGNORECASE,
)
_OF_THE_INPUT = re.compile(
    r"\b(?:find|identify|select|count|choose|underline|given|following|these|those|set of|pair of|"
    r"compare|combine|merge|join|provided|below)(?: \w+){0,5}? (?:words?|sentences?|"
    r"paragraphs?|stanzas?|bullets?)$|\b(?:find|identify|select|count|choose|underline)\b",
    re.IGNORECASE,
)
_BOUNDED = re.compile(r"\b(?:min(?:imum)?|max(?:imum)?|total|limit|length)\s*$", re.IGNORECASE)
_WHOLE = re.compile(
    r"\b(?:your|the) (?:(?:entire|whole) )?(?:answer|response|reply|output)\b|"
    r"\bit (?:under|to|in|with)\b",
    re.IGNORECASE,
)
_EACH = re.compile(r"\b(?:each(?! separated)|every|per|apiece|both)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n")
_ABOUT = re.compile(
    r"\b(?:in|of|a|an|with|exactly)(?: about| around|"
    r" approximately| roughly)? (?P<n>\d[\d,]*)[- ]words?\b(?: long)?(?! (?:or|at|max|min)\b)",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"(?:\bnot|n['’]t|\bnever|\bnothing|\bavoid)(?: \w+){0,3}\s*$", re.I)
_IN_CAPITALS = re.compile(r" (?:in|with|that are)(?: in)?(?: all)? (?:caps|capital|upper)", re.I)
_VAGUE = re.compile(r"\b(?:about|around|approximately|roughly|some|nearly|almost)\s*$", re.I)


def lengths(said: Wording) -> Iterator[Said]:
    """Words, sentences, paragraphs and bullets of the whole response."""
    for units, (name, option) in _UNITS.items():
        if not _NUMBERED[units].search(said.lower):
            continue
        for found in said.find(_BOUNDS[units]):
            phrase = found["before"] or found["after"] or found["or"] or "at least"
            text = found["n"] or found["n2"] or found["n3"] or found["n4"]
            relation, count = bound(phrase, number(text))
            if relation == "at least" and _NEGATED.search(said.before(found.start())):
                relation = "less than"
            if _IN_CAPITALS.match(said.bare, found.end()):
                continue
            if relation == "at least" or _of_all(said, found):
                yield Said(name, {option: count, "relation": relation}, *found.span())
        for found in said.find(_RANGES[units]):
            low, high = number(found["low"]), number(found["high"])
            if low < high and _of_all(said, found):
                yield Said(name, {option: low, "relation": "at least"}, *found.span())
                yield Said(name, {option: high + 1, "relation": "less than"}, *found.span())
        if option == "num_words":
            yield from _about(said)
        else:
            yield from _exactly(said, _EXACT[units], name, option)


def _about(said: Wording) -> Iterator[Said]:
    """A plain number of words: about that many."""
    for found in said.find(_ABOUT):
        if _of_all(said, found) and not _BOUNDED.search(said.before(found.start())):
            yield Said("plain:about_words", {"num_words": number(found["n"])}, *found.span())


def _exactly(said: Wording, pattern: re.Pattern[str], name: str, option: str) -> Iterator[Said]:
    """A plain number of something: that many, no more and no fewer."""
    for found in said.find(pattern):
        if not _of_all(said, found) or _VAGUE.search(said.before(found.start("n"))):
            continue
        before = said.bare[max(0, found.start() - 25) : found.start("n")]
        if re.search(
            rf"\b(?:{LESS}|{MORE}|or|to|and)(?: (?:a )?total(?: of)?)?\s*$", before, re.IGNORECASE
        ):
            continue
        count = 1 if found["n"].lower() == "a single" else number(found["n"])
        yield Said(name, {option: count, "relation": "at least"}, *found.span(), exact=True)
        most = {option: count + 1, "relation": "less than"}
        yield Said(name, most, *found.span(), exact=True)


def _of_all(said: Wording, found: re.Match[str]) -> bool:
    """Whether a bound is on the whole response: no several parts, no part, no given text."""
    clause = said.clause(*found.span())
    before = _WHOLE.split(clause[: len(clause) - len(found[0])])[-1]
    after = _SENTENCE_END.split(said.bare[found.end() : found.end() + 300], maxsplit=1)[0]
    return not (
        _PARTS.search(before)
        or _OF_A_PART.search(before)
        or _OF_THE_INPUT.search(clause)
        or _EACH.search(after)
    )


_PLACEHOLDERS = counted("placeholders?")
_BRACKETS = re.compile(r"square brackets?|\[\w+\]", re.IGNORECASE)
_HIGHLIGHTS = re.compile(
    rf"(?<![*\w])(?:highlight|italici[sz]e)(?:ing|s|ed)?\b[^.\n]{{0,40}}?\b(?P<n>{NUMBER})\b(?: or "
    rf"more)?",
    re.IGNORECASE,
)
_STARRED = re.compile(r"(?<!\*)\*[a-z][^*\n]*\*(?!\*)|markdown|[\"“]?\*[\"”]", re.IGNORECASE)
_SOME_HIGHLIGHTED = re.compile(
    rf"\b(?P<n>{NUMBER}) (?:or more )?(?:\w+ ){{0,4}}(?:highlighted|italic(?:i[sz]ed)?|"
    rf"in italics)\b|"
    r"(?<![*\w])(?:highlight|italici[sz]e|emphasi[sz]e)(?:ing|s)?\b",
    re.IGNORECASE,
)
_SECTIONS = re.compile(
    rf"\b(?P<n>{NUMBER})(?: or more)? (?:\w+ )?(?:sections|paragraphs|parts|chapters|stanzas|"
    rf"scenes|days|steps|points|items)\b",
    re.I,
)
_HEADED = re.compile(r"\b(?P<word>[A-Z][A-Za-z]+) (?:[\"“']?X\b|1(?: and|,|:) (?P=word) 2\b)")
_DIVIDED = re.compile(
    rf"\b(?:exactly |only )?(?P<n>{NUMBER}) (?:\w+ )?(?:paragraphs|sections|parts|stanzas|versions)"
    rf"\b",
    re.I,
)
_STARS = re.compile(r"(?<!\*)\*{3}(?!\*)")
_OPENS = re.compile(
    r"\b(?:(?P<nth>first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|\d+(?:st|nd|rd|th)) "
    r"paragraph|paragraph (?:number )?(?P<k>\d+))(?: of (?:the|your) \w+)?,? ?(?:must |should |"
    r"has to |needs to |that )?"
    r"(?:start|begin)(?:s|ning|ing)? with(?: the)?(?: key)?(?: ?word)?:? [\"“']?(?P<word>[\w-]+)|"
    r"\b(?:start|begin) (?:the (?P<nth2>\w+) paragraph|"
    r"paragraph (?P<k2>\d+)) with(?: the)?(?: word)?:? [\"“']?(?"
    r"P<word2>[\w-]+)|"
    r"\bfirst word of (?:the (?P<nth3>\w+) paragraph|paragraph (?P<k3>\d+)) (?:must|"
    r"should) be [\"“']?(?P<word3>[\w-]+)",
    re.IGNORECASE,
)
_TWO_LINES = re.compile(
    r"(?:two|2|double) (?:new ?lines?|line ?breaks?)|\\n\\n|(?:blank|empty) line", re.IGNORECASE
)


def placeholders(said: Wording) -> Iterator[Said]:
    """A least number of placeholders in square brackets."""
    for found in said.find(_PLACEHOLDERS) if _BRACKETS.search(said.bare) else ():
        text = found["n"] or found["n2"] or found["n3"] or found["n4"]
        given = {"num_placeholders": number(text)}
        yield Said("detectable_content:number_placeholders", given, *found.span())


def highlights(said: Wording) -> Iterator[Said]:
    """A least number of stretches in asterisks."""
    if not _STARRED.search(said.bare):
        return
    found = _HIGHLIGHTS.search(said.bare)
    if found is None and "*" in said.bare:
        found = _SOME_HIGHLIGHTED.search(said.bare)
    if found:
        given = {"num_highlights": number(found["n"]) if found["n"] else 1}
        yield Said("detectable_format:number_highlighted_sections", given, *found.span())


def sections(said: Wording) -> Iterator[Said]:
    """A least number of sections, each under a word and its number."""
    head, count = _HEADED.search(said.bare), _SECTIONS.search(said.bare)
    if head and count:
        given = {"section_spliter": head["word"], "num_sections": number(count["n"])}
        yield Said("detectable_format:multiple_sections", given, *count.span())


def divided_parts(said: Wording) -> Iterator[Said]:
    """Parts between `***`; paragraphs between blank lines of which one starts with a word."""
    divided = _DIVIDED.search(said.bare)
    if divided is None:
        return
    total = number(divided["n"])
    if _STARS.search(said.bare):
        given = {"num_paragraphs": total}
        yield Said("length_constraints:number_paragraphs", given, *divided.span())
    opens = _OPENS.search(said.bare)
    if opens and _TWO_LINES.search(said.bare) and 1 <= (nth := _place(opens)) <= total:
        word = opens["word"] or opens["word2"] or opens["word3"]
        paragraph = {"num_paragraphs": total, "nth_paragraph": nth, "first_word": word}
        name = "length_constraints:nth_paragraph_first_word"
        yield Said(name, paragraph, *opens.span())


def _place(opens: re.Match[str]) -> int:
    """Which paragraph is meant; 0 if that cannot be told."""
    names = ("nth", "nth2", "nth3", "k", "k2", "k3")
    text = next(opens[name] for name in names if opens[name]).lower()
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else ORDINALS.get(text, 0)


COUNTS: Finders = (
    (lengths, ("word", "sentence", "paragraph", "stanza", "bullet")),
    (placeholders, ("placeholder",)),
    (highlights, ("highlight", "italic")),
    (sections, (" x", " 1", '"x', "'x", "#", " number")),
    (divided_parts, ("***", "paragraph")),
)
"""What finds them, and of which words an instruction must have one."""
