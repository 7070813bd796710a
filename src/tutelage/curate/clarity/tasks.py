"""How many tasks an instruction sets: sentences that ask, less those that belong together.

A sentence opens a task of its own where it begins with a verb that asks or is a question, refers to
nothing said before (no "it", "your", "the story"), and shares no telling word with the sentences
before it. Settings ("Imagine …", "You are …"), steps of one task ("Then …") and demands on the form
("Use …", "Include …") are no tasks.
"""

from __future__ import annotations

import re

from tutelage.curate.clarity.wording import QUESTION, VERBS, sentences

FIRST = r"(?:(?:please|kindly|also|and|finally|second(?:ly)?|next|then)[, ]+)*"
OPENS = re.compile(rf"(?i){FIRST}(?:(?:{VERBS})\b(?!:)|{QUESTION})")
IS_FORM = re.compile(
    rf"(?i)^{FIRST}(?:(?:use|make (?:sure|it|your|the|sentences)|include|add|output|return|answer"
    r"|respond|assume|assign|label|justify|highlight|separate|repeat|start|end|begin|finish|wrap"
    r"|mention|keep|avoid|limit|refrain|try|explain in|don't|write (?:it|in|your|exactly|at)"
    r"|state (?:your|the|whether)|explain (?:your|why|how you)|describe (?:why|your)|choose|select"
    r"|read|take|turn|think|do|does|is|are|was|were|can|could|would|will|should|have|has|had|did"
    r"|if|why|format|fill|complete|continue|help|match|classify (?:each|them)|rate|put|show|point"
    r"|tell me if|(?:list|give)(?: me)?(?: them| options)? (?:in|as)|give exactly)\b"
    r"|how (?:long|much|many|old|often|far|big|come)(?: \w+)?\?)"
    r"|\b(?:responses?|bullet points?|bullets|alternatives|placeholders?|sections|postscript"
    r"|markdown"
    r"|asterisk\w*|json|lowercase|uppercase|capital letters|commas?|punctuation\w*|repl(?:y|ies))\b"
)
"""Sentences that say how to answer rather than what."""
REFERS = re.compile(
    r"(?i)\b(?:it|its|they|them|their|this|these|those|each|both|above|results?|output|answers?"
    r"|same"
    r"|such|then|another|others?|resulting|former|latter|there|here"
    r"|your (?:answer|response|reason\w*|choice|own|opinion|findings|explanation|story"
    r"|character|poem"
    r"|list|code|function|result|design|idea|thoughts?)|(?:examples?|reasons?|evidence|details?"
    r"|options|steps|pros|benefits|importance|differences?)(?=[.?! ]*$| to | for each)|so that"
    r"|the (?:story|poem|essay|code|function|program|character|company|product|project|passage|text"
    r"|article|word|list)(?! [\"“'‘]))\b|^(?:\S+ ){0,4}(?:he|she|his|her|him)\b"
)
"""What points at a sentence before."""
STOP = frozenset(
    re.findall(
        r"\w+",
        "that this with from what which when where have does into about your their them there these"
        " those would could should will than then some using words word sentence sentences please"
        " list explain describe write create generate make give provide find show tell each people"
        " example examples main many much most ways different used like world time good best year"
        " years steps system type number name names idea ideas help person common important popular"
        " famous three four five following concept process short between more other such they were",
    )
)
FORBIDS = re.compile(rf"(?i){FIRST}(?:do not|don't|never|what am i)\b")
OWN = re.compile(r"(?is)\b(?:this|these) [\w ]{1,40}:.*|[\"“][^\"”]*[\"”]")
"""What a sentence brings along: a text behind a colon, or in quotation marks."""
FEWEST_WORDS = 3
OPENING_WORDS = 8
ALSO = re.compile(r"(?i)also,")
NUMBERED = re.compile(r"(?:^|\s)(?:task\s*)?\(?(\d)[.):]\s+(?=[A-Z])", re.IGNORECASE)


def separate_tasks(instruction: str) -> list[str]:
    """The unrelated tasks of an instruction, in order; one or none where it sets a single task."""
    tasks: list[str] = []
    said: set[str] = set()
    is_numbered = NUMBERED.match(instruction) is not None
    for part in _parts(instruction):
        is_apart = is_numbered or ALSO.match(part) is not None
        words = _telling(OPENS.sub("", part, count=1))
        if FORBIDS.match(part):
            continue
        if OPENS.match(part) and len(part.split()) >= FEWEST_WORDS:
            if not tasks:
                # What precedes the first task is its setting.
                tasks.append(part)
            elif not IS_FORM.search(part) and (
                not REFERS.search(_opening(part))
                if is_apart
                else not (REFERS.search(OWN.sub("", part)) or words & said)
            ):
                tasks.append(part)
        elif tasks and not OPENS.match(part):
            # Text to work on follows: what it asks is not asked of the reader.
            return tasks if len(tasks) > 1 else []
        said |= words
    return tasks


def _parts(instruction: str) -> list[str]:
    """Sentences, numbers of a list taken off."""
    plain = NUMBERED.sub("\n", instruction)
    return [part.strip() for part in sentences(plain) if part.strip()]


def _opening(part: str) -> str:
    """The first words of a sentence that is set apart, in which it would refer to another."""
    return " ".join(OWN.sub("", part).split()[:OPENING_WORDS])


def _telling(part: str) -> set[str]:
    """Stems of the words that say what a sentence is about."""
    words = re.findall(r"[^\W\d_]{4,}", part.lower())
    return {word[:5] for word in words if word not in STOP}
