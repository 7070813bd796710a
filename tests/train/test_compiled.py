"""Compiled blocks change no loss and no gradient, are compiled once, and only while training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from made_loop import make_loop
from torch._dynamo.utils import counters

import tiny_encoder_decoders
import tiny_masked
from tutelage.errors import UserError
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.rundir import TrainLog
from tutelage.train import compiled
from tutelage.train.distribution import ALONE, World
from tutelage.train.loop import Loop


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def made(folder: Path, **settings: Any) -> Loop:
    """Packs of many lengths, two validations."""
    loop = make_loop(folder, count=24, max_steps=6, validate_every=3, **settings)
    fuse(families.get("causal"), loop.model)
    return loop


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in TrainLog(folder / "log.jsonl").rows()]


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_run_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", backend)
    found = []
    for how in ("never", "blocks"):
        loop = made(tmp_path / how, compile=how)
        loop.run(resume=False)
        found.append((loop.weights(), losses(tmp_path / how)))
    (plain, expected), (ours, compiled_losses) = found
    assert compiled_losses == pytest.approx(expected, rel=1e-5)
    for name, weight in plain.items():
        torch.testing.assert_close(ours[name], weight, rtol=0, atol=1e-4)


def test_one_compilation_serves_all_layers_and_lengths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    loop = made(tmp_path, method="full", compile="blocks")
    loop.run(resume=False)
    lengths = {len(pack) for step in range(6) for pack in loop.passes.packs(loop.examples[step:])}
    assert len(lengths) > 3
    # A block is cut in two by its attention, and so is the attention module.
    assert counters["stats"]["unique_graphs"] == 4
    assert all(layer._compiled_call_impl is None for layer in loop.model.model.layers)


def test_what_cannot_be_compiled_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="computed again in the backward pass"):
        made(tmp_path, compile="blocks", activation_checkpointing="selective")
    loop = made(tmp_path)
    options = loop.options.model_copy(update={"compile": "blocks"})
    for other in (tiny_encoder_decoders.make_model("t5"), tiny_masked.make_model("bert")):
        with pytest.raises(UserError, match="decoder-only models only"):
            compiled.compiled_passes(other, options, ALONE)
    two = World()
    two.size = 2
    with pytest.raises(UserError, match="one process"):
        compiled.compiled_passes(loop.model, options, two)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="no-such-compiler is not there"):
        compiled.compiled_passes(loop.model, options, ALONE)
