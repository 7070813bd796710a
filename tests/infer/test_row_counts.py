"""Passes of fewer rows: taken only where they were tried and give the same."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

import tiny_models
from tutelage.infer.backend import Request
from tutelage.infer.decoder import Decoder
from tutelage.infer.likelihood import log_likelihoods
from tutelage.infer.options import DecodeOptions
from tutelage.infer.row_counts import RowCounts
from tutelage.model.families.causal import Causal


class Stand(Causal):
    """Gives a row the same in any pass, but for those counts where it rounds otherwise."""

    def __init__(self, hidden: int = 0, logits: int = 0) -> None:
        self.off_hidden, self.off_logits = hidden, logits
        self.passes: list[int] = []

    def hidden_states(self, model: object, ids: Tensor, positions: Tensor) -> Tensor:
        self.passes.append(ids.shape[1])
        return _rounded(ids[0, :, None] + positions[0, :, None] / 7, self.off_hidden)

    def logits(self, model: object, hidden: Tensor) -> Tensor:
        return _rounded(hidden * torch.arange(5), self.off_logits)


def _rounded(values: Tensor, off: int) -> Tensor:
    values = values.clone()
    if len(values) == off:
        values[-1] = values[-1].nextafter(values.new_full((), torch.inf))
    return values


class Counted(Causal):
    """Notes how many rows passes have."""

    def __init__(self) -> None:
        self.passes: Counter[int] = Counter()

    def hidden_states(self, model: object, ids: Tensor, positions: Tensor) -> Tensor:
        self.passes[ids.shape[1]] += 1
        return super().hidden_states(model, ids, positions)


@pytest.mark.parametrize(
    ("family", "headed", "counts"),
    [
        (Stand(), True, {16, 32, 48, 64}),
        (Stand(hidden=16), False, {32, 48, 64}),
        (Stand(logits=32), True, {16, 48, 64}),
        (Stand(logits=32), False, {16, 32, 48, 64}),
        (Stand(hidden=16, logits=48), True, {32, 64}),
    ],
)
def test_only_what_is_the_same_is_taken(family: Stand, headed: bool, counts: set[int]) -> None:
    rows = RowCounts(family, tiny_models.make_model("llama"), 64, headed=headed)
    while not family.passes:
        assert rows.known(rows.for_pass(1)) in counts
    found = {at: (rows.for_pass(at), rows.known(at)) for at in range(1, 65)}
    least = {at: min(count for count in counts if count >= at) for at in found}
    assert found == {at: (count, count) for at, count in least.items()}
    assert family.passes == [64, 16, 32, 48]  # tried once


def test_a_trial_is_made_once_as_many_rows_have_idled() -> None:
    family = Stand()
    rows = RowCounts(family, tiny_models.make_model("llama"), 64)
    for _ in range(99):  # nothing could be spared
        assert rows.for_pass(64) == rows.for_pass(49) == 64
    # 64 + 16 + 32 + 48 rows take as long as 4 passes spare of which each could be 16 for 64.
    assert [rows.for_pass(3) for _ in range(3)] == [64] * 3 and not family.passes
    assert rows.known(3) == 64
    assert rows.for_pass(3) == rows.known(16) == 16
    alone = RowCounts(family, tiny_models.make_model("llama"), 1)
    assert [alone.for_pass(1) for _ in range(99)] == [1] * 99


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "gpt2"])
def test_answers_are_the_same_with_fewer_rows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_models.make_model(kind)
    asked = [Request(tuple(range(2, 9 + at)), 30 + 5 * at, key=at) for at in range(40)]

    def run() -> tuple[list[object], Counter[int]]:
        family = Counted()
        decoder = Decoder(family, model, (), DecodeOptions(temperature=1.0, batch_size=40))
        return decoder.run(asked), family.passes

    shorter, few = run()
    monkeypatch.setattr(RowCounts, "_tried", lambda _: [])
    usual, many = run()
    assert shorter == usual  # ids, reasons and every log-probability
    assert set(many) == {1, 64, 128}  # 1: to learn what a token takes
    assert {16, 32, 48} < set(few)  # tried
    monkeypatch.setattr(RowCounts, "_tried", lambda self: self._counts)
    _, few = run()  # as where all of them are the same: the answers end one after the other
    steps = [few[rows] for rows in (64, 48, 32, 16)]
    assert steps[0] == 9 and min(steps) > 0  # the tenth of 40 sequences pays for the trial
    assert sum(steps) == many[64]


def test_likelihoods_are_the_same_with_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_models.make_model("llama")
    texts = [[5] * 40 + [at, 7, at % 5 + 2, 9] for at in range(2, 300)]

    def run() -> tuple[list[list[float]], Counter[int]]:
        family = Counted()
        found = log_likelihoods(family, model, texts, [40] * len(texts))
        return [one.tolist() for one in found], family.passes

    shorter, few = run()
    monkeypatch.setattr(RowCounts, "_tried", lambda _: [])
    usual, many = run()
    assert shorter == usual
    assert {32, 64, 96} < set(few) and set(many) == {1, 128}
