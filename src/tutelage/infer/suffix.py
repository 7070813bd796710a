"""Where a suffix stands in a prompt, and which tokens can stand there.

An attacker types a text. So a suffix of tokens counts only if, written out, put behind the request
and rendered by the model's own template, it comes back as these very tokens between the very same
others: tokens that merge with their neighbours, whitespace that a template strips and control
tokens of the vocabulary are out. As in the paper (Zou et al. 2023) only printable ASCII is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from tutelage.prompt.encoding import PieceEncoder

FILLING = " !"
"""What the suffix is before the search, again and again, as in the paper."""


class NoPlace(Exception):  # noqa: N818 - it says what there is, for who asks to skip
    """A model's template does not give back what is put behind a request."""


class Place:
    """The end of a request, where a suffix goes.

    Args:
        encoder: of the model's renderer.
        render: gives the prompt's ids with a text appended to the request.
        length: tokens of the suffix, as nearly as the filling's own make them up.

    Attributes:
        head: ids before the suffix.
        start: the suffix before the search.
        tail: ids behind it, up to where the assistant speaks.
        allowed: (tokens,) bool, by id: which the search may choose.

    Raises:
        NoPlace: the template does not give back what the request ends with.
    """

    def __init__(
        self, encoder: PieceEncoder, render: Callable[[str], Sequence[int]], length: int
    ) -> None:
        self._tokenizer = encoder.tokenizer
        self._render = render
        self.head, self.start, self.tail = _apart(render, length)
        if len(self.start) not in (0, length):  # the filling has several tokens, or several are one
            self.head, self.start, self.tail = _apart(render, length**2 // len(self.start))
        self.allowed = allowed_tokens(encoder)
        if not self.head or not self.start or self.text(self.start) is None:
            raise NoPlace("the chat template does not give back a suffix of the user's turn")

    def filled(self, suffix: Sequence[int]) -> tuple[int, ...]:
        """The prompt with a suffix."""
        return (*self.head, *suffix, *self.tail)

    def text(self, suffix: Sequence[int]) -> str | None:
        """What to append to the request, so that the prompt has these tokens; None if nothing."""
        # Behind the token before it, as alone SentencePiece would drop its first space.
        before, whole = (
            str(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))
            for ids in ([self.head[-1]], [self.head[-1], *suffix])
        )
        if not whole.startswith(before):
            return None
        text = whole[len(before) :]
        return text if tuple(self._render(text)) == self.filled(suffix) else None


def _apart(
    render: Callable[[str], Sequence[int]], fillings: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The prompt before so many fillings, they themselves, and the prompt behind them."""
    bare, filled = tuple(render("")), tuple(render(FILLING * max(1, fillings)))
    alike = min(len(bare), len(filled))
    head = next((at for at in range(alike) if bare[at] != filled[at]), alike)
    rest = alike - head
    tail = next((at for at in range(rest) if bare[-1 - at] != filled[-1 - at]), rest)
    behind = len(filled) - tail
    return filled[:head], filled[head:behind], filled[behind:]


def allowed_tokens(encoder: PieceEncoder) -> np.ndarray:
    """Which ids are printable ASCII and no control token, (tokens,) bool."""
    tokenizer: PreTrainedTokenizerBase = encoder.tokenizer
    texts = tokenizer.batch_decode(
        [[token] for token in range(len(tokenizer))], clean_up_tokenization_spaces=False
    )
    allowed = np.array([bool(text) and text.isascii() and text.isprintable() for text in texts])
    allowed[sorted(encoder.control_ids)] = False
    return allowed
