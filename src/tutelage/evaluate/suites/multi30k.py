"""Multi30k's captions, translated from English (Elliott et al. 2016, 2017).

Plain lines, a file a language: `test_2016_flickr.en.gz` and beside it those of the languages to
translate into. `bleu` of the whole, sacrebleu's as WMT reports it, is primary; `chrf`, which says
more of single sentences, stands beside it. One caption in several languages is one source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.answered import measured
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.own_items import REFERENCES
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite
from tutelage.evaluate.text_lines import text_lines

FILE = "test_2016_flickr"
LANGUAGES = {"de": "German", "fr": "French", "cs": "Czech"}
METRICS = ("bleu", "chrf")
LONGEST = 64
FIX = "expected a sentence a line, as many as in the English file"


class Multi30k(Suite):
    """Translations of captions."""

    area = "tasks"
    title = "translation of captions from English: Multi30k"
    data = "multi30k"

    def questions(self, given: Given) -> list[Question]:
        """One a caption and language that there is a file of."""
        folder = given.path(self.data)
        there = {code: folder / f"{FILE}.{code}.gz" for code in ("en", *LANGUAGES)}
        if not there["en"].is_file():
            raise NotAsked(f"{there['en']} is not there")
        captions = [line for line, _ in text_lines(there["en"], FIX)]
        found = []
        for code, language in LANGUAGES.items():
            if not there[code].is_file():
                continue
            lines = [line for line, _ in text_lines(there[code], FIX)]
            if len(lines) != len(captions):
                raise UserError(
                    f"found {len(lines)} lines, and {len(captions)} in English",
                    where=str(there[code]),
                    fix=FIX,
                )
            found += [
                _question(number, code, language, caption, translation)
                for number, (caption, translation) in enumerate(zip(captions, lines, strict=True))
            ]
        if not found:
            raise NotAsked(f"{folder} has no {FILE} in {', '.join(LANGUAGES.values())}")
        return found

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """BLEU and chrF, of all and of each language."""
        return measured(replace(given, metrics=METRICS), questions, replies)


def _question(number: int, code: str, language: str, caption: str, translation: str) -> Question:
    text = f"Translate into {language}. Answer with the translation alone.\n\n{caption}"
    return Question(
        key=f"{code}-{number}",
        turns=(Message("user", text),),
        max_new_tokens=LONGEST,
        task=language,
        cluster=str(number),
        target={REFERENCES: [translation]},
    )


SUITES.register("multi30k")(Multi30k())
