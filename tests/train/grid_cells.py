"""The grid of families and methods: what is tried in each cell, and which real run proved it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from transformers import PreTrainedModel

import tiny_encoder_decoders
import tiny_masked
import tiny_models
from tutelage.model.options import (
    AdapterOptions,
    FullOptions,
    LoraOptions,
    ModelOptions,
    PrefixOptions,
)
from tutelage.prompt.rendered import Rendered

Make = Callable[[str], PreTrainedModel]

MAKERS: dict[str, Make] = {
    "causal": tiny_models.make_model,
    "encoder_decoder": tiny_encoder_decoders.make_model,
    "masked": tiny_masked.make_model,
}
KINDS = {
    "causal": ("llama", "gpt2", "mistral", "gemma3_text"),
    "encoder_decoder": ("t5", "bart", "marian"),
    "masked": ("bert", "roberta", "modernbert", "albert"),
}
WAYS = {
    "full": {"full": ModelOptions(method="full")},
    "full, last layer": {
        "full": ModelOptions(method="full", full=FullOptions(last_layers=1)),
    },
    "lora": {"lora": ModelOptions(lora=LoraOptions(rank=4, learning_rate_ratio=2))},
    "lora, DoRA": {"lora": ModelOptions(lora=LoraOptions(rank=4, dora=True))},
    "prefix": {"prefix": ModelOptions(method="prefix", prefix=PrefixOptions(tokens=5))},
    "prefix, projected": {
        "prefix": ModelOptions(method="prefix", prefix=PrefixOptions(tokens=5, projection=8)),
    },
    **{
        f"adapter, {placement}": {
            "adapter": ModelOptions(
                method="adapter", adapter=AdapterOptions(width=8, placement=placement)
            )
        }
        for placement in ("parallel", "pfeiffer", "houlsby")
    },
}
FIRST_KIND_ONLY = (
    "full, last layer",
    "lora, DoRA",
    "prefix, projected",
    "adapter, pfeiffer",
    "adapter, houlsby",
)
"""Ways that are tried on the first architecture of a family, to save time."""

UNVERIFIED = "unverified"
DECODERS, OTHERS = "tests/model/test_real_models.py", "tests/train/test_grid_real.py"
PROVEN: dict[tuple[str, str], str] = {
    ("causal", "full"): f"SmolLM2-135M, stories15m ({DECODERS})",
    ("causal", "lora"): f"SmolLM2-135M, stories15m ({DECODERS})",
    ("causal", "prefix"): f"SmolLM2-135M, stories15m ({DECODERS})",
    ("causal", "adapter"): f"SmolLM2-135M, stories15m ({DECODERS})",
    **{
        ("encoder_decoder", method): f"opus-mt-en-fr, t5-small ({OTHERS})"
        for method in ("full", "lora", "prefix", "adapter")
    },
    **{
        ("masked", method): f"all-MiniLM-L6-v2 with a head of ours ({OTHERS})"
        for method in ("full", "lora", "prefix", "adapter")
    },
}
"""The run on real weights that proved a cell; what is missing is unverified."""


@dataclass(frozen=True)
class Cell:
    """One way of tuning on one architecture."""

    family: str
    kind: str
    way: str

    @property
    def method(self) -> str:
        (method,) = WAYS[self.way]
        return method

    @property
    def options(self) -> ModelOptions:
        return WAYS[self.way][self.method]

    def model(self) -> PreTrainedModel:
        return MAKERS[self.family](self.kind)

    def sequences(self, count: int, seed: int) -> list[Rendered]:
        return [_MADE[self.family](np.random.default_rng((seed, at))) for at in range(count)]

    def __str__(self) -> str:
        return f"{self.family}: {self.kind}, {self.way}"


def cells() -> list[Cell]:
    """Every cell that is tried."""
    return [
        Cell(family, kind, way)
        for family, kinds in KINDS.items()
        for kind in kinds
        for way in WAYS
        if kind == kinds[0] or way not in FIRST_KIND_ONLY
    ]


def table() -> str:
    """The grid as docs/methods.md shows it."""
    methods = ("full", "lora", "prefix", "adapter")
    lines = ["| family | tiny random models of | " + " | ".join(methods) + " |"]
    lines.append("| --- " * (2 + len(methods)) + "|")
    for family, kinds in KINDS.items():
        proofs = [PROVEN.get((family, method), UNVERIFIED) for method in methods]
        lines.append(f"| `{family}` | {', '.join(kinds)} | " + " | ".join(proofs) + " |")
    return "\n".join(lines)


def _made(random: np.random.Generator, family: str) -> Rendered:
    """A question of four words and its answer, which follows from it."""
    words = random.integers(10, 20, 4)
    answer = np.array([words[0] + 20, words[1] + 20, 1], np.int32)
    asked = np.array([2, *words], np.int32)
    if family == "encoder_decoder":
        ids = np.array([0, *answer], np.int32)
        weights = np.array([0, 1, 1, 1], np.float32)
        return Rendered(ids, weights, stop_trained=True, source=asked)
    if family == "masked":
        ids = np.array([*asked, 4, 4, 4], np.int32)
        labels = np.array([*asked, *answer], np.int32)
        weights = np.array([0] * len(asked) + [1] * 3, np.float32)
        return Rendered(ids, weights, stop_trained=True, labels=labels)
    ids = np.array([*asked, *answer], np.int32)
    weights = np.array([0] * len(asked) + [1] * 3, np.float32)
    return Rendered(ids, weights, stop_trained=True)


_MADE = {family: partial(_made, family=family) for family in KINDS}
