"""Stated forms: case, JSON, commas, title, quotation, postscript, ending, two answers, language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tutelage.constraints.numbers import NUMBER, number
from tutelage.constraints.wording import LESS, MORE, Finder, Finders, Said, Wording, bound

_PART = re.compile(
    r"\b(?:titles?|headlines?|headings?|(?<=[a-z,] )(?:names?|labels?)|words?|headers?|letters? of|"
    r"keywords?|first letter|acronyms?|variables?|columns?|passwords?|some|count|number of)\b",
    re.IGNORECASE,
)
_UPPER = r"(?:capitals\b|capital letters?|capitalized|(?:all[- ])?caps\b|upper[- ]?cased?)"
_NEVER = (
    r"(?:no|without(?: any| using| the use of)*|avoid(?: using| any| the use of)*|"
    r"refrain from(?: using| any"
    r"| the use of)*|(?:not|n['’]t|never|cannot)(?: to)? (?:use|contain|include|have|"
    r"put)(?: any)?|free of)"
)
_CAPITALS = re.compile(
    rf"\b(?:all|only|entirely|fully|entire \w+|every \w+)(?: (?:the|in|be|letters|is|should|must|"
    rf"to|using))*"
    rf" {_UPPER}|\bin all[- ]caps\b|\b(?:answer|respond|reply|response) in (?:capital letters|"
    rf"upper[- ]?case)|"
    rf"\b{_NEVER} (?:lower[- ]?case|small letters?)|"
    r"\bcapitali[sz]e (?:all|every|each)(?: of)?(?: your| the)? (?:words?|letters?)",
    re.IGNORECASE,
)
_LOWER = re.compile(
    r"\b(?:all|only|entirely|fully|in|use|using|with|be|are|is|and)(?: (?:the|in|be|only|all|"
    r"english|and|of|"
    r"letters|should|must|letters in|your|response))* lower[- ]?cased?\b|"
    rf"\b{_NEVER} (?:english )?(?:capital(?:s| letters?| english letters?|ized|ization|"
    rf"i[sz]ed letters?)|"
    r"upper[- ]?case)\b(?! (?:or|and) lower)|\bno letters? (?:should be )?capitalized",
    re.IGNORECASE,
)
_BOTH_CASES = re.compile(
    r"upper[- ]?case.*lower[- ]?case|lower[- ]?case.*upper[- ]?case", re.I | re.S
)
_SHOUTED = (
    rf"(?:words?|them)(?: (?:that|which))?(?: (?:are|is|with|in|having|written|of|all))* {_UPPER}|"
    r"(?:capitali[sz]ed|all[- ]caps|all[- ]capital|capital|upper[- ]?case|"
    r"fully capitalized)(?: letter)?"
    r" words?"
)
_CAPITAL_WORDS = re.compile(
    rf"\b(?:{_SHOUTED})\b[^.\n]{{0,60}}?\b(?P<how>{LESS}|{MORE}) (?P<n>{NUMBER})\b|"
    rf"\b(?P<how2>{LESS}|{MORE}) (?P<n2>{NUMBER}) (?:\w+ )?(?:{_SHOUTED})|"
    rf"\b(?:{_SHOUTED})\b[^.\n]{{0,60}}?\b(?P<n3>{NUMBER}) (?:or more )?times",
    re.IGNORECASE,
)
_JSON = re.compile(
    r"\b(?:must|should) be (?:an? )?(?:valid )?JSON\b|\b(?:nothing but|only|"
    r"just) (?:an? )?(?:valid )?"
    r"JSON\b|\b(?:respond|reply|answer|output)(?: in| with)? JSON\b|"
    r"\b(?:answer|respond|reply|response|output|return|format(?:ted)?|wrap(?:ped)?|provide|give|"
    r"present"
    r"|write|represent|generate|create|produce|list|express|put|rewrite|contain)\b[^.\n]{0,120}?\b"
    r"(?:in|as|into|using|with|just|contain|through)(?: (?:an?|one|the|valid|proper|"
    r"single))* JSON\b",
    re.IGNORECASE,
)
_ONLY_JSON = re.compile(
    r"\b(?:only|entire|whole|just|nothing but|nothing else|all of)\b[^.\n]{0,60}JSON|"
    r"JSON[^.\n]{0,30}\b(?:only|nothing else)\b",
    re.IGNORECASE,
)
_NOT_AN_ANSWER = re.compile(
    r"\bJSON (?:schema|file|parser|api|web)|"
    r"\b(?:parse|explain|convert|valid(?:ate)?) [^.\n]{0,40}JSON",
    re.IGNORECASE,
)
_COMMA = re.compile(
    r"\b(?:(?:do|does|must|should|can|may)(?: not|n['’]t)|cannot|dont|never|"
    r"not(?: allowed)?(?: to)?) "
    r"(?:use|include|contain|have|put|be|add)[^.,\n]{0,25}\bcommas?\b|"
    r"\b(?:without|avoid|avoiding|refrain(?:ing)? from|free of)(?: (?:the|use|usage|using|"
    r"includ(?:e|ing)|"
    r"inclusion|of|any|a|containing|having))* commas?\b|"
    r"\bno commas?\b(?= (?:in (?:your|the|this)|are|is|allowed|should|at all|please|throughout|"
    r"and)|"
    r"[.!,\n]|$)|\bcommas? (?:(?:are|is) not allowed|(?:should|must) not)",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\b(?:title|name|heading|headline|subject)\b[\s\S]{0,80}?(?:double ang\w+ brackets|<<)|"
    r"(?:double ang\w+ brackets|<<)[\s\S]{0,60}?\btitle\b",
    re.IGNORECASE,
)
_QUOTES = r"double[- ]?quot\w*"
_WRAPPED = re.compile(
    r"\b(?:wrap|put|enclose|surround|place|start and end|begin and end|contain|be)(?:ped|ed|d|"
    r"ting|ping|"
    rf"ing|s)?\b[^.\n]{{0,70}}?\b(?:in|with|within|inside|by|between|using)(?: the|"
    rf" a pair of)? {_QUOTES}|"
    rf"\b{_QUOTES}(?: marks?)? (?:around|at the (?:start|beginning)|before and after|"
    rf"surrounding)\b|"
    rf"\bin {_QUOTES}",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:entire|whole|your|response|answer|reply|email|output|everything|it|all|the "
    r"(?:letter|poem|story|essay|post|song))\b",
    re.IGNORECASE,
)
_POSTSCRIPT = re.compile(
    r"\b(?:post ?script|add|include|note|ends?|finish|with|start\w*)\b[^\n]{0,60}?"
    r"(?P<mark>\bP\.\s?P\.\s?S|\bP\.\s?S)\b",
    re.IGNORECASE,
)
_END = re.compile(
    r"\b(?:end|ends|ending|finish|finishes|finishing|conclude|concluding|close|(?:last|final) "
    r"(?:\w+ )?(?:words?|sentences?|lines?|phrases?|paragraphs?|statements?|questions?))\b"
    r"[^.\n\"“\x00]{0,70}?\b(?:with|by|be|is|read|say|phrase|sentence|question|words?|exactly|of|"
    r"line|"
    r"statement)\b(?: should be| must be| is)?[:,]? ?[\"“](?P<quoted>[^\"”\n]{1,300})[\"”]|"
    r"\b(?:end|finish|conclude|close)\b[^.\n\"“:]{0,60}(?:with|phrase|sentence|question|by saying|"
    r"by asking)"
    r"[^.\n\"“:]{0,25}: (?P<plain>[A-Z][^.!?\n\"]{2,120}[.!?]?)|"
    r"\b(?:with|end) (?:this|the)(?: same)? exact (?:phrase|question|sentence)(?: of)?:? "
    r"(?P<plain2>[A-Z][^.!?\n\"]{2,120}[.!?]?)",
    re.IGNORECASE,
)
_INNER = re.compile(
    r"\b(?:each|every|first|second|third|fourth|\w+th) (?:paragraph|sentence|line|section|stanza|"
    r"verse|"
    r"word|bullet)|\b(?:words|names|lines|items|sentences|verbs|nouns) (?:that |which )?"
    r"(?:end|ends|ending|finish)\b",
    re.IGNORECASE,
)
_EXACT = re.compile(
    r"\bexact(?:ly)?\b|no other (?:words|text)|nothing (?:else|after)", re.IGNORECASE
)
_SIX = re.compile(r"\b(?:6|six) (?:asterisks?|stars?|\*)|(?<!\*)\*{6}(?!\*)", re.IGNORECASE)
_REPEAT = re.compile(
    r"(?:^|\n|(?<=[.!?] ))[^.\n]{0,80}\brepeat\b[^.\n]{0,40}\b(?:request|sentence|line|prompt|"
    r"question|"
    r"exactly|instruction|message|above|below|text)\b[^\n]*",
    re.IGNORECASE,
)
_REPEAT_QUOTED = re.compile(r"\brepeat [\"“](?P<request>[^\"”\n]+)[\"”]", re.IGNORECASE)
_THREE_ANSWERS = re.compile(r"my answer is yes\b[\s\S]{0,40}my answer is no\b", re.IGNORECASE)
_TABLE = """
english en spanish es portuguese pt arabic ar hindi hi french fr russian ru german de japanese ja
italian it bengali bn ukrainian uk thai th urdu ur tamil ta telugu te bulgarian bg korean ko
polish pl hebrew he persian fa farsi fa vietnamese vi nepali ne swahili sw kannada kn marathi mr
gujarati gu punjabi pa malayalam ml finnish fi chinese zh mandarin zh dutch nl swedish sv
turkish tr greek el czech cs danish da
"""
LANGUAGES = dict(zip(_TABLE.split()[::2], _TABLE.split()[1::2], strict=True))
"""English names of languages and their ISO 639-1 codes."""
_TONGUE = "|".join(LANGUAGES)
_ONLY = r"(?:only|all|entirely|fully|completely|strictly|purely|solely|exclusively)"
_LANGUAGE = re.compile(
    rf"\b(?:entirely|completely|exclusively|only use|only using)(?: the)? (?P<f>{_TONGUE})\b|"
    rf"\b{_ONLY}(?: (?:be|written|said|speak|respond|reply|answer|write))* (?:in|using|use) "
    rf"(?:the )?(?P<a>{_TONGUE})\b|"
    rf"\b(?:in|using|use)(?: {_ONLY})?(?: the)? (?P<b>{_TONGUE})(?: language)? only\b|"
    rf"\b(?:in|using) (?:{_ONLY} )(?:the )?(?P<c>{_TONGUE})\b|"
    rf"\b(?:respond|reply|answer)(?: to me| back| me)?(?: only)? in (?:the )?(?P<d>{_TONGUE})\b|"
    rf"\b(?:response|answer|reply|output) (?:should|must|has to|"
    rf"needs to) be (?:\w+ )?(?:written )?in (?:the )?"
    rf"(?P<e>{_TONGUE})\b",
    re.IGNORECASE,
)
_NO_OTHER = re.compile(r"\bno other languages?\b|\b(?:any )?languages? other than\b", re.IGNORECASE)
_NAMED = re.compile(
    rf"\b(?:in|using|outside of|other than|use)(?: \w+){{0,2}} (?P<a>{_TONGUE})\b", re.I
)


def cases(said: Wording) -> Iterator[Said]:
    """All capitals, none, or a number of words in capitals."""
    numbered = list(said.find(_CAPITAL_WORDS))
    for found in numbered:
        count = number(found["n"] or found["n2"] or found["n3"])
        relation, count = bound(found["how"] or found["how2"] or "at least", count)
        given = {"capital_frequency": count, "capital_relation": relation}
        yield Said("change_case:capital_word_frequency", given, *found.span())
    for name, pattern in (("plain:capitals", _CAPITALS), ("plain:lower_case", _LOWER)):
        for found in said.find(pattern):
            clause = said.clause(*found.span())
            part = _PART.search(clause[: -len(found[0])]) or _BOTH_CASES.search(said.bare)
            if not part and not numbered:
                yield Said(name, {}, *found.span())
                break


def formats(said: Wording) -> Iterator[Said]:
    """JSON, alone or with words around it."""
    found = _JSON.search(said.bare)
    if found and not _NOT_AN_ANSWER.search(said.bare):
        strict = _ONLY_JSON.search(said.bare)
        yield Said("detectable_format:json_format" if strict else "plain:json", {}, *found.span())


def endings(said: Wording) -> Iterator[Said]:
    """The words that the response must end with."""
    for found in said.find(_END):
        group = next((name for name, text in found.groupdict().items() if text), None)
        clause = said.clause(*found.span())
        if (
            group
            and re.search(r"\w", said.text[slice(*found.span(group))])
            and not _INNER.search(clause)
        ):
            name = "startend:end_checker" if _EXACT.search(said.bare) else "plain:ends_with"
            phrase = said.text[slice(*found.span(group))].strip()
            yield Said(name, {"end_phrase": phrase}, *found.span())


def simple(name: str, pattern: re.Pattern[str]) -> Finder:
    """What finds a constraint that has no options."""

    def find(said: Wording) -> Iterator[Said]:
        if found := pattern.search(said.bare):
            yield Said(name, {}, *found.span())

    return find


def quotation(said: Wording) -> Iterator[Said]:
    """The whole response in double quotation marks."""
    found = _WRAPPED.search(said.bare)
    if found and _WHOLE.search(said.clause(found.start(), found.end() + 30)):
        yield Said("startend:quotation", {}, *found.span())


def postscript(said: Wording) -> Iterator[Said]:
    """A postscript under P.S. or P.P.S."""
    if found := _POSTSCRIPT.search(said.bare):
        twice = found["mark"].upper().count("P") == 2
        given = {"postscript_marker": "P.P.S" if twice else "P.S."}
        yield Said("detectable_content:postscript", given, *found.span())


def repetition(said: Wording) -> Iterator[Said]:
    """The request to be repeated before it is answered: what stands before that demand."""
    if quoted := _REPEAT_QUOTED.search(said.bare):
        request = said.text[slice(*quoted.span("request"))]
        yield Said("combination:repeat_prompt", {"prompt_to_repeat": request}, *quoted.span())
        return
    found = _REPEAT.search(said.bare)
    if found and (request := _beside(said, found)):
        yield Said("combination:repeat_prompt", {"prompt_to_repeat": request}, *found.span())


def _beside(said: Wording, found: re.Match[str]) -> str:
    """The request that stands before a demand to repeat it, or else in the paragraphs after."""
    before = said.text[: found.start()].strip()
    return before or said.text[found.end() :].partition("\n\n")[2].strip()


def languages(said: Wording) -> Iterator[Said]:
    """The language of the whole response."""
    found = _LANGUAGE.search(said.bare)
    if found is None and _NO_OTHER.search(said.bare):
        found = _NAMED.search(said.bare)
    if found:
        tongue = next(filter(None, found.groups())).lower()
        yield Said("language:response_language", {"language": LANGUAGES[tongue]}, *found.span())


FORMS: Finders = (
    (cases, ("cap", "upper", "lower")),
    (formats, ("json",)),
    (endings, ("end", "finish", "conclud", "close", "last", "final", "exact")),
    (simple("punctuation:no_comma", _COMMA), ("comma",)),
    (simple("detectable_format:title", _TITLE), ("<<", "bracket")),
    (simple("combination:two_responses", _SIX), ("asterisk", "******")),
    (simple("detectable_format:constrained_response", _THREE_ANSWERS), ("my answer is yes",)),
    (quotation, ("quot",)),
    (postscript, ("postscript", "post script", "p.s", "p.p")),
    (repetition, ("repeat",)),
    (languages, tuple(LANGUAGES)),
)
"""What finds them, and of which words an instruction must have one."""
