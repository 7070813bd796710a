"""How many words, sentences, lines … a response has: exact numbers and ranges."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tutelage.constraints import expressions
from tutelage.constraints.bounds import Counted
from tutelage.constraints.constraint import CONSTRAINTS
from tutelage.constraints.parts import lines, list_items, numbers, paragraphs, words
from tutelage.constraints.sentences import count_sentences

_EMOJI = (
    r"\p{Regional_Indicator}{2}"
    r"|(?:\p{Emoji_Presentation}|\p{Emoji}\x{FE0F})[\p{Emoji_Modifier}\x{FE0F}\x{20E3}]*"
    r"(?:\x{200D}\p{Emoji}[\p{Emoji_Modifier}\x{FE0F}]*)*"
)
"""An emoji as it is drawn: a flag, or a character with its skin tone and what is joined to it."""


@CONSTRAINTS.register("count:words")
class Words(Counted):
    """Words, as word processors count them ("don't" and "well-known" are one)."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(words(response))


@CONSTRAINTS.register("count:unique_words")
class UniqueWords(Counted):
    """Different words, case ignored."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len({word.casefold() for word in words(response)})


@CONSTRAINTS.register("count:sentences")
class Sentences(Counted):
    """Sentences, as IFEval's kind of it counts them; a line break ends none."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return count_sentences(response)


@CONSTRAINTS.register("count:lines")
class Lines(Counted):
    """Lines that are not blank."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(lines(response))


@CONSTRAINTS.register("count:paragraphs")
class Paragraphs(Counted):
    """Stretches of text with blank lines between them."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(paragraphs(response))


@CONSTRAINTS.register("count:characters")
class Characters(Counted):
    """Characters, spaces and line breaks among them, without the space around the response."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(response.strip())


@CONSTRAINTS.register("count:list_items")
class ListItems(Counted):
    """Lines that start with `-`, `*`, `+`, `•`, `1.` or `1)` and a space, at any depth."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(list_items(response))


@CONSTRAINTS.register("count:numbers")
class Numbers(Counted):
    """Numbers in digits, such as `1,000` or `-2.5`; digits inside a word are none."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return len(numbers(response))


@CONSTRAINTS.register("count:emojis")
class Emojis(Counted):
    """Emojis as they are drawn: a flag, a family or a thumb with a skin tone is one."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        return expressions.count(_EMOJI, response)


@CONSTRAINTS.register("count:keyword")
class Keyword(Counted):
    """A word or phrase, only whole words of it, case ignored."""

    keyword: Annotated[str, Field(pattern=r"\S")]
    """What is counted."""

    def count(self, response: str) -> int:
        """See `Counted.count`."""
        found = r"(?<!\w)" + re.escape(self.keyword.strip()) + r"(?!\w)"
        return len(re.findall(found, response, re.IGNORECASE))
