"""The work: preference pairs as ids, in as many steps, from the same first LoRA matrices.

Prepared once by our renderer and read by every contender, so that no time holds any tokenization
and all compare exactly the same tokens. A pair is a prompt and the two responses to it, each with
its stop token.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tuning.workload import ADAPTER, LONGEST, Settings, read
from tuning.workload import recipe as supervised_recipe

if TYPE_CHECKING:
    from tutelage.recipe import Recipe

BETA = 0.1
"""The paper's default, TRL's and ours."""


@dataclass(frozen=True)
class Pair:
    """Ids of a prompt and of the two responses to it."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]

    @property
    def tokens(self) -> int:
        """Of both sequences, as a trainer without sharing reads them."""
        return 2 * len(self.prompt) + self.compared

    @property
    def compared(self) -> int:
        """Tokens of the responses."""
        return len(self.chosen) + len(self.rejected)


@dataclass(frozen=True)
class Pairs:
    """What every contender does.

    Attributes:
        settings: as asked for; its rows are pairs.
        base: the model's folder.
        order: indices into `pairs` for each step, as our loop draws them.
        pairs: to train on.
        warm_up: other pairs, as many as a step has.
        too_long: how many were passed over as longer than `LONGEST` while choosing.
    """

    settings: Settings
    base: str
    order: list[list[int]]
    pairs: list[Pair]
    warm_up: list[Pair]
    too_long: int

    @property
    def tokens(self) -> int:
        """Tokens of the pairs, without padding and before anything is shared."""
        return sum(pair.tokens for pair in self.pairs)

    def write(self, folder: Path) -> None:
        (folder / "workload.json").write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Pairs:
        values = json.loads((folder / "workload.json").read_text(encoding="utf-8"))
        values["settings"] = Settings(**values["settings"])
        for name in ("pairs", "warm_up"):
            values[name] = [Pair(**pair) for pair in values[name]]
        return cls(**values)


def recipe(settings: Settings, base: str) -> Recipe:
    """Tutelage's recipe for the work."""
    from tutelage.train.options import DpoOptions

    made = supervised_recipe(settings, base)
    dpo = {"objective": "dpo", "dpo": DpoOptions(beta=BETA)}
    return made.model_copy(update={"train": made.train.model_copy(update=dpo)})


def prepare(settings: Settings, folder: Path) -> None:
    """Choose and render the pairs, draw the order and the first matrices, and note the machine."""
    from tutelage.data.fates import Fate
    from tutelage.model.folders import locate
    from tutelage.pipeline.workbench import from_recipe
    from tutelage.rundir import environment, write_json
    from tutelage.train.order import Order

    base = str(locate(settings.base))
    bench = from_recipe(recipe(settings, base))
    (folder / ADAPTER).mkdir()
    bench.method.save(bench.model, folder / ADAPTER)
    examples = read(settings)
    random.Random(settings.seed).shuffle(examples)
    count = settings.rows + settings.batch_size
    chosen: list[Pair] = []
    too_long = 0
    for rendering in bench.renderer.render(examples[: 3 * count]):
        if rendering.fate is not Fate.KEPT or len(rendering.negatives) != 1:
            continue
        sequences = (*rendering.sequences, *rendering.negatives)
        if max(len(sequence.ids) for sequence in sequences) > LONGEST:
            too_long += 1
            continue
        prompt = int(sequences[0].weights.argmax())
        ids = [sequence.ids.tolist() for sequence in sequences]
        chosen.append(Pair(ids[0][:prompt], *(one[prompt:] for one in ids)))
    if len(chosen) < count:
        raise SystemExit(f"{settings.data} has {len(chosen)} pairs that can be used, not {count}")
    order = Order(settings.rows, settings.batch_size, settings.seed)
    Pairs(
        settings=settings,
        base=base,
        order=[order.indices(step).tolist() for step in range(order.steps_an_epoch)],
        pairs=chosen[: settings.rows],
        warm_up=chosen[settings.rows : count],
        too_long=too_long,
    ).write(folder)
    write_json(folder / "environment.json", environment())
