"""Limits that every part of a response keeps, such as the words of each sentence."""

from __future__ import annotations

from collections.abc import Iterable

from tutelage.constraints.bounds import Each
from tutelage.constraints.constraint import CONSTRAINTS
from tutelage.constraints.parts import lines, list_items, paragraphs, words
from tutelage.constraints.sentences import count_sentences, sentences


@CONSTRAINTS.register("limit:words_per_sentence")
class WordsPerSentence(Each):
    """The words of every sentence."""

    def counts(self, response: str) -> Iterable[int]:
        """See `Each.counts`."""
        return (len(words(sentence)) for sentence in sentences(response))


@CONSTRAINTS.register("limit:sentences_per_paragraph")
class SentencesPerParagraph(Each):
    """The sentences of every paragraph; paragraphs have blank lines between them."""

    def counts(self, response: str) -> Iterable[int]:
        """See `Each.counts`."""
        return map(count_sentences, paragraphs(response))


@CONSTRAINTS.register("limit:words_per_line")
class WordsPerLine(Each):
    """The words of every line that is not blank."""

    def counts(self, response: str) -> Iterable[int]:
        """See `Each.counts`."""
        return (len(words(line)) for line in lines(response))


@CONSTRAINTS.register("limit:characters_per_line")
class CharactersPerLine(Each):
    """The characters of every line that is not blank, without the space around it."""

    def counts(self, response: str) -> Iterable[int]:
        """See `Each.counts`."""
        return map(len, lines(response))


@CONSTRAINTS.register("limit:words_per_item")
class WordsPerItem(Each):
    """The words of every item of a list."""

    def counts(self, response: str) -> Iterable[int]:
        """See `Each.counts`."""
        return (len(words(item)) for item in list_items(response))


@CONSTRAINTS.register("limit:letters_per_word")
class LettersPerWord(Each):
    """The letters and digits of every word."""

    def counts(self, response: str) -> Iterable[int]:
        """See `Each.counts`."""
        return (sum(map(str.isalnum, word)) for word in words(response))
