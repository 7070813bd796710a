"""Micro F1 of entities in IOB2 tags: by the conlleval rule, and strictly.

An answer is a string of tags with spaces between, one for each token. An entity is right if type,
start and end all are. The conlleval rule, which published results use, lets an entity begin with
`I-` after another type or `O`; strictly (seqeval's `mode="strict"` with IOB2) only `B-` begins
one, and a stray `I-` is none.

A model's answer may be malformed: anything that is not an IOB2 tag is read as `O`, missing tags
as `O`, and tags beyond the last token count as what they are, entities that are wrong. References
must be well-formed (`check_tags`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from tutelage.metrics.metric import METRICS, Floats, Scores, f1, rates

_TAG = re.compile(r"O|[BI](-\S+)?")


class Entity(NamedTuple):
    """A typed span of tokens, `end` excluded."""

    type: str
    start: int
    end: int


def check_tags(tags: Sequence[str]) -> str | None:
    """What is wrong with a list of IOB2 tags, or None."""
    for position, tag in enumerate(tags):
        if not _TAG.fullmatch(tag):
            return f"'{tag}' at position {position} is not an IOB2 tag (O, B-TYPE or I-TYPE)"
    return None


def find_entities(tags: Sequence[str], *, strict: bool) -> Iterator[Entity]:
    """The entities of a tag sequence.

    Args:
        tags: IOB2 tags; anything else counts as `O`.
        strict: whether only `B-` begins an entity.
    """
    current: str | None = None
    start = 0
    for position, tag in enumerate((*tags, "O")):
        prefix, _, kind = tag.partition("-") if _TAG.fullmatch(tag) else ("O", "", "")
        if prefix == "I" and kind == current:
            continue
        if current is not None:
            yield Entity(current, start, position)
        begins = prefix == "B" or (prefix == "I" and not strict)
        current, start = (kind, position) if begins else (None, position)


@dataclass(frozen=True)
class EntityF1:
    """Micro F1 over entities; an item's own F1 is 1 where there is none and none is found.

    Of several references, the one that the answer agrees with best counts.
    """

    name: str
    strict: bool
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["tags"]] = "tags"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Count entities that are right, found, and to be found."""
        statistics = np.empty((len(predictions), 3))
        right: Counter[str] = Counter()
        found: Counter[str] = Counter()
        wanted: Counter[str] = Counter()
        for item, (prediction, accepted) in enumerate(zip(predictions, references, strict=True)):
            answer = self._entities(prediction)
            reference = max(map(self._entities, accepted), key=lambda one: _item_f1(answer, one))
            statistics[item] = len(answer & reference), len(answer), len(reference)
            right.update(entity.type for entity in answer & reference)
            found.update(entity.type for entity in answer)
            wanted.update(entity.type for entity in reference)
        nothing = (statistics == 0).all(axis=1)
        return Scores(
            per_item=np.where(nothing, 1.0, self.aggregate(statistics)),
            statistics=statistics,
            signature=f"{self.name}|micro|rule:{'iob2-strict' if self.strict else 'conlleval'}",
            details=_details(right, found, wanted),
        )

    def aggregate(self, sums: Floats) -> Floats:
        """Micro F1 from totals of right, found and wanted entities."""
        return f1(sums[..., 0], sums[..., 1], sums[..., 2])

    def _entities(self, text: str) -> frozenset[Entity]:
        return frozenset(find_entities(text.split(), strict=self.strict))


def _item_f1(answer: frozenset[Entity], reference: frozenset[Entity]) -> float:
    total = len(answer) + len(reference)
    return 2 * len(answer & reference) / total if total else 1.0


def _details(right: Counter[str], found: Counter[str], wanted: Counter[str]) -> dict[str, Any]:
    """Precision, recall and F1 of each type, and their averages."""
    types = sorted(found | wanted)
    counts = np.array([[count[kind] for kind in types] for count in (right, found, wanted)], float)
    per_type = rates(*counts)
    micro = rates(*counts.sum(axis=1))
    return {
        "types": {
            kind: {name: float(values[index]) for name, values in per_type.items()}
            | {"support": wanted[kind]}
            for index, kind in enumerate(types)
        },
        "micro": {name: float(value) for name, value in micro.items()},
        "macro": {name: float(values.mean()) for name, values in per_type.items() if types},
    }


METRICS.register("entity_f1")(EntityF1("entity_f1", strict=False))
METRICS.register("entity_f1_strict")(EntityF1("entity_f1_strict", strict=True))
