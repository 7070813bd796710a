"""How long data takes to be prepared: read, split, rendered and tokenized, cold and warm.

`python benchmarks/prepare_speed.py [FILE]` (default: alpaca_12k of `TUTELAGE_DATA`) prepares the
file in a fresh cache, then once more from there, `--rounds` times, after imports. Beside wall time
stands processor time, which says what the work is where others use the machine; `--stages` adds
the parts one after the other, without the overlap of templates and tokenizer.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tutelage.data.load import load
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.model.loading import load_tokenizer
from tutelage.model.options import ModelOptions
from tutelage.pipeline.prepare import Prepared, prepare, read
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer
from tutelage.recipe import Recipe

T = TypeVar("T")


def timed(name: str, work: Callable[[], T]) -> T:
    """Do the work and print how long it took."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    load_average = os.getloadavg()[0]
    print(f"| {name} | {wall:.2f} | {processor:.2f} | {load_average:.1f} |", flush=True)
    return result


def stages(recipe: Recipe, renderer: Renderer) -> None:
    """The parts of a cold preparation, one after the other."""
    splits = timed("  read and split", lambda: load(recipe.data, Path()))
    plans = timed(
        "  templates", lambda: [renderer._training_pieces(example) for example in splits.train]
    )
    pieces = [piece for plan in plans for sequence in plan for piece in sequence]
    timed("  tokens", lambda: renderer.form.encode(pieces))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    data = Path(os.environ.get("TUTELAGE_DATA", "../shared/data"))
    parser.add_argument("file", type=Path, nargs="?", default=data / "alpaca_12k.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stages", action="store_true")
    given = parser.parse_args()
    options = DataOptions(train=[SourceOptions(path=str(given.file.resolve()))])
    recipe = Recipe(model=ModelOptions(), data=options)
    tokenizer = load_tokenizer(recipe.model)

    def whole() -> Prepared:
        return prepare(recipe, read(recipe), Renderer(tokenizer, PromptOptions()))

    print("| | seconds | of processor | load |\n| --- | --- | --- | --- |")
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TUTELAGE_CACHE"] = cache
            cold = timed("cold", whole)
            warm = timed("warm", whole)
        assert cold.fingerprint == warm.fingerprint
    print(f"{len(cold.train):,} examples to train on, {len(cold.train.ids):,} tokens")
    if given.stages:
        stages(recipe, Renderer(tokenizer, PromptOptions()))


if __name__ == "__main__":
    main()
