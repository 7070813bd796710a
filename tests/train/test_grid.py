"""Every method on every family: the loss falls, a model reloads exactly, a run resumes exactly.

On tiny random models; `grid_cells.PROVEN` names the run on real weights behind each cell.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import torch
from forests import examples
from grid_cells import Cell, cells, table
from made_loop import same, weights
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.model.attention import using
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.model.methods import methods
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge
from tutelage.rundir import TrainLog
from tutelage.train.checkpoint import Checkpoints
from tutelage.train.example import Pack
from tutelage.train.loop import Loop
from tutelage.train.objectives import objectives
from tutelage.train.options import TrainOptions

STEPS = 9
RATES = {"full": 3e-3, "lora": 1e-2, "prefix": 5e-2, "adapter": 1e-2}


def made(cell: Cell, folder: Path, dtype: torch.dtype = torch.float32) -> Loop:
    """A loop over the cell's model, fused as in a run."""
    folder.mkdir(exist_ok=True)
    model = cell.model().to(dtype)
    family, method = families.get(cell.family), methods.get(cell.method)
    fuse(family, model)
    method.prepare(model, cell.options, seed=0)
    options = TrainOptions(
        batch_size=4,
        epochs=4,
        max_steps=STEPS,
        micro_batch_tokens=48,
        warmup=0,
        checkpoint_every=4,
        schedule="constant",
    )
    return Loop(
        model,
        family,
        objectives.get("supervised")(options),
        method.trainable_parameters(model),
        examples(data(cell)),
        [],
        options,
        RATES[cell.method],
        TrainLog(folder / "log.jsonl"),
        Checkpoints(folder / "checkpoints", keep=9),
        base=partial(method.disabled, model) if method.keeps_base else nullcontext,
        factors=method.learning_rate_factors(model),
    )


def data(cell: Cell) -> list[Rendered]:
    return cell.sequences(16, seed=0)


@torch.no_grad()
def logits(cell: Cell, model: PreTrainedModel) -> Tensor:
    family, forest = families.get(cell.family), merge(cell.sequences(3, seed=1))
    model.train(False)
    with using(family.layout(model, forest, "segments")):
        return family.logits(model, family.forest_states(model, forest))


@torch.no_grad()
def loss(cell: Cell, model: PreTrainedModel) -> float:
    """Of everything that is trained on."""
    family, pack = families.get(cell.family), Pack(merge(data(cell)), tuple(examples(data(cell))))
    model.train(False)
    with using(family.layout(model, pack.forest, "segments")):
        found = objectives.get("supervised")(TrainOptions()).loss(family, model, pack)
    return found.sum.item()


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_it_learns_reloads_and_resumes(cell: Cell, tmp_path: Path) -> None:
    method = methods.get(cell.method)
    loop = made(cell, tmp_path / "whole")
    trained = set(loop.optimizer.parameters)
    frozen = {
        name: value.clone() for name, value in loop.model.named_parameters() if name not in trained
    }
    base, before = logits(cell, loop.model), loss(cell, loop.model)
    loop.run(resume=False)

    assert loss(cell, loop.model) < 0.98 * before
    still = dict(loop.model.named_parameters())
    assert all(torch.equal(still[name], value) for name, value in frozen.items())
    tuned = logits(cell, loop.model)
    assert not torch.equal(tuned, base)

    method.save(loop.model, tmp_path)
    fresh = cell.model()
    fuse(families.get(cell.family), fresh)
    untuned = logits(cell, fresh)
    method.load(fresh, tmp_path)
    assert torch.equal(logits(cell, fresh), tuned)
    if method.keeps_base:
        with method.disabled(loop.model):
            assert torch.equal(logits(cell, loop.model), untuned)

    stopped = made(cell, tmp_path / "stopped")
    stopped.steps = 6  # as if killed behind the checkpoint of step 4
    stopped.run(resume=False)
    for left in (tmp_path / "stopped" / "checkpoints").glob("step-000006"):
        left.rename(tmp_path / "lost")
    resumed = made(cell, tmp_path / "stopped")
    resumed.run(resume=True)
    assert same(weights(resumed), weights(loop))


def test_the_page_shows_the_grid() -> None:
    page = Path(__file__).parents[2] / "docs" / "methods.md"
    assert table() in page.read_text()
