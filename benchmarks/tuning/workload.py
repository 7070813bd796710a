"""The work that all contenders do: the same tokens, from the same weights, in as many steps.

It is prepared once and read by every process. Rows are rendered to ids and labels by our
renderer, so no contender's time holds any tokenization, and all supervise exactly the same
tokens (TRL's own tokenization of these rows would add the line break that follows the stop token).
For LoRA the first matrices are drawn once and written in PEFT's form; full fine-tuning begins at
the base model's own weights.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tutelage.data.example import Example
    from tutelage.prompt.renderer import Renderer
    from tutelage.recipe import Recipe

IGNORED = -100
"""Label of a token that is not trained, in transformers' convention."""

HELD_OUT = 16
"""Rows that are not trained on and measure what was learned; a few of them warm up."""

MICRO_BATCH = 8
"""Most rows a forward pass, for contenders whose memory depends on it; they accumulate the
gradients of as many as a step holds. 8 is the default of transformers' and TRL's trainers."""

LONGEST = 1024
"""Longer rows are left out: TRL's default `max_length`, which would truncate them."""

# AdamW's settings, the same for all.
BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 0.0
MAX_GRADIENT_NORM = 1.0

ADAPTER = "adapter"
"""Folder of the first LoRA matrices, in the work's folder."""


@dataclass(frozen=True)
class Settings:
    """What is to be measured.

    Attributes:
        data: a file of rows in any format Tutelage reads, or a folder of Natural Instructions.
        tasks: of a folder of Natural Instructions, how many; None for a file.
        base: the model: an embedded name, a folder or a hub id.
        method: what is trained.
        rows: how many to train on, in one pass.
        learning_rate: constant, without warm-up.
        batch_size: rows an optimizer step, a multiple of `MICRO_BATCH` that divides `rows`.
        rank: of LoRA, on all linear layers but the head.
        alpha: of LoRA.
        threads: of the CPU.
        seed: of the choice of rows, their order and the first matrices.
    """

    data: str
    tasks: int | None
    base: str
    method: Literal["lora", "full"]
    learning_rate: float
    rows: int
    batch_size: int
    rank: int
    alpha: float
    threads: int
    seed: int


@dataclass(frozen=True)
class Row:
    """One sample: its ids, and its labels, `IGNORED` where there is no loss."""

    ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class Workload:
    """What every contender does.

    Attributes:
        settings: as asked for.
        base: the model's folder.
        order: indices into `rows` for each step, as our loop draws them.
        rows: to train on.
        held_out: other rows, never trained on: they measure what was learned.
        too_long: how many rows were passed over as longer than `LONGEST` while choosing.
    """

    settings: Settings
    base: str
    order: list[list[int]]
    rows: list[Row]
    held_out: list[Row]
    too_long: int

    @property
    def warm_up(self) -> list[Row]:
        """Rows of a first step, at a learning rate of 0, before the clock starts."""
        return self.held_out[:MICRO_BATCH]

    @property
    def tokens(self) -> int:
        """Tokens of the rows, without padding and before anything is shared."""
        return sum(len(row.ids) for row in self.rows)

    @property
    def supervised(self) -> int:
        """Tokens of the rows that count in the loss."""
        return sum(row.supervised for row in self.rows)

    def write(self, folder: Path) -> None:
        (folder / "workload.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Workload:
        values = json.loads((folder / "workload.json").read_text(encoding="utf-8"))
        values["settings"] = Settings(**values["settings"])
        for name in ("rows", "held_out"):
            values[name] = [Row(**row) for row in values[name]]
        return cls(**values)


def prepare(settings: Settings, folder: Path) -> None:
    """Choose and render the rows, draw the order and the first matrices, and note the machine."""
    from tutelage.model.folders import locate
    from tutelage.pipeline.workbench import from_recipe
    from tutelage.rundir import environment, write_json
    from tutelage.train.order import Order

    order = Order(settings.rows, settings.batch_size, settings.seed)
    base = str(locate(settings.base))
    bench = from_recipe(recipe(settings, base))
    if settings.method == "lora":
        (folder / ADAPTER).mkdir()
        bench.method.save(bench.model, folder / ADAPTER)
    chosen, too_long = choose(settings, bench.renderer)
    Workload(
        settings=settings,
        base=base,
        order=[order.indices(step).tolist() for step in range(order.steps_an_epoch)],
        rows=chosen[: settings.rows],
        held_out=chosen[settings.rows :],
        too_long=too_long,
    ).write(folder)
    write_json(folder / "environment.json", environment())


def recipe(settings: Settings, base: str) -> Recipe:
    """Tutelage's recipe for the work: its defaults but for what all contenders share."""
    from tutelage.data.options import DataOptions, SourceOptions
    from tutelage.model.options import LoraOptions, ModelOptions
    from tutelage.recipe import Recipe
    from tutelage.train.options import TrainOptions

    lora = LoraOptions(rank=settings.rank, alpha=settings.alpha)
    return Recipe(
        model=ModelOptions(
            base=base,
            method=settings.method,
            lora=lora if settings.method == "lora" else LoraOptions(),
            precision="float32",
            device="cpu",
        ),
        data=DataOptions(train=[SourceOptions(path=settings.data)], validation=0, test=0),
        train=TrainOptions(
            epochs=1,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            schedule="constant",
            warmup=0,
            betas=BETAS,
            epsilon=EPSILON,
            weight_decay=WEIGHT_DECAY,
            max_gradient_norm=MAX_GRADIENT_NORM,
            order="shuffled",  # the default today, and what the others do
            seed=settings.seed,
            checkpoint_every=settings.rows,  # none on the way, as for the others
            threads=settings.threads,
        ),
    )


def choose(settings: Settings, renderer: Renderer) -> tuple[list[Row], int]:
    """A seeded choice of rows, to train on and held out, each whole and unlike the others.

    Returns:
        The rows, and how many were passed over as too long.
    """
    from tutelage.data.fates import Fate

    count = settings.rows + HELD_OUT
    examples = read(settings)
    random.Random(settings.seed).shuffle(examples)
    rows: dict[tuple[int, ...], Row] = {}
    too_long = 0
    for rendering in renderer.render(examples[: 2 * count]):
        if len(rows) == count:
            break
        if rendering.fate is not Fate.KEPT or len(rendering.sequences) != 1:
            continue
        ids, weights = rendering.sequences[0].ids.tolist(), rendering.sequences[0].weights
        if len(ids) > LONGEST:
            too_long += 1
            continue
        labels = [id_ if weight else IGNORED for id_, weight in zip(ids, weights, strict=True)]
        rows.setdefault(tuple(ids), Row(ids, labels))
    if len(rows) < count:
        raise SystemExit(f"{settings.data} has {len(rows)} rows that can be used, not {count}")
    return list(rows.values()), too_long


def read(settings: Settings) -> list[Example]:
    """All examples that can be chosen from, in the order of the files."""
    if settings.tasks is not None:
        from tuning import natural_instructions

        return natural_instructions.examples(Path(settings.data), settings.tasks, settings.seed)
    from tutelage.data.load import load

    return load(recipe(settings, settings.base).data, Path()).train
