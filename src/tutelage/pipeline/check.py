"""Preflight: everything that can fail late is tried early. The job behind `tutelage check`.

Nothing here is estimated that can be tried: the whole data set is rendered, the step that needs
most memory is really run forwards and backwards, a prompt is really answered, every metric is
looked up, every tracker opened, and the disk asked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.evaluate.foresight import Foresight, few_validation, foresee
from tutelage.evaluate.silence import silence_notes
from tutelage.infer.backend import Request
from tutelage.pipeline.choices import choices_of, unmatched
from tutelage.pipeline.contributions import Contributions
from tutelage.pipeline.endpoints import check_keys
from tutelage.pipeline.memory import fit_memory
from tutelage.pipeline.prepare import Prepared, prepare, read
from tutelage.pipeline.stages import stage
from tutelage.pipeline.suites.planning import preflight
from tutelage.pipeline.train import make_loop
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.prompt.renderer import Renderer
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder
from tutelage.train.loop import Loop, TrainingExample
from tutelage.train.machine import peak_memory
from tutelage.train.trackers import check_installed

SAMPLES = 3
DRIFT_SAMPLES = 500
"""Rows whose ids are compared with what the tokenizer makes of the whole text."""


@dataclass(frozen=True)
class Sample:
    """A row as it will be trained on.

    Attributes:
        source: file and row.
        tokens: each token's text and whether it is trained.
    """

    source: str
    tokens: list[tuple[str, bool]]


@dataclass(frozen=True)
class Check:
    """What preflight found; every number is of the whole data set unless it says otherwise.

    Attributes:
        counts: the ledger: read, kept, changed, truncated, dropped.
        reasons: how many rows each reason applies to.
        splits: examples to train on, validate with and ask.
        tasks: examples to train on and to ask, by task.
        mixture: the strategy, and what each task gives to the whole run.
        sequences: token sequences to train on.
        tokens: in them.
        supervised_tokens: of these, trained.
        longest: tokens of the longest sequence.
        stop_trained: sequences whose stop token is trained.
        drift_checked: sequences compared with the tokenizer's ids of the whole text.
        drift: of these, how many differ (at a turn's border).
        stop_tokens: what ends an answer.
        template: where the chat template comes from.
        steps: optimizer steps of the run.
        seconds_predicted: of training, from the step that was run.
        peak_memory_bytes: predicted; where it cannot be, measured in the largest step, and the
            optimizer's state.
        memory_parts: what takes it, in bytes; empty where it cannot be predicted.
        memory_settings: what decides it, and was chosen to fit `train.memory_limit` if there is
            one.
        disk_needed_bytes: checkpoints and model.
        disk_free_bytes: where the run would be written.
        foresight: the changes that the smallest and the largest task are likely to show.
        notes: what else to know.
        samples: rows with their tokens.
    """

    counts: dict[str, int]
    reasons: dict[str, int]
    splits: dict[str, int]
    tasks: dict[str, dict[str, int]]
    mixture: dict[str, Any]
    sequences: int
    tokens: int
    supervised_tokens: int
    longest: int
    stop_trained: int
    drift_checked: int
    drift: int
    stop_tokens: list[str]
    template: str
    steps: int
    seconds_predicted: float
    peak_memory_bytes: int
    memory_parts: dict[str, int]
    memory_settings: str
    disk_needed_bytes: int
    disk_free_bytes: int
    foresight: list[Foresight] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def check(recipe: str | Path, overrides: Sequence[str] = (), out: str | Path = ".") -> Check:
    """Try everything a run would do, in a minute or so.

    Args:
        recipe: the recipe's file.
        overrides: settings such as `train.batch_size=8`.
        out: where the run would be written, to look at the disk.

    Raises:
        UserError: something would fail.
    """
    resolved = load_recipe(recipe, overrides).resolved()
    splits = read(resolved)
    bench = from_recipe(resolved)
    return check_prepared(bench, prepare(resolved, splits, bench.renderer), Path(out))


def check_prepared(bench: Workbench, prepared: Prepared, out: Path) -> Check:
    """The same on what is loaded already; leaves the model as it was."""
    check_installed(bench.recipe.train.trackers)
    check_keys(bench.recipe.evaluate)
    suites = preflight(bench.recipe.evaluate, prepared.items)
    with tempfile.TemporaryDirectory() as scratch:
        new_loop = partial(make_loop, bench, prepared, RunFolder(Path(scratch)))
        fit_memory(bench, new_loop)
        stage("trying the largest step and the longest prompt")
        loop = new_loop()
        given = Contributions.of(loop.order, prepared.train, loop.steps)
        seconds, memory = _largest_step(loop, sum(part.tokens for part in given.parts))
    _answer_once(bench, prepared)
    sequences = [sequence for example in prepared.train for sequence in example.all_sequences]
    trainable = bench.method.trainable_parameters(bench.model).values()
    state = sum(4 * parameter.numel() for parameter in trainable)
    disk = _disk(bench, state, out)
    compared, drift = _drift(prepared.train[:DRIFT_SAMPLES], bench.renderer)
    tasks = prepared.tasks()
    return Check(
        counts=prepared.counts(),
        reasons=prepared.ledger.reasons(),
        splits={
            "train": len(prepared.train),
            "validation": len(prepared.validation),
            "test": len(prepared.items),
        },
        tasks=tasks,
        mixture=given.as_dict(bench.recipe.data.mixture),
        sequences=len(sequences),
        tokens=sum(map(len, sequences)),
        supervised_tokens=sum(sequence.supervised_tokens for sequence in sequences),
        longest=max(map(len, sequences)),
        stop_trained=sum(sequence.stop_trained for sequence in sequences),
        drift_checked=compared,
        drift=drift,
        stop_tokens=[
            str(bench.renderer.tokenizer.decode([stop])) for stop in sorted(bench.stop_ids)
        ],
        template=bench.renderer.template.origin,
        steps=loop.steps,
        seconds_predicted=seconds,
        peak_memory_bytes=bench.memory.total if bench.memory else memory + 2 * state,
        memory_parts=bench.memory.prediction.parts() if bench.memory else {},
        memory_settings=bench.memory.settings if bench.memory else "",
        disk_needed_bytes=disk[0],
        disk_free_bytes=disk[1],
        foresight=foresee(
            [task["test"] for task in tasks.values()], bench.recipe.evaluate.confidence
        ),
        notes=[
            *_notes(bench),
            *few_validation(len(prepared.validation)),
            *unmatched(bench.recipe.evaluate, prepared.items),
            *silence_notes([item.scored for item in prepared.items], bench.recipe.evaluate),
            *suites,
        ],
        samples=[_sample(example, bench.renderer) for example in prepared.train[:SAMPLES]],
    )


def _largest_step(loop: Loop, tokens: int) -> tuple[float, int]:
    """Run the step that needs most memory; predicted seconds of the run, and peak memory.

    Args:
        loop: of the run.
        tokens: in all its steps.

    Raises:
        UserError: the model passes by something that is to be trained.
    """
    packs = loop.longest()
    largest = max(packs, key=len)
    passed_by = loop.try_pack(largest)  # the first call also sets kernels up
    if passed_by:
        raise UserError(
            f"{len(passed_by)} trainable weights get no gradient, such as {passed_by[0]}",
            where="model",
            fix="this architecture does not use them as expected; narrow what is trained",
        )
    started = time.perf_counter()
    loop.try_pack(largest)
    per_token = (time.perf_counter() - started) / len(largest)
    return per_token * tokens, peak_memory(loop.model.device)


def _answer_once(bench: Workbench, prepared: Prepared) -> None:
    """Answer the longest prompt with two tokens, and look at the answers to choose from."""
    options, chooses = bench.recipe.evaluate, bench.inference.chooses
    choices_of(options, bench.renderer, prepared.train, chooses=chooses)
    if prepared.items:
        longest = max(prepared.items, key=lambda item: len(item.prompt_ids))
        bench.decoder(bench.recipe.evaluate.decode).run([Request(longest.prompt_ids, 2)])


def _disk(bench: Workbench, state: int, out: Path) -> tuple[int, int]:
    kept = bench.recipe.train.keep_checkpoints + 2  # the best one, and one being written
    needed = 3 * state * kept + state
    where = out.absolute()
    while not where.exists():
        where = where.parent
    if not where.is_dir() or not os.access(where, os.W_OK):
        found = "may not be written" if where.is_dir() else "is a file"
        raise UserError(f"the run's place {found}", where=str(where), fix="choose another --out")
    free = shutil.disk_usage(where).free
    if needed > free:
        raise UserError(
            f"the run needs about {needed / 2**30:.1f} GiB of disk, and {free / 2**30:.1f} GiB "
            "are free",
            where=str(where),
            fix="free some, choose another --out, or keep fewer checkpoints",
        )
    return needed, free


def _drift(examples: Sequence[TrainingExample], renderer: Renderer) -> tuple[int, int]:
    """How many sequences the tokenizer would cut otherwise if it saw the whole text at once.

    An encoder's text and an answer to it are whole as they are, and not compared.
    """
    sequences = [
        sequence
        for example in examples
        for sequence in example.all_sequences
        if not len(sequence.source)
    ]
    tokenizer = renderer.tokenizer
    texts = [tokenizer.decode(sequence.ids.tolist()) for sequence in sequences]
    whole = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    pairs = zip(sequences, whole, strict=True)
    return len(sequences), sum(sequence.ids.tolist() != ids for sequence, ids in pairs)


def _notes(bench: Workbench) -> list[str]:
    notes = list(bench.notes)
    if not bench.renderer.closes_turns:
        notes.append(
            "the chat template has no token that ends the assistant's turn; the end-of-sequence "
            "token is added, and each turn is trained as a sequence of its own"
        )
    if bench.renderer.template.folds_system:
        notes.append("the chat template takes no system turns; they precede the first user turn")
    return notes


def _sample(example: TrainingExample, renderer: Renderer) -> Sample:
    sequence = example.all_sequences[0]
    ids = [*sequence.source.tolist(), *sequence.predicted.tolist()]
    weights = [0.0] * len(sequence.source) + sequence.weights.tolist()
    pairs = zip(ids, weights, strict=True)
    tokens = [(str(renderer.tokenizer.decode([id_])), weight > 0) for id_, weight in pairs]
    return Sample(f"{example.source.file} row {example.source.row}", tokens)
