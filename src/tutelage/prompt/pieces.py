"""The pieces of a rendered conversation, and a pipeline that encodes many conversations' pieces.

Filling templates is Python's work and takes one core; encoding is done by the tokenizer's own
threads, which leave the interpreter alone. So while one block of examples is encoded, the template
is filled for the next: 12,000 rows of Alpaca take the longer of the two times rather than their
sum (benchmarks/RESULTS.md, "prepared data"). Only a block or two are in memory as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice

from tutelage.data.example import Example
from tutelage.prompt.template import TemplateRefused

BLOCK = 512
"""Examples in a block: enough for every thread, little enough to begin encoding soon."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of rendered text that is encoded on its own.

    Attributes:
        text: rendered text, with control tokens of the data still marked.
        begins: it begins the sequence.
        supervised: it counts in the loss.
        closed: it ends as it should; if not, the end-of-sequence token is added.
    """

    text: str
    begins: bool = False
    supervised: bool = False
    closed: bool = True


Plan = list[list[Piece]] | str
"""The pieces of each of an example's sequences, or why the template refuses the example."""

Planned = tuple[Example, Plan]
Encoded = tuple[Example, Plan, Iterator[list[int]]]


def in_blocks(
    examples: Iterable[Example],
    pieces_of: Callable[[Example], list[list[Piece]]],
    encode: Callable[[list[Piece]], list[list[int]]],
) -> Iterator[Encoded]:
    """Each example with its plan and an iterator that gives the ids of its pieces, in order.

    Args:
        examples: in any number.
        pieces_of: fills the template; a refusal becomes the plan.
        encode: ids of each piece; called in another thread, one block at a time.

    Yields:
        In order. The ids of an example are to be taken before the next example is asked for.
    """
    following = iter(examples)
    with ThreadPoolExecutor(1) as encoding:
        waiting: tuple[list[Planned], Future[list[list[int]]]] | None = None
        while block := [_planned(example, pieces_of) for example in islice(following, BLOCK)]:
            pieces = [piece for _, plan in block for piece in _pieces(plan)]
            submitted = block, encoding.submit(encode, pieces)
            if waiting:
                yield from _with_ids(*waiting)
            waiting = submitted
        if waiting:
            yield from _with_ids(*waiting)


def _planned(example: Example, pieces_of: Callable[[Example], list[list[Piece]]]) -> Planned:
    try:
        return example, pieces_of(example)
    except TemplateRefused as error:
        return example, str(error)


def _pieces(plan: Plan) -> Iterator[Piece]:
    return iter(()) if isinstance(plan, str) else chain.from_iterable(plan)


def _with_ids(block: list[Planned], ids: Future[list[list[int]]]) -> Iterator[Encoded]:
    encoded = iter(ids.result())
    return ((example, plan, encoded) for example, plan in block)
