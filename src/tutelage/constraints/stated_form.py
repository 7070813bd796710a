"""Stated forms: case, JSON, commas, title, quotation, postscript, ending, two answers, language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tutelage.constraints.numbers import NUMBER, number
from tutelage.constraints.wording import LESS, MORE, Finder, Finders, Said, Wording, bound

_PART = re.compile(
    r"\b(?:titles?|headlines?|headings?|(?<=[a-z,] )(?:names?|labels?)|words?|headers?|"
    r"letters? of|keywords?|"
    r"first letter|acronyms?|variables?|columns?|some)\b",
    re.IGNORECASE,
)
_CAPITALS = re.compile(
    r"\b(?:all|only|entirely|fully)(?: the| in| be)*(?: letters)?(?: be| in)* (?:capital(?"
    r":i[sz]ed)?|upper[- ]?case)(?: letters)?\b|"
    r"\bin all[- ]caps\b|\b(?:no|without(?: any| using)*) lower[- ]?case(?: letters)?\b",
    re.IGNORECASE,
)
_LOWER = re.compile(
    r"\b(?:all|only|entirely|fully)(?: the| in| be| english| english and| of)*(?: letters)?(?: be| "
    r"in| in your \w+ (?:must|should) be)* (?:lower[- ]?case[d]?)(?: english)?(?: letters)?\b|"
    r"\b(?:no|without(?: any| using| the use of)*|not (?:use|contain|include|have)(?: any)?) (?"
    r":capital|upper[- ]?case)(?:s| letters)?\b(?! (?:or|and) )|"
    r"\bin (?:all )?lower[- ]?case(?: english)?(?: letters)?(?: only)?\b|\bwith lower[- ]?case "
    r"letters\b",
    re.IGNORECASE,
)
_CAPITAL_WORDS = re.compile(
    rf"\bwords (?:with|in|that are in|having) (?:all )?(?:capital letters|(?:all[- ])?caps|"
    rf"capitals)\b[^.\n]{{0,40}}?"
    rf"\b(?P<how>{LESS}|{MORE}) (?P<n>{NUMBER})\b|"
    rf"\b(?P<how2>{LESS}|{MORE}) (?P<n2>{NUMBER}) (?:\w+ )?(?:words (?:with|in|that are) (?:all )?"
    rf"(?:capital|caps|upper)|all[- ]cap|capital words|"
    rf"capitalized words)",
    re.IGNORECASE,
)
_JSON = re.compile(
    r"\b(?:must|should) be (?:an? )?(?:valid )?JSON\b|\b(?:nothing but|only|just) "
    r"(?:an? )?(?:valid )?JSON\b|\b(?:respond|reply|answer|output)(?: in| with)? JSON\b|"
    r"\b(?:answer|respond|reply|response|output|return|format(?:ted)?|wrap(?:ped)?|provide|give|"
    r"present|write|"
    r"represent|generate|create|produce|list|express|put|rewrite|contain)\b[^.\n]{0,120}?\b(?:in|"
    r"as|into|using|with|just|contain|through)"
    r" (?:an? )?(?:valid |proper |single |the )?JSON(?: format| object| block| array| string| "
    r"output| list)?\b",
    re.IGNORECASE,
)
_ONLY_JSON = re.compile(
    r"\b(?:only|entire|whole|just|nothing but|nothing else|all of)\b[^.\n]{0,60}JSON|"
    r"JSON[^.\n]{0,30}\b(?:only|nothing else)\b",
    re.IGNORECASE,
)
_NOT_AN_ANSWER = re.compile(
    r"\bJSON (?:schema|file|parser|api|web)|\b(?:parse|explain|convert|valid(?:ate)?) "
    r"[^.\n]{0,40}JSON",
    re.I,
)
_COMMA = re.compile(
    r"\b(?:do not|don['’]t|must not|should not|cannot|can['’]t|doesn['’]t|does not|never|not(?: "
    r"allowed)?(?: to)?) "
    r"(?:use|include|contain|have|put|be)[^.,\n]{0,25}\bcommas?\b|"
    r"\bwithout (?:the use of |using |including |any |containing |having )*commas?\b|"
    r"\b(?:avoid|refrain from)(?: the)?(?: us(?:e|age|ing)| includ(?:e|ing)| inclusion)?(?: of)?(?"
    r": any)? commas?\b|"
    r"\bno commas?\b(?= (?:in (?:your|the|this)|are|is|allowed|should|at all|please)|[.!\n]|$)",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\btitle\b[^.\n]{0,60}(?:double angu?lar brackets|double angle brackets|<<)", re.I
)
_WRAPPED = re.compile(
    r"\b(?:wrap|put|enclose|surround|place)(?:ped|ed|d|ting|ping)?\b[^.\n]{0,60}\b(?:in|with|"
    r"within|inside)(?: the)? double quot\w*|"
    r"\bdouble quotation marks around (?:your|the|whole)\b|\b(?:response|answer|reply) "
    r"[^.\n]{0,30}wrapped (?:in|with) double quot\w*",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:entire|whole|your|response|answer|reply|email|output|everything|the (?:letter|poem|"
    r"story))\b",
    re.I,
)
_POSTSCRIPT = re.compile(
    r"\b(?:postscript|post script)\b[^.\n]{0,40}?(?P<mark>P\.\s?P\.\s?S|P\.\s?S)\.?|\badd (?:a )?(?"
    r"P<mark2>P\.P\.S|P\.S)\b",
    re.I,
)
_END = re.compile(
    r"\b(?:end|finish|conclude|close)(?:ing|s)?\b(?: (?:it|off|up))?(?: (?:the|your|this|its)(?: (?"
    r":entire|whole|very))?(?: \w+)?)? "
    r"(?:with|by saying|by asking)(?: (?:this|the|an?))?(?: (?:exact|following|closing|final))?(?: "
    r"(?:phrase|sentence|words?|question|line))?(?: of| exactly)?:? ?"
    r"(?:[\"“](?P<quoted>[^\"”\n]{1,300})[\"”]|(?<=: )(?P<plain>[A-Z][^.!?\n]{2,120}[.!?]?))|"
    r"\bend (?:of )?your (?:\w+ )?(?:response|answer|reply) should (?:read|be|say) [\"“](?"
    r"P<quoted2>[^\"”\n]{1,300})[\"”]|"
    r"\b(?:with|end) (?:this|the)(?: same)? exact (?:phrase|question|sentence)(?: of)?:? (?"
    r"P<plain2>[A-Z][^.!?\n\"]{2,120}[.!?]?)",
    re.IGNORECASE,
)
_EXACT = re.compile(r"\bexact(?:ly)?\b|no other words|nothing (?:else|after)", re.IGNORECASE)
_SIX = re.compile(r"\b(?:6|six) (?:asterisks?|\*)|(?<!\*)\*{6}(?!\*)", re.IGNORECASE)
_REPEAT = re.compile(
    r"(?:^|\n|(?<=[.!?] ))[^.\n]{0,60}\brepeat\b[^.\n]{0,30}\b(?:request|sentence|line|prompt|"
    r"question"
    r"|exactly)\b[^\n]*",
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
_LANGUAGE = re.compile(
    rf"\b(?:respond|reply|answer|response|written|write|rewrite)\b[^.\n]{{0,80}}?\b(?:only|"
    rf"entirely|completely|exclusively)"
    rf" (?:in |using )(?:the )?(?P<a>{_TONGUE})\b|\bin entirely (?P<b>{_TONGUE})\b|"
    rf"\bonly (?:in|using)(?: the)? (?P<c>{_TONGUE})\b|\b(?:in|using)(?: only)?(?: the)? (?"
    rf"P<d>{_TONGUE})(?: language)? ?(?:only\b|,? no other language)|"
    rf"\b(?:respond|reply|answer)(?: to me| back)?(?: only)? in (?:the )?(?P<e>{_TONGUE})\b|"
    rf"\b(?:using|in) only (?:the )?(?P<f>{_TONGUE})\b|"
    rf"\b(?:entire|whole) (?:response|answer|reply|output) (?:should|must) be in (?:the )?(?"
    rf"P<g>{_TONGUE})\b|"
    rf"\b(?:response|answer|reply|output) (?:should|must) be (?:written )?in (?:the )?(?"
    rf"P<h>{_TONGUE})\b|"
    rf"\b(?:in|outside of) (?:the )?(?P<i>{_TONGUE})(?: language)?,?(?: and)? no other language",
    re.IGNORECASE,
)


def cases(said: Wording) -> Iterator[Said]:
    """All capitals, none, or a number of words in capitals."""
    numbered = list(said.find(_CAPITAL_WORDS))
    for found in numbered:
        relation, count = bound(found["how"] or found["how2"], number(found["n"] or found["n2"]))
        given = {"capital_frequency": count, "capital_relation": relation}
        yield Said("change_case:capital_word_frequency", given, *found.span())
    for name, pattern in (("plain:capitals", _CAPITALS), ("plain:lower_case", _LOWER)):
        for found in said.find(pattern):
            clause = said.clause(*found.span())
            if not _PART.search(clause[: -len(found[0])]) and not numbered:
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
        if group and re.search(r"\w", said.text[slice(*found.span(group))]):
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
    if found and _WHOLE.search(said.clause(*found.span())):
        yield Said("startend:quotation", {}, *found.span())


def postscript(said: Wording) -> Iterator[Said]:
    """A postscript under P.S. or P.P.S."""
    if found := _POSTSCRIPT.search(said.bare):
        twice = (found["mark"] or found["mark2"]).upper().count("P") == 2
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
    if found:
        tongue = next(filter(None, found.groups())).lower()
        yield Said("language:response_language", {"language": LANGUAGES[tongue]}, *found.span())


FORMS: Finders = (
    (cases, ("cap", "upper", "lower")),
    (formats, ("json",)),
    (endings, (" with", " by ", "should", "exact")),
    (simple("punctuation:no_comma", _COMMA), ("comma",)),
    (simple("detectable_format:title", _TITLE), ("title",)),
    (simple("combination:two_responses", _SIX), ("asterisk", "******")),
    (simple("detectable_format:constrained_response", _THREE_ANSWERS), ("my answer is yes",)),
    (quotation, ("quot",)),
    (postscript, ("postscript", "post script", "p.s", "p.p")),
    (repetition, ("repeat",)),
    (languages, tuple(LANGUAGES)),
)
"""What finds them, and of which words an instruction must have one."""
