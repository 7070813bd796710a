"""What is trained on: rendered examples, and the packs that they become.

An objective may compare an example's sequences with each other and with what the base model made
of them, so a pack knows whose sequences it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transformers import PreTrainedModel

from tutelage.data.example import Source
from tutelage.errors import UserError
from tutelage.model.context import context_length, prefix_tokens
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import Forest


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """An example ready to train on, or the part of one that travels alone.

    Attributes:
        source: the row it came from.
        task: the task it belongs to.
        sequences: what is desired.
        negatives: what is undesired, one sequence for each negative response.
        reference: for objectives that need it, the base model's weighted sum of log-probabilities
            for each of `all_sequences`.
    """

    source: Source
    task: str
    sequences: tuple[Rendered, ...]
    negatives: tuple[Rendered, ...] = ()
    reference: tuple[float, ...] = ()

    @property
    def all_sequences(self) -> tuple[Rendered, ...]:
        """Desired ones, then undesired ones."""
        return self.sequences + self.negatives


@dataclass(frozen=True, slots=True)
class Pack:
    """One forward pass.

    Attributes:
        forest: the merged sequences; it numbers them example by example, each in the order of
            `all_sequences`.
        examples: whose sequences these are.
    """

    forest: Forest
    examples: tuple[TrainingExample, ...]

    def __len__(self) -> int:
        return len(self.forest)


def check_context(model: PreTrainedModel, examples: Iterable[TrainingExample]) -> None:
    """Refuse sequences that are longer than what the model was made to read.

    Raises:
        UserError: the row with the longest one.
    """
    limit = context_length(model)
    longest = max(examples, key=_length)
    if limit is not None and _length(longest) > limit:
        prefix = prefix_tokens(model)
        shorter = f"; a prefix of {prefix} tokens takes the rest" if prefix else ""
        remedy = ", or lower model.prefix.tokens" if prefix else ""
        raise UserError(
            f"an example has {_length(longest)} tokens, and the model reads at most {limit}"
            f"{shorter}",
            where=f"{longest.source.file} row {longest.source.row}",
            fix=f"set prompt.max_tokens: {limit}{remedy}",
        )


def _length(example: TrainingExample) -> int:
    """Tokens of the longest that encoder or decoder reads of the example."""
    return max(max(len(one.source), len(one.ids)) for one in example.all_sequences)
