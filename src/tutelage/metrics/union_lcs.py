"""The matches behind ROUGE-Lsum, found in long integers instead of a table a sentence pair.

ROUGE-Lsum takes, for each reference sentence, the union over the answer's sentences of the tokens
on *one* longest common subsequence with each; which one is decided by how rouge-score walks back
through its table, so equality needs that walk, not only the length. Its 300 × 300 cells take
Python 20–30 ms. Here every pair of sentences is a lane of one long integer, with a bit for each
token of the reference sentence, and one step advances all lanes by one answer token:

- forward, by the recurrence of Hyyrö (2004): a bit says whether the table grows from the row
  before, which is all that the walk ever asks of it;
- backward, where each lane falls to its highest row that either matches the answer's token (and
  is taken) or grows (then the walk moves on to the token before).

A pair of 300-token texts takes 0.3–0.5 ms where the tables take 17 (benchmarks/RESULTS.md,
"metrics").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import chain

Sentence = Sequence[str]


def union_lcs_matches(reference: Sequence[Sentence], answer: Sequence[Sentence]) -> int:
    """How many reference tokens the union of longest common subsequences hits.

    A token counts at most as often as the answer has it, as in ROUGE-1.5.5.

    Args:
        reference: tokenised sentences.
        answer: tokenised sentences.
    """
    available = Counter(chain.from_iterable(answer))
    lanes = _Lanes.of(reference, available)
    # Longest first, and aligned at their last tokens: early steps then have few lanes.
    columns = sorted((lanes.matches(sentence) for sentence in answer), key=len, reverse=True)
    matches, grows = _forward(lanes, columns)
    taken = _backward(lanes, len(columns), matches, grows)
    union = 0
    for block in range(len(columns)):
        union |= taken >> (8 * lanes.size * block)
    return sum(
        min((union & bits).bit_count(), available[token]) for token, bits in lanes.tokens.items()
    )


@dataclass(frozen=True, slots=True)
class _Lanes:
    """The layout of one block: a lane a reference sentence, and an empty guard bit above each.

    Attributes:
        tokens: for each token, the bits that hold it.
        masks: the same as `size` little-endian bytes.
        data: the bits that are not guards.
        size: bytes of the block.
    """

    tokens: dict[str, int]
    masks: dict[str, bytes]
    data: int
    size: int

    @classmethod
    def of(cls, reference: Sequence[Sentence], available: Container[str]) -> _Lanes:
        """Lay out the tokens that are `available`: no walk ever stops at another."""
        tokens: dict[str, int] = {}
        data, bit = 0, 1
        for sentence in reference:
            start = bit
            for token in sentence:
                if token in available:
                    tokens[token] = tokens.get(token, 0) | bit
                    bit <<= 1
            data |= bit - start
            bit <<= 1
        size = bit.bit_length() // 8 + 1
        masks = {token: bits.to_bytes(size, "little") for token, bits in tokens.items()}
        return cls(tokens, masks, data, size)

    def matches(self, sentence: Sentence) -> list[bytes]:
        """The masks of a sentence's tokens; a run of tokens that match nowhere acts as one."""
        nowhere = bytes(self.size)
        masks: list[bytes] = []
        for token in sentence:
            mask = self.masks.get(token, nowhere)
            if mask is not nowhere or (masks and masks[-1] is not nowhere):
                masks.append(mask)
        return masks

    def repeat(self, blocks: int) -> int:
        """`data` of so many blocks side by side."""
        return int.from_bytes(self.data.to_bytes(self.size, "little") * blocks, "little")


def _forward(lanes: _Lanes, columns: Sequence[list[bytes]]) -> tuple[list[int], list[int]]:
    """For each step, where the token matches and where the table grows from the row before.

    Args:
        lanes: the layout of a block.
        columns: the masks of each answer sentence, longest sentence first: a block each.
    """
    matches, grows = [], []
    active, present, flat = 0, 0, 0  # flat: rows from which the table does not grow
    for from_end in range(-len(columns[0]) if columns else 0, 0):
        started = active
        while active < len(columns) and len(columns[active]) >= -from_end:
            active += 1
        if active > started:
            now = lanes.repeat(active)
            flat |= now ^ present
            present = now
        column = b"".join([masks[from_end] for masks in columns[:active]])
        match = int.from_bytes(column, "little")
        meeting = flat & match
        # The sum carries within a lane and at most into its guard, which the mask clears.
        flat = ((flat + meeting) | (flat - meeting)) & present
        matches.append(match)
        grows.append(present ^ flat)
    return matches, grows


def _backward(lanes: _Lanes, blocks: int, matches: list[int], grows: list[int]) -> int:
    """The reference tokens taken by each lane's walk from its last cell."""
    data = lanes.repeat(blocks)
    # By a shift of 1, 2, 4, … a bit fills those below it; the mask keeps it in its lane.
    fills: list[tuple[int, int]] = []
    shift, inside = 1, data & data >> 1
    while inside:
        fills.append((shift, inside))
        inside &= inside >> shift
        shift *= 2
    below, taken = data, 0
    for match, grow in zip(reversed(matches), reversed(grows), strict=True):
        below &= match | grow
        for shift, inside in fills:
            below |= below >> shift & inside
        took = (below ^ (below & below >> 1)) & match
        taken |= took
        below ^= took
    return taken
