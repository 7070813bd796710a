"""How fast are prompts answered? Tutelage's decoder against transformers' `generate`.

    python benchmarks/decoding_speed.py [--work alpaca natural] [--rounds 3] [--markdown FILE]

SmolLM2-135M (or the model in TUTELAGE_MODEL), float32, 32 new tokens a prompt, greedy, as it is
and with a LoRA update of rank 16 beside every linear layer. Two works, 64 prompts each (in
TUTELAGE_DATA): `alpaca`, instructions that share the template's system prompt; and `natural`,
8 tasks of natural_instructions, whose prompts share a definition and two examples by task.

All contenders run in this process on one model object, taking turns, after a turn of warm-up; ours
has its own modules and attention, the peers transformers' and `sdpa`. `one by one` answers a few
prompts only: it takes its time. `by 8` and `by 32` are `generate` on left-padded batches of prompts
of similar length; `continuous batching` is its `generate_batch`. A token counts up to the stop one;
texts are compared with those of `one by one`, over the prompts that it has answered. Processor
seconds are given beside the time, as others may use the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console
from transformers import ContinuousBatchingConfig, GenerationConfig

from tuning.natural_instructions import examples as natural_instructions
from tutelage.data.load import load
from tutelage.data.options import DataOptions, SourceOptions
from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions
from tutelage.infer.prefixes import find_prefixes
from tutelage.model.attention import NAME
from tutelage.model.fused import fuse, unfuse
from tutelage.model.options import EMBEDDED, ModelOptions
from tutelage.pipeline.workbench import Workbench, from_recipe
from tutelage.recipe import Recipe
from tutelage.recipe.recipe import resolve
from tutelage.train.options import TrainOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
ALPACA = "alpaca_12k.json"
TASKS = 8
NEW = 32
PAGE = 32  # tokens in a block of the peer's cache; its default of 256 suits long texts
Tokens = list[tuple[int, ...]]
Contender = Callable[[Workbench, Sequence[Request]], Tokens]


@dataclass
class Cell:
    """A contender's turns at one work."""

    name: str
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    tokens: int = 0
    answers: Tokens = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Tokens a second, the median turn."""
        return self.tokens / statistics.median(self.seconds)

    @property
    def processor_rate(self) -> float:
        """Tokens a second of processor time."""
        return self.tokens / statistics.median(self.processor)


def ours(bench: Workbench, requests: Sequence[Request]) -> Tokens:
    options = DecodeOptions(max_new_tokens=NEW, batch_size=64)
    return [answer.ids for answer in bench.decoder(options).run(requests)]


def generate(size: int) -> Contender:
    """transformers' `generate` on batches of prompts of similar length."""

    def run(bench: Workbench, requests: Sequence[Request]) -> Tokens:
        order = sorted(range(len(requests)), key=lambda at: len(requests[at].ids))
        found: Tokens = [()] * len(requests)
        for start in range(0, len(order), size):
            some = order[start : start + size]
            for at, ids in zip(some, _batch(bench, [requests[at].ids for at in some]), strict=True):
                found[at] = ids
        return found

    return run


def _batch(bench: Workbench, prompts: Sequence[tuple[int, ...]]) -> Tokens:
    """One call of `generate`; answers up to their stop token."""
    longest = max(map(len, prompts))
    stops = sorted(bench.stop_ids)
    output = bench.model.generate(  # type: ignore[operator]
        torch.tensor([[0] * (longest - len(ids)) + list(ids) for ids in prompts]),
        attention_mask=torch.tensor(
            [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts]
        ),
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=stops,
        pad_token_id=0,
    )
    answers = output[:, longest:].tolist()
    ends = [next((n + 1 for n, i in enumerate(ids) if i in stops), len(ids)) for ids in answers]
    return [tuple(ids[:end]) for ids, end in zip(answers, ends, strict=True)]


def continuous(bench: Workbench, requests: Sequence[Request]) -> Tokens:
    """transformers' continuous batching, its cache as large as the work needs."""
    blocks = sum(-(-(len(request.ids) + NEW) // PAGE) for request in requests)
    output = bench.model.generate_batch(  # type: ignore[operator]
        [list(request.ids) for request in requests],
        generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=sorted(bench.stop_ids),
            pad_token_id=0,
        ),
        continuous_batching_config=ContinuousBatchingConfig(
            num_blocks=blocks, block_size=PAGE, max_batch_tokens=256
        ),
        warmup=False,
    )
    return [tuple(output[f"req_{at}"].generated_tokens) for at in range(len(requests))]


CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    "generate one by one": generate(1),
    "generate by 8": generate(8),
    "generate by 32": generate(32),
    "continuous batching": continuous,
}


