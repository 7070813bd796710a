"""The loop: normalised once, validated, stopped early, and honest about what went wrong."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from forests import KeepFloat64, examples, forest_loss, gradients, reference_loss, rendered
from made_loop import log_rows, made_sequences, make_loop, same, weights

from tutelage.errors import UserError
from tutelage.rundir import TrainLog
from tutelage.train.example import Pack
from tutelage.train.figures import Figures
from tutelage.train.loop import Loop
from tutelage.train.objectives import PackLoss
from tutelage.train.packing import micro_batches


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in TrainLog(folder / "log.jsonl").rows("step")]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_grouping_changes_nothing(tmp_path: Path, method: str) -> None:
    """1 × 8 is 8 × 1 is anything between, over several optimizer steps."""
    found = []
    with KeepFloat64():
        for budget in (16, 60, 10_000):
            folder = tmp_path / str(budget)
            loop = make_loop(
                folder,
                method=method,
                dtype=torch.float64,
                count=24,
                batch_size=8,
                micro_batch_tokens=budget,
            )
            packs = loop.passes.packs(loop.examples[:8])
            loop.run(resume=False)
            found.append((len(packs), losses(folder), weights(loop)))
    assert found[0][0] == 8 and found[2][0] == 1
    for _, loss, weight in found[1:]:
        assert loss == pytest.approx(found[0][1], rel=1e-7)
        for name, tensor in found[0][2].items():
            torch.testing.assert_close(weight[name], tensor, rtol=0, atol=1e-6)


def test_a_step_is_the_mean_over_its_supervised_tokens(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, method="full", max_steps=1, batch_size=13)
    sequences = made_sequences(13)
    model = loop.model.train()
    model.set_attn_implementation("eager")
    tokens = sum(sequence.supervised_tokens for sequence in sequences)
    expected = reference_loss(model, sequences) / tokens
    norm = math.sqrt(sum(float((g / tokens).square().sum()) for g in gradients(model).values()))
    model.set_attn_implementation("tutelage")
    loop.run(resume=False)
    (row,) = TrainLog(loop.log.path).rows("step")
    assert row["loss"] == pytest.approx(float(expected), rel=1e-5)
    assert row["gradient_norm"] == pytest.approx(norm, rel=1e-4)
    assert row["supervised_tokens"] == tokens
    assert row["tokens"] == sum(len(sequence.ids) for sequence in sequences)
    assert row["computed_tokens"] < row["tokens"]


def test_it_learns(tmp_path: Path) -> None:
    make_loop(tmp_path, epochs=30, validation=0).run(resume=False)
    assert losses(tmp_path)[-1] < losses(tmp_path)[0] / 2


def test_validation_loss_equals_the_reference(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, dtype=torch.float64, dropout=0.5)
    sequences = made_sequences(5, seed=1)
    with KeepFloat64():
        found = loop.validation.figures().loss
        loop.model.set_attn_implementation("eager")
        expected = reference_loss(loop.model.eval(), sequences)
    tokens = sum(sequence.supervised_tokens for sequence in sequences)
    assert found == pytest.approx(float(expected) / tokens, rel=1e-9)


class Scripted(Loop):
    """A loop whose validation losses are given."""

    script: tuple[float, ...] = ()

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.validation.figures = self._scripted

    def _scripted(self) -> Figures:
        return Figures(self.script[len(self.log.rows("validation"))], {}, {})


def scripted(*script: float) -> type[Loop]:
    return type("Scripted", (Scripted,), {"script": script})


def test_it_stops_when_validation_stops_getting_better(tmp_path: Path) -> None:
    loop = make_loop(
        tmp_path,
        loop=scripted(3.0, 2.0, 2.5, 2.0, 1.0, 0.5),
        epochs=3,
        validate_every=2,
        patience=2,
    )
    tuned = loop.run(resume=False)
    assert loop.steps == 12
    assert tuned.stopped_early and tuned.progress.step == 8
    assert (tuned.progress.best_step, tuned.handed_on) == (4, 4)
    best = [row["best"] for row in TrainLog(loop.log.path).rows("validation")]
    assert best == [True, True, False, False]
    assert loop.checkpoints.latest("made") == tuned.progress
    # Stopped is stopped, however often it is resumed.
    again = make_loop(tmp_path, loop=scripted(*[0.0] * 9), epochs=3, validate_every=2, patience=2)
    assert again.run(resume=True).progress == tuned.progress
    assert same(weights(again), weights(loop))


def test_an_improvement_renews_the_patience(tmp_path: Path) -> None:
    script = (3.0, 3.5, 2.0, 2.5, 1.0, 1.5)
    loop = make_loop(tmp_path, loop=scripted(*script), epochs=3, validate_every=2, patience=2)
    tuned = loop.run(resume=False)
    assert not tuned.stopped_early and tuned.progress.step == 12


@pytest.mark.parametrize("keep_best", [True, False])
def test_the_best_weights_are_handed_on(tmp_path: Path, keep_best: bool) -> None:
    seen: dict[int, dict[str, torch.Tensor]] = {}

    class Watch:
        def record(self, row: dict) -> None:
            if row["event"] == "validation":
                seen[row["step"]] = weights(loop)

        def close(self) -> None: ...

    loop = make_loop(
        tmp_path,
        Watch(),
        loop=scripted(2.0, 1.0, 3.0, 4.0),
        method="full",
        dtype=torch.bfloat16,
        validate_every=2,
        checkpoint_every=1,
        keep_checkpoints=1,
        keep_best=keep_best,
    )
    tuned = loop.run(resume=False)
    assert tuned.handed_on == (4 if keep_best else 8)
    assert same(weights(loop), seen[tuned.handed_on])
    kept = sorted(path.name for path in loop.checkpoints.folder.iterdir())
    assert kept == ["step-000004", "step-000008"]


def test_old_checkpoints_are_removed_but_the_best(tmp_path: Path) -> None:
    script = (3.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.5)
    loop = make_loop(tmp_path, loop=scripted(*script), validate_every=1, keep_checkpoints=2)
    kept = []

    class Watch:
        def record(self, row: dict) -> None:
            if row["event"] == "step":
                kept.append(sorted(int(p.name[5:]) for p in loop.checkpoints.folder.glob("*")))

        def close(self) -> None: ...

    loop.trackers = [Watch()]
    loop.run(resume=False)
    assert kept == [[], [1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [2, 5, 6], [2, 6, 7]]
    assert sorted(int(p.name[5:]) for p in loop.checkpoints.folder.glob("*")) == [7, 8]


class Poisoned:
    """An objective that goes wrong at a chosen pack."""

    def __init__(self, inner, wrong_at: int, how: str) -> None:
        self.inner, self.left, self.how = inner, wrong_at, how
        self.needs_reference = False
        self.parts, self.weights = inner.parts, inner.weights

    def loss(self, family, model, pack: Pack) -> PackLoss:
        found = self.inner.loss(family, model, pack)
        return found._replace(sum=self._poisoned(found.sum))

    def _poisoned(self, loss: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        if self.left > 0:
            return loss
        if self.how == "loss":
            return loss * math.nan
        # A finite loss whose gradient is not: the square root at zero.
        return loss + (loss - loss.detach()).abs().add(0).sqrt()


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_run_and_names_the_rows(tmp_path: Path, what: str) -> None:
    loop = make_loop(tmp_path, validation=0, checkpoint_every=1, micro_batch_tokens=1000)
    loop.passes.objective = Poisoned(loop.passes.objective, 3, what)
    with pytest.raises(UserError) as error:
        loop.run(resume=False)
    rows = [f"made.jsonl row {index}" for index in loop.order.indices(2)]
    assert f"the {what} is not finite at step 3" in str(error.value)
    assert all(row in str(error.value) for row in rows)
    latest = loop.checkpoints.latest("made")
    assert latest is not None and latest.step == 2
    saved = loop.checkpoints.tensors(2)
    assert all(tensor.isfinite().all() for tensor in saved.values())
    assert same(weights(loop), {n: saved[f"weight.{n}"] for n in loop.optimizer.parameters})
    assert len(losses(tmp_path)) == 2
    # Mended, the run goes on from there.
    assert make_loop(tmp_path, validation=0, checkpoint_every=1).run(resume=True).progress.step == 8


def test_a_validation_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, loop=scripted(2.0, math.nan), validate_every=2)
    with pytest.raises(UserError, match="validation loss is not finite after step 4"):
        loop.run(resume=False)
    assert loop.checkpoints.latest("made").step == 2


def test_a_step_without_supervised_tokens_moves_nothing(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, validation=0, epochs=1, weight_decay=0.0)
    loop.examples = examples([rendered([5, 6, 7, n], [0.0] * 4) for n in range(13)])
    before = weights(loop)
    loop.run(resume=False)
    assert losses(tmp_path) == [0.0] * 4
    assert same(weights(loop), before)


def test_examples_longer_than_the_context_are_refused(tmp_path: Path) -> None:
    loop = make_loop(tmp_path)
    long = examples([*made_sequences(2), rendered([7] * 129, [0.0] + [1.0] * 128)])
    arguments = (
        loop.model,
        loop.passes.family,
        loop.passes.objective,
        loop.optimizer.parameters,
    )
    with pytest.raises(UserError, match=r"made.jsonl row 2: .* 129 tokens, .* 128\n.*128"):
        Loop(*arguments, long, [], loop.options, 1e-3, loop.log, loop.checkpoints)


def test_the_trial_of_a_pack_leaves_nothing_behind(tmp_path: Path) -> None:
    loop = make_loop(tmp_path)
    before = weights(loop)
    packs = loop.longest()
    ordered = sorted(made_sequences(13), key=lambda s: -len(s.ids))[:4]
    assert sum(pack.forest.logical_tokens for pack in packs) == sum(len(s.ids) for s in ordered)
    passed_by = loop.try_pack(packs[0])
    assert same(weights(loop), before)
    assert all(parameter.grad is None for parameter in loop.model.parameters())
    assert passed_by == []


def test_sequences_of_one_example_are_trained_in_one_step(tmp_path: Path) -> None:
    """As where the template rewrites earlier turns."""
    from dataclasses import replace

    loop = make_loop(tmp_path, validation=0, epochs=1, batch_size=1, count=2)
    first, second = loop.examples
    loop.examples = [replace(first, sequences=first.sequences * 3), second]
    loop.run(resume=False)
    tokens = [row["tokens"] for row in TrainLog(loop.log.path).rows("step")]
    assert sorted(tokens) == sorted([3 * len(first.sequences[0].ids), len(second.sequences[0].ids)])


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3_text"])
def test_recomputed_activations_give_the_same_run(tmp_path: Path, kind: str) -> None:
    finished = []
    for recompute in (False, True):
        folder = tmp_path / str(recompute)
        loop = make_loop(
            folder, kind=kind, dropout=0.1, activation_checkpointing=recompute, max_steps=3
        )
        loop.run(resume=False)
        finished.append((log_rows(folder), weights(loop)))
    assert finished[0][0] == finished[1][0]
    assert same(finished[0][1], finished[1][1])


def test_packs_of_a_step_are_those_of_packing(tmp_path: Path) -> None:
    loop = make_loop(tmp_path, dtype=torch.float64)
    sequences = made_sequences(13)
    packs = micro_batches(sequences, 48)
    with KeepFloat64():
        whole = forest_loss(loop.model.eval(), micro_batches(sequences, 10_000))
        torch.testing.assert_close(forest_loss(loop.model, packs), whole)
    gradients(loop.model)
