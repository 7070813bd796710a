"""Where does the time go? One training step and some decoding, looked at closely.

    python benchmarks/step_profile.py [--rows 32] [--prompts 16] [--threads 2]

SmolLM2-135M (or the model in TUTELAGE_MODEL) with LoRA on rows of alpaca_12k (in TUTELAGE_DATA).
Prints tokens a second of optimizer steps and the operators that took the time of one more step;
then tokens a second of decoding, and of transformers' `generate` called for one prompt after the
other on a few of them. A tool to find what to mend: `tuning_speed.py` is what compares.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from tutelage.data.options import DataOptions, SourceOptions
from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions
from tutelage.model.fused import unfuse
from tutelage.model.options import EMBEDDED, ModelOptions
from tutelage.pipeline.prepare import Item, prepare, read
from tutelage.pipeline.train import make_loop
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.recipe import Recipe
from tutelage.recipe.recipe import resolve
from tutelage.rundir import RunFolder
from tutelage.train.loop import Loop
from tutelage.train.options import TrainOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
WARM_UP = 1  # steps
NEW = 32  # tokens an answer
GENERATED = 6  # prompts that `generate` answers: it takes its time


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=32, help="to train on")
    parser.add_argument("--batch-size", type=int, default=8, help="rows a step")
    parser.add_argument("--prompts", type=int, default=16, help="to answer")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    steps = WARM_UP + arguments.rows // arguments.batch_size
    recipe = Recipe(
        model=ModelOptions(base=os.environ.get("TUTELAGE_MODEL", EMBEDDED), precision="float32"),
        data=DataOptions(
            train=[SourceOptions(path=str(DATA / "alpaca_12k.json"))],
            validation=0,
            test=max(1, arguments.prompts),
        ),
        train=TrainOptions(
            batch_size=arguments.batch_size,
            max_steps=steps + 1,
            checkpoint_every=steps + 2,
            threads=arguments.threads,
        ),
    )
    recipe = resolve(recipe, Path())
    bench = from_recipe(recipe)
    prepared = prepare(recipe, read(recipe), bench.renderer)
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as scratch:
        loop = make_loop(bench, prepared, RunFolder(Path(scratch)))
        console.print(training(loop, steps), highlight=False)
    if arguments.prompts:
        console.print(decoding(bench, prepared.items[: arguments.prompts]), highlight=False)


def training(loop: Loop, steps: int) -> str:
    """Time some steps, and profile another."""
    began: list[float] = []

    class Clock:
        def record(self, row: object) -> None:
            began.append(time.perf_counter())
            if len(began) == steps:
                profiler.start()

        def close(self) -> None: ...

    profiler = torch.profiler.profile(record_shapes=True)
    loop.trackers = [Clock()]
    loop.run(resume=False)
    profiler.stop()
    rows = loop.log.rows("step")[WARM_UP:steps]
    seconds = sum(row["seconds"] for row in rows)
    counts = {key: sum(row[key] for row in rows) for key in ("tokens", "supervised_tokens")}
    computed = sum(row["computed_tokens"] for row in rows)
    table = profiler.key_averages().table(
        sort_by="self_cpu_time_total", row_limit=22, max_name_column_width=40
    )
    return (
        f"{len(rows)} steps: {counts['tokens'] / seconds:.0f} tokens/s, "
        f"{counts['supervised_tokens'] / seconds:.0f} supervised tokens/s, "
        f"{computed / seconds:.0f} computed tokens/s\n{table}"
    )


def decoding(bench: Workbench, items: Sequence[Item]) -> str:
    """Tokens a second of our decoder and of `generate`."""
    decoder = bench.decoder(DecodeOptions(max_new_tokens=NEW))
    requests = [Request(item.prompt_ids, NEW, key=at) for at, item in enumerate(items)]
    decoder.run(requests[:2])  # warms up
    started = time.perf_counter()
    answers = decoder.run(requests)
    ours = sum(len(answer.ids) for answer in answers) / (time.perf_counter() - started)
    model = bench.model
    unfuse(model)
    model.set_attn_implementation("sdpa")
    generated, started = 0, time.perf_counter()
    for request in requests[:GENERATED]:
        prompt = torch.tensor([request.ids])
        output = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=sorted(bench.stop_ids),
            pad_token_id=0,
        )
        generated += output.shape[1] - prompt.shape[1]
    theirs = generated / (time.perf_counter() - started)
    return f"decoding: {ours:.0f} tokens/s; generate, one by one: {theirs:.0f} tokens/s"


if __name__ == "__main__":
    main()