def prompts(bench: Workbench, work: str, count: int) -> list[Request]:
    """The prompts of a work, without the answers."""
    if work == "alpaca":
        examples = load(DataOptions(train=[SourceOptions(path=str(DATA / ALPACA))]), Path()).train
        chosen = examples[:: len(examples) // count][:count]
    else:
        examples = natural_instructions(DATA / "natural_instructions", TASKS, seed=0)
        tasks = sorted({example.task for example in examples})
        each = [[e for e in examples if e.task == task][: count // len(tasks)] for task in tasks]
        chosen = [example for one in each for example in one]
    ids = [bench.renderer.prompt_ids(example.prompt) for example in chosen]
    return [Request(tuple(one), NEW, key=at) for at, one in enumerate(ids)]


@contextlib.contextmanager
def plain(bench: Workbench) -> Iterator[None]:
    """The model as transformers has it: its own modules and attention."""
    unfuse(bench.model)
    bench.model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        bench.model.set_attn_implementation(NAME)
        fuse(bench.family, bench.model)


def turn(cell: Cell, bench: Workbench, requests: Sequence[Request]) -> None:
    """Answer all requests once, by the clock."""
    as_theirs = contextlib.nullcontext() if cell.name == "ours" else plain(bench)
    with as_theirs, torch.inference_mode():
        started, processor = time.perf_counter(), time.process_time()
        cell.answers = CONTENDERS[cell.name](bench, requests)
        cell.seconds.append(time.perf_counter() - started)
        cell.processor.append(time.process_time() - processor)
    cell.tokens = sum(map(len, cell.answers))


def measure(
    bench: Workbench, requests: Sequence[Request], arguments: argparse.Namespace
) -> list[Cell]:
    """Interleaved turns of all contenders, the first one thrown away."""
    cells = [Cell(name) for name in arguments.only]
    for number in range(arguments.rounds + 1):
        for cell in cells[number % len(cells) :] + cells[: number % len(cells)]:
            some = requests[: arguments.alone] if "one by one" in cell.name else requests
            turn(cell, bench, some[:2] if number == 0 else some)
        if number == 0:
            for cell in cells:
                cell.seconds.clear()
                cell.processor.clear()
    return cells


def table(cells: Sequence[Cell]) -> str:
    """Rates and equal texts as Markdown; a rate is compared with the best of the peers."""
    peers = [cell.rate for cell in cells if cell.name != "ours"]
    best = max(peers, default=0.0) or float("nan")
    reference = next((cell for cell in cells if "one by one" in cell.name), cells[0]).answers
    lines = [
        "| contender | tokens/s | range | × best peer | tokens/s of processor | equal texts |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cell in cells:
        low, high = cell.tokens / max(cell.seconds), cell.tokens / min(cell.seconds)
        pairs = list(zip(cell.answers, reference, strict=False))
        equal = sum(one == other for one, other in pairs)
        lines.append(
            f"| {cell.name} | {cell.rate:.0f} | {low:.0f}–{high:.0f} | {cell.rate / best:.2f} | "
            f"{cell.processor_rate:.0f} | {equal} of {len(pairs)} |"
        )
    return "\n".join(lines)


def facts(requests: Sequence[Request]) -> str:
    """How long the prompts are, and how much of them is shared."""
    found = find_prefixes([request.ids for request in requests])
    logical = sum(len(request.ids) for request in requests)
    computed = sum(len(stretch.ids) for stretch in found.stretches)
    return f"{len(requests)} prompts, {logical} tokens, of which {computed} are computed"


def workbench(threads: int, *, adapted: bool) -> Workbench:
    """The model; adapted, every update is as large as a few steps of tuning make it."""
    recipe = Recipe(
        model=ModelOptions(
            base=os.environ.get("TUTELAGE_MODEL", EMBEDDED),
            precision="float32",
            method="lora" if adapted else "full",
        ),
        data=DataOptions(train=[SourceOptions(path=str(DATA / ALPACA))]),
        train=TrainOptions(threads=threads),
    )
    bench = from_recipe(resolve(recipe, Path()))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in bench.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter.data, std=1e-3, generator=generator)
    return bench


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    works, models = ("alpaca", "natural"), ("base", "lora")
    parser.add_argument("--work", nargs="+", choices=works, default=list(works))
    parser.add_argument("--model", nargs="+", choices=models, default=list(models))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--alone", type=int, default=6, help="prompts answered one by one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    arguments = parser.parse_args()
    console = Console(width=150)
    parts = []
    for model in arguments.model:
        bench = workbench(arguments.threads, adapted=model == "lora")
        for work in arguments.work:
            requests = prompts(bench, work, arguments.prompts)
            before = os.getloadavg()[0]
            cells = measure(bench, requests, arguments)
            load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
            parts.append(f"{work}, {model} ({facts(requests)}; {load}):\n\n{table(cells)}")
            console.print(parts[-1], highlight=False, markup=False)
    if arguments.markdown:
        arguments.markdown.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
