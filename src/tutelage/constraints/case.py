"""Capital and small letters: of the whole response, which is then in English, or of its words."""

from __future__ import annotations

from tutelage.constraints.constraint import CONSTRAINTS, Constraint, Relation, compare
from tutelage.constraints.keywords import Count
from tutelage.constraints.languages import language_of
from tutelage.constraints.words import count_capital_words


@CONSTRAINTS.register("change_case:english_capital")
class EnglishCapitals(Constraint):
    """English without a small letter."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.isupper() and language_of(response) == "en"


@CONSTRAINTS.register("change_case:english_lowercase")
class EnglishLowerCase(Constraint):
    """English without a capital letter."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return response.islower() and language_of(response) == "en"


@CONSTRAINTS.register("change_case:capital_word_frequency")
class CapitalWordFrequency(Constraint):
    """Words in capitals only: fewer than a number, or at least that many."""

    capital_frequency: Count
    """The number compared with."""
    capital_relation: Relation
    """How."""

    def holds(self, response: str, prompt: str) -> bool:
        """See `Constraint.holds`."""
        return compare(count_capital_words(response), self.capital_relation, self.capital_frequency)
