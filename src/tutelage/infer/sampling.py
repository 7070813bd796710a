"""Choose the next token from logits, greedily or at random with a stream a prompt."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from tutelage.infer.options import DecodeOptions


class Sampler:
    """Chooses tokens; each request draws from a stream of its own.

    Args:
        options: temperature, top_p and seed.
    """

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options
        self._streams: dict[int, torch.Generator] = {}

    def choose(self, logits: Tensor, keys: list[int]) -> Tensor:
        """The next token of each row.

        Args:
            logits: (rows, vocabulary) float32.
            keys: the requests' keys, which select their streams.

        Returns:
            (rows,) int64.
        """
        if self._options.temperature == 0:
            return logits.argmax(dim=1)
        drawn = [self._draw(row, key) for row, key in zip(logits, keys, strict=True)]
        return torch.tensor(drawn, device=logits.device)

    def _draw(self, logits: Tensor, key: int) -> int:
        """Invert the distribution's cumulative sum at a number from the request's stream."""
        probabilities = (logits.double().cpu() / self._options.temperature).softmax(dim=0)
        probabilities, tokens = probabilities.sort(descending=True, stable=True)
        cumulative = probabilities.cumsum(dim=0)
        # The nucleus: the fewest tokens whose probability reaches top_p.
        size = int((cumulative < self._options.top_p).sum()) + 1
        mass = cumulative[min(size, len(tokens)) - 1]
        drawn = torch.rand((), generator=self._stream(key), dtype=torch.float64) * mass
        at = int(torch.searchsorted(cumulative, drawn, right=True))
        return int(tokens[min(at, size - 1, len(tokens) - 1)])

    def _stream(self, key: int) -> torch.Generator:
        if key not in self._streams:
            digest = hashlib.sha256(f"{self._options.seed}/{key}".encode()).digest()
            seed = int.from_bytes(digest[:8], "big") >> 1
            self._streams[key] = torch.Generator().manual_seed(seed)
        return self._streams[key]
