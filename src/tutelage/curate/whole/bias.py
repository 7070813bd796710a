"""Bias of the dataset: who appears, how they are spoken of, in what roles.

It measures and does not judge: the summary has shares and differences with their intervals, and
finds fault with no single row (the check `stereotype` does). What a word list cannot see (names,
contempt in polite words, languages other than English) is not seen here either.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.bias.appearance import appearance
from tutelage.curate.bias.association import moods, words
from tutelage.curate.bias.counterfactual import counterfactual
from tutelage.curate.bias.roles import roles
from tutelage.curate.bias.sentences import sentences
from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import none
from tutelage.errors import unknown_name


@WHOLE_CHECKS.register("bias")
class Bias(WholeCheck):
    """Gender, age, religion, nationality, ethnicity, disability, orientation and class."""

    severity = "info"
    title = "Who appears, and how"
    suggestion = "Add or swap rows where a group is missing or spoken of otherwise than others."
    uses = ("people",)

    def conclude(self, data: Dataset) -> Conclusion:
        """A summary alone: `appears`, `spoken_of`, `words`, `roles`, `counterfactual`."""
        people = data.feature("people")
        said = sentences(people)
        seed = self.options.seed
        summary = {
            "appears": appearance(people, seed, self._reference(data)),
            "spoken_of": moods(said, seed),
            "words": words(said),
            "roles": roles(said),
            "counterfactual": counterfactual(people, seed),
            "reference": self.options.bias_reference,
        }
        return Conclusion(none(), summary)

    def _reference(self, data: Dataset) -> pl.DataFrame | None:
        """The feature of the corpus that the user names."""
        name = self.options.bias_reference
        if name is None:
            return None
        sets = data.against()
        if name not in sets:
            raise unknown_name("evaluation set", name, sets, where="audit.bias_reference")
        return sets[name].feature("people")
