"""Passes of fewer rows: taken only where they were tried and give the same."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

import tiny_models
from tutelage.infer import row_counts
from tutelage.infer.backend import Request
from tutelage.infer.decoder import Decoder
from tutelage.infer.likelihood import log_likelihoods
from tutelage.infer.options import DecodeOptions
from tutelage.infer.row_counts import RowCounts
from tutelage.model.families import families
from tutelage.model.families.causal import Causal

CAUSAL = families.get("causal")


class Rounding(Causal):
    """A library whose products of 16 rows come out otherwise in their last bit."""

    def hidden_states(self, model: object, ids: Tensor, positions: Tensor) -> Tensor:
        states = super().hidden_states(model, ids, positions)
        off = states.shape[0] == 16
        return states.nextafter(states.new_full((), torch.inf)) if off else states


class Counted(Causal):
    """Notes how many rows passes have."""

    def __init__(self) -> None:
        self.passes: Counter[int] = Counter()

    def hidden_states(self, model: object, ids: Tensor, positions: Tensor) -> Tensor:
        self.passes[ids.shape[1]] += 1
        return super().hidden_states(model, ids, positions)


@torch.inference_mode()
def test_only_what_is_the_same_is_taken() -> None:
    model = tiny_models.make_model("llama")
    trusted = RowCounts(Rounding(), model, 64, headed=True)
    assert [trusted.fewest(rows, 99) for rows in (1, 16)] == [32, 32]
    assert [trusted.fewest(rows, 99) for rows in (17, 32, 33, 48, 49, 64)] == [
        *(32, 32, 48, 48, 64, 64)
    ]


@torch.inference_mode()
def test_a_trial_must_pay() -> None:
    family = Counted()
    counts = RowCounts(family, tiny_models.make_model("llama"), 64)
    assert counts.fewest(3) == counts.fewest(3, row_counts.WORTH - 1) == 64
    assert counts.fewest(64, 99) == counts.fewest(49, 99) == 64 and not family.passes
    counts.fewest(3, row_counts.WORTH)
    assert family.passes == {64: 1, 16: 1, 32: 1, 48: 1}
    tried = counts.fewest(3)  # known by now
    assert tried == counts.fewest(3, 99) and sum(family.passes.values()) == 4
    assert RowCounts(family, tiny_models.make_model("llama"), 1).fewest(1, 99) == 1


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "gpt2"])
def test_answers_are_the_same_with_fewer_rows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_models.make_model(kind)
    asked = [Request(tuple(range(2, 9 + at)), 30 + 5 * at, key=at) for at in range(40)]

    def run(worth: int) -> tuple[list[object], Counter[int]]:
        monkeypatch.setattr(row_counts, "WORTH", worth)
        family = Counted()
        decoder = Decoder(family, model, (), DecodeOptions(temperature=1.0, batch_size=40))
        return decoder.run(asked), family.passes

    (shorter, few), (usual, many) = run(1), run(10**9)
    assert shorter == usual  # ids, reasons and every log-probability
    assert set(many) == {1, 64, 128}  # 1: to learn what a token takes
    assert sum(few.values()) > sum(many.values())  # by the trials
    if few[16] > 2:  # where this machine's library allows it
        assert sum(rows * n for rows, n in few.items()) < sum(rows * n for rows, n in many.items())


def test_likelihoods_are_the_same_with_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_models.make_model("llama")
    texts = [[5] * 40 + [at, 7, at % 5 + 2, 9] for at in range(2, 90)]

    def run(worth: int) -> tuple[list[list[float]], Counter[int]]:
        monkeypatch.setattr(row_counts, "WORTH", worth)
        family = Counted()
        found = log_likelihoods(family, model, texts, [40] * len(texts))
        return [one.tolist() for one in found], family.passes

    (shorter, few), (usual, many) = run(1), run(10**9)
    assert shorter == usual
    assert set(few) > {128} and set(many) == {1, 128}
