"""What kind of task an instruction sets: rules on its wording, then the nearest of our examples.

Rules go first, since "Classify …" and "Is … positive or negative?" are one kind with nothing in
common that an average of word vectors could see. What no rule takes is given the kind of the
examples (`words/task_types.txt`, written for this) that its embedding is most like. Kinds follow
the uses that Ouyang et al. (2022, table 1) counted, with translation, code and reasoning apart.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.words import sections

Vectors = NDArray[np.float32]

_LANGUAGES = (
    "english|french|spanish|german|italian|portuguese|chinese|mandarin|japanese|korean|russian"
    "|arabic|hindi|dutch|latin|greek|polish|turkish|swedish|hebrew|vietnamese|urdu|bengali|swahili"
)
_CODE = (
    r"python|java|javascript|typescript|sql|html|css|php|ruby|golang|kotlin|matlab|bash|json|regex"
    r"|regular expression|shell|linux command|pandas|numpy|django|react|node\.js"
)
_PROGRAM = (
    r"code|functions?|program|programs|script|algorithm|query|snippet|class|method|api|app|loop"
    r"|array|linked list|recursion|compiler|pseudocode|pseudo-code|web ?page|database"
    r"|data structure"
)
_GIVEN = r"passage|text|paragraph|article|document|excerpt|context|reference|conversation|dialogue"
_MAKE = r"write|compose|create|generate|tell|make up|craft|invent|come up with|draft|construct|pen"
_WORK = (
    r"story|stories|poem|haiku|song|lyrics|joke|essay|letter|e-?mail|speech|slogan|tagline|blog"
    r"|post|tweet|advert\w*|ad|narrative|limerick|riddle|sonnet|verse|tale|fable|screenplay|scene"
    r"|rap|ballad|paragraph|review|headline|caption|diary|monologue|plot|biography|article|note"
    r"|description|invitation|proposal|summary of a (?:movie|book|novel)|metaphor|simile|pun|quote"
)
_LABELS = (
    r"classif\w+|categori[sz]e|sort (?:the|these|each)|(?:the|its?) (?:sentiment|category|genre"
    r"|tone)"
    r"|assign (?:a|the|one)|label (?:the|each|this|these|as)|true or false"
    r"|(?:decide|determine|tell me|identify|judge|detect|state|predict|evaluate|check|say|find out)"
    r" (?:if|whether|which)"
    r"|positive or negative|which (?:of (?:these|the following|them)|ones? (?:is|are)"
    r"|is (?:a|an))\b"
    r"|group (?:the|these)|(?:is|are) (?:it|this|these|the following) .{0,60}\bor\b"
)
_EITHER = (
    r"^(?:is|are|was|were)\b[^?.]* or (?:an?|the)\b|^(?:is|are) .{0,40}\b(?:spam|correct)\b"
    r"|\b(?:these|each|following|items?|types?|which)\b[^.?]*\bor\b[^?.]*[?:.]"
    r"|\bwhe?ther (?:these|this|each|the following|it)\b"
)

RULES: tuple[tuple[str, str], ...] = (
    (
        "translation",
        rf"\btranslat(?:e|es|ed|ing|ion)\b|\bhow do (?:you|i) say\b"
        rf"|\b(?:convert|put|turn) .{{0,80}}\binto (?:{_LANGUAGES})\b",
    ),
    ("classification", rf"\b(?:{_LABELS})|{_EITHER}"),
    (
        "code",
        rf"\b(?:{_CODE})\b|c\+\+|c#"
        rf"|\b(?:write|create|implement|develop|build|debug|fix|optimi[sz]e|design|refactor|code|edit"
        rf"|modify)\b.{{0,60}}\b(?:{_PROGRAM})\b",
    ),
    (
        "reasoning",
        r"\b(?:calculate|compute|solve|equation|derivative|integral|square root|probability|logic"
        r"|perimeter|average of|sum of|factori[sz]e|fraction|percent(?:age)? of|simplify \d"
        r"|deduce|puzzle|analogy|syllogism|next (?:number|in the series|in the sequence))\b"
        r"|\bhow (?:many|much|long|far|old)\b.*\d|\d.*\bhow (?:many|much|long|far|old)\b"
        r"|\d\s*[+*/^=×÷]\s*\d|\d - \d|\bconvert \d",
    ),
    (
        "summarising",
        rf"\bsummar|\btl;?dr\b|\bcondense\b|\b(?:gist|main (?:point|idea)s?|key (?:point|idea)s?)\b"
        rf"|\bshorten (?:the|this) (?:{_GIVEN})|\bsynopsis\b",
    ),
    (
        "extraction",
        rf"\bextract|\b(?:pull|pick) out\b"
        rf"|\b(?:from|in|using|given|based on|per) (?:the|this)[^.?]{{0,40}}\b(?:{_GIVEN})\b[^.]*"
        rf"\b(?:list|find|name|provide|identify|give|format|separate)"
        rf"|\b(?:list|find|name|identify|highlight|give me)\b.{{0,80}}\b(?:from|in|mentioned in) "
        rf"(?:the|this)\b.{{0,40}}\b(?:{_GIVEN}|sentence)\b"
        rf"|\bidentify (?:all |any |each )?(?:of )?(?:the |an? )?(?:nouns?|verbs?|adjectives?"
        rf"|subject|object|adverbs?|pronouns?|entit\w+|keywords?|names?|parts? of speech)",
    ),
    (
        "rewriting",
        r"\b(?:rewrite|rephrase|paraphrase|reword|proofread|restate|rearrange|reorder|edit|unscramble"
        r"|punctuate|capitali[sz]e|transform|reverse|revise|re-write|formulate .* differently)\b"
        r"|\b(?:replace|change|convert|correct|fix|improve|simplify|shorten|modify|expand|turn|delete"
        r"|remove|insert|add|combine|join|alter|complete|fill|adapt|arrange)\b"
        r".{0,60}\b(?:sentences?|paragraph|phrase|text|words?|passage|grammar|voice|tense|statement"
        r"|blanks?|title|verb|clause|errors?|mistakes?|letters?|one|punctuation)\b"
        r"|\bmake (?:the|this|it)\b.{0,60}\bmore\b|\bmake .* (?:shorter|formal|concise)",
    ),
    (
        "creative writing",
        rf"\b(?:{_MAKE})\b.{{0,60}}\b(?:{_WORK})\b|^imagine\b"
        r"|\b(?:poem|haiku|story|limerick) about\b",
    ),
    (
        "chat",
        r"^(?:hi|hello|hey|thanks|thank you|good (?:morning|evening))\b"
        r"|\b(?:dialogue?|conversation|role-?play|chatbot|pretend|act as|reply to|respond to)\b"
        r"|^you (?:are|were|have)\b|\bi(?:'m| am) (?:feeling|so|sad|happy|upset|bored)\b"
        r"|\b(?:how are you|are you|do you (?:like|feel|think|have|know))\b",
    ),
    (
        "brainstorming",
        r"\b(?:brainstorm|ideas?|suggest\w*|tips|propose|recommend\w*|possible|potential"
        r"|ways (?:to|of|in)|what (?:are )?some|examples? of|give (?:me )?(?:some|a list|\d+|two"
        r"|three|four|five|six|ten|examples?|an example))\b"
        r"|\b(?:list|provide|create|make|generate|give|come up with|think (?:of|up))\b.{0,20}"
        r"\b(?:list of|some|a few|\d+|two|three|four|five|six|seven|eight|nine|ten|several|top)\b"
        r"|\bwhat (?:should|could|can) (?:i|we|you)\b|\bplan\b|\bitinerary\b",
    ),
    (
        "creative writing",
        r"^(?:please )?(?:write|compose|craft|draft|generate|create|construct|develop|design"
        r"|invent)\b",
    ),
    (
        "question answering",
        r"^(?:who|whose|whom|what|when|where|why|how|which|is|are|was|were|do|does|did|can|could"
        r"|has|have|should|will|would|explain|describe|define|tell me|compare|contrast|discuss"
        r"|answer|in what|in which|at what|on what|for what|name|list|analy[sz]e|give|provide"
        r"|identify|find|state|outline|research|report|recogni[sz]e"
        r"|determine|choose|select|predict|estimate|evaluate|look up|show)\b|\?\s*$",
    ),
)
"""Kinds, with what their instructions say in lower case; the first that matches decides."""

LISTED = r"^(?:please |can you |could you )?(?:list|name|give (?:me )?an? .{0,20}list|what are)\b"
"""Asked of a text that is given, it is to be found there."""

TYPES = tuple(dict.fromkeys(name for name, _ in RULES))

CONSIDERED = 400
"""Characters of an instruction that are looked at from either end."""


def ruled(instruction: pl.Expr, given: pl.Expr) -> pl.Expr:
    """The kind that the wording tells; null where none does.

    Args:
        instruction: what is asked.
        given: the input it is asked of; a list asked of one is extracted.
    """
    text = instruction.str.strip_chars().str.to_lowercase()
    ends = pl.concat_str(
        text.str.slice(0, CONSIDERED), text.str.slice(CONSIDERED).str.tail(CONSIDERED)
    )
    listed = ends.str.contains(LISTED) & (given.str.strip_chars() != "")
    found = [pl.when(listed).then(pl.lit("extraction"))]
    found += [pl.when(ends.str.contains(f"(?s){said}")).then(pl.lit(name)) for name, said in RULES]
    return pl.coalesce(found)


def nearest(vectors: Vectors) -> pl.Series:
    """The kind whose examples the embeddings of prompts are most like."""
    names, centres = _centres()
    return pl.Series(
        np.asarray(names, dtype=object)[(vectors @ centres.T).argmax(axis=1)], dtype=pl.String
    )


@lru_cache(maxsize=1)
def _centres() -> tuple[list[str], Vectors]:
    """Kinds, and the mean of their examples' embeddings, less the mean of all, at length 1."""
    from tutelage.curate.features.embedding import embed

    examples = sections("task_types")
    means = np.stack([embed(pl.Series(texts)).mean(axis=0) for texts in examples.values()])
    means -= means.mean(axis=0)
    return list(examples), means / np.linalg.norm(means, axis=1, keepdims=True)
