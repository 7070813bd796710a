"""How answers are decoded."""

from __future__ import annotations

from pydantic import Field

from tutelage.options import Options


class DecodeOptions(Options):
    """Decoding settings. An answer depends neither on `batch_size` nor on the other prompts."""

    max_new_tokens: int = Field(default=256, ge=1)
    """Longest answer, in tokens."""

    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy; above, samples are drawn with `seed`."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample from the smallest set of tokens with this probability (nucleus sampling)."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the samples; each prompt has a stream of its own."""

    batch_size: int = Field(default=64, ge=1)
    """Sequences decoded at the same time: speed and memory only. A step has 64 rows in any case."""
