"""Instruction-following accuracy: the share of verifiable instructions that answers follow.

IFEval (Zhou et al. 2023, arXiv:2311.07911) reports four figures: by prompt (all of its instructions
are followed) and by instruction, each under the strict rule and the loose one
(`constraints.constraint`). `ifeval` is the strict figure by prompt and brings the others along;
each is a metric of its own too, so that a comparison tests it; an answer is judged once for all of
them. Instructions of one prompt are not
independent: intervals resample prompts, and the figures by instruction are ratios of sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import orjson

from tutelage.constraints import Constraint, constraint, holds, holds_loosely
from tutelage.metrics.metric import METRICS, Floats, Scores, mean_of_sums, mean_statistics


class Demand(NamedTuple):
    """One verifiable instruction: its kind, the constraint, and the prompt that it is part of."""

    kind: str
    constraint: Constraint
    prompt: str


def as_references(constraints: Sequence[Mapping[str, Any]], prompt: str) -> tuple[str, ...]:
    """Constraints (`{"id": …, "kwargs": …}`) as these metrics take them for an item's references.

    Args:
        constraints: what the answer must meet.
        prompt: what is asked.
    """
    return tuple(
        orjson.dumps([each["id"], each.get("kwargs") or {}, prompt]).decode()
        for each in constraints
    )


@lru_cache(maxsize=16384)
def demand(reference: str) -> Demand:
    """What one of `as_references` stands for."""
    name, kwargs, prompt = orjson.loads(reference)
    return Demand(name, constraint(name, kwargs), prompt)


@lru_cache(maxsize=16384)
def _judged(answer: str, references: tuple[str, ...]) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Whether an answer follows each of its instructions, strictly and loosely.

    Kept, as the four figures, and those of a task and of all tasks, judge the same answers.
    """
    wanted = [demand(text) for text in references]
    strict, loose = (
        tuple(rule(each.constraint, answer, each.prompt) for each in wanted)
        for rule in (holds, holds_loosely)
    )
    return strict, loose


@dataclass(frozen=True)
class InstructionFollowing:
    """One of the four figures of IFEval.

    Attributes:
        figure: which; an item's value is 1 or 0 by prompt, and a share by instruction.
    """

    name: str
    figure: Literal["prompt_strict", "instruction_strict", "prompt_loose", "instruction_loose"]
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["constraints"]] = "constraints"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Judge each answer by each of its instructions, strictly and loosely."""
        demands = [[demand(text) for text in texts] for texts in references]
        judged = [
            _judged(answer, tuple(texts))
            for answer, texts in zip(predictions, references, strict=True)
        ]
        strict, loose = ([list(each[rule]) for each in judged] for rule in (0, 1))
        figures = {
            "prompt_strict": _by_prompt(strict),
            "instruction_strict": _by_instruction(strict),
            "prompt_loose": _by_prompt(loose),
            "instruction_loose": _by_instruction(loose),
        }
        statistics = figures[self.figure]
        level, rule = self.figure.split("_")
        return Scores(
            per_item=mean_of_sums(statistics),
            statistics=statistics,
            signature=f"{self.name}|{level}|{rule}|variants:8|language:lid.176",
            details={"kinds": _by_kind(demands, strict, loose)},
            further=figures,
            verdicts={"instruction_strict": strict, "instruction_loose": loose},
        )

    def aggregate(self, sums: Floats) -> Floats:
        """The share of prompts, or of instructions."""
        return mean_of_sums(sums)


def _by_prompt(verdicts: Sequence[Sequence[bool]]) -> Floats:
    """(items, 2): whether all of an item's instructions are followed, and 1."""
    return mean_statistics(np.array([float(all(item)) for item in verdicts]))


def _by_instruction(verdicts: Sequence[Sequence[bool]]) -> Floats:
    """(items, 2): how many of an item's instructions are followed, and how many there are."""
    return np.array([(sum(item), len(item)) for item in verdicts], dtype=float)


def _by_kind(
    demands: Sequence[Sequence[Demand]],
    strict: Sequence[Sequence[bool]],
    loose: Sequence[Sequence[bool]],
) -> dict[str, dict[str, float]]:
    """For each kind of instruction the share that was followed, and how often it was asked for."""
    found: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for wanted, *verdicts in zip(demands, strict, loose, strict=True):
        for each, *pair in zip(wanted, *verdicts, strict=True):
            found[each.kind].append((pair[0], pair[1]))
    return {
        kind: {
            "strict": sum(strictly for strictly, _ in pairs) / len(pairs),
            "loose": sum(loosely for _, loosely in pairs) / len(pairs),
            "support": len(pairs),
        }
        for kind, pairs in sorted(found.items())
    }


METRICS.register("ifeval")(InstructionFollowing("ifeval", "prompt_strict"))
METRICS.register("ifeval_instruction_strict")(
    InstructionFollowing("ifeval_instruction_strict", "instruction_strict")
)
METRICS.register("ifeval_prompt_loose")(InstructionFollowing("ifeval_prompt_loose", "prompt_loose"))
METRICS.register("ifeval_instruction_loose")(
    InstructionFollowing("ifeval_instruction_loose", "instruction_loose")
)
