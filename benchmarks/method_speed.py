"""What a step of each method costs: ours against each other, and prefix tuning against PEFT's.

    python benchmarks/method_speed.py --rounds 5

One process, one thread, SmolLM2-135M in float32 with fused modules; 8 examples whose lengths are
drawn like Alpaca's (median 85 tokens, half of them answer), the same for all. A round takes one
optimizer step with every method in turn, so that a ratio compares neighbours in time; the clock is
the process's own seconds of CPU, which a busy machine stretches least. Ours tune one model, its
tunings put on and taken off between steps; PEFT's is a second copy in a plain PyTorch loop: the
examples padded to a batch, transformers' own modules and scaled_dot_product_attention.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from peft import PrefixTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tutelage.data.example import Source
from tutelage.model.attention import using
from tutelage.model.embedded import embedded_folder
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.model.loading import load
from tutelage.model.methods import methods
from tutelage.model.options import EMBEDDED, AdapterOptions, LoraOptions, ModelOptions
from tutelage.prompt.rendered import Rendered
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.objectives import objectives
from tutelage.train.optimizer import Optimizer
from tutelage.train.options import TrainOptions
from tutelage.train.packing import pack_groups

TUNINGS = {
    "lora": ModelOptions(lora=LoraOptions()),
    "lora, DoRA": ModelOptions(lora=LoraOptions(dora=True)),
    "prefix": ModelOptions(method="prefix"),
    "adapter, parallel": ModelOptions(method="adapter"),
    "adapter, houlsby": ModelOptions(method="adapter", adapter=AdapterOptions(placement="houlsby")),
}
PEFTS = "PEFT's prefix"
EXAMPLES = 8
Step = Callable[[], float]


def made_examples() -> list[Rendered]:
    """Random tokens in the lengths of short instructions."""
    random = np.random.default_rng(0)
    found = []
    for length in np.clip(random.lognormal(4.45, 0.6, EXAMPLES), 20, 400).astype(int):
        ids = random.integers(10, 49_000, length).astype(np.int32)
        weights = (np.arange(length) >= length // 2).astype(np.float32)
        found.append(Rendered(ids, weights, stop_trained=True))
    return found


def our_steps(sequences: list[Rendered]) -> dict[str, Step]:
    """One step of each of our methods, on one model."""
    options = TrainOptions()
    loaded = load(ModelOptions(precision="float32", device="cpu"))
    family, model = families.get(loaded.family), loaded.model
    fuse(family, model)
    objective = objectives.get("supervised")(options)
    examples = [
        TrainingExample(Source("made", row), "made", (sequence,))
        for row, sequence in enumerate(sequences)
    ]
    groups = [example.all_sequences for example in examples]
    packs = [
        Pack(forest, tuple(examples[at] for at in places))
        for forest, places in pack_groups(groups, options.token_budget)
    ]
    total = sum(float(sequence.weights.sum()) for sequence in sequences)
    aside: dict[str, Callable[[], None]] = {}
    optimizers: dict[str, Optimizer] = {}
    for name, tuning in TUNINGS.items():
        method = methods.get(tuning.method)
        method.prepare(model, tuning, seed=0)
        optimizers[name] = Optimizer(method.trainable_parameters(model), options)
        aside[name] = method.take_off(model)

    def step(name: str) -> float:
        aside[name]()
        model.train()
        started = time.process_time()
        for pack in packs:
            with using(family.layout(model, pack.forest, "segments")):
                loss = objective.loss(family, model, pack).sum / total
                loss.backward()  # type: ignore[no-untyped-call]
        optimizers[name].step(1e-4)
        seconds = time.process_time() - started
        methods.get(TUNINGS[name].method).take_off(model)
        return seconds

    return {name: partial(step, name) for name in TUNINGS}


def pefts_step(sequences: list[Rendered]) -> Step:
    """One step of PEFT's prefix tuning, in a plain loop."""
    plain = AutoModelForCausalLM.from_pretrained(embedded_folder(EMBEDDED), dtype=torch.float32)
    model = get_peft_model(
        plain, PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=20)
    ).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    longest = max(len(sequence.ids) for sequence in sequences)
    ids = torch.zeros(len(sequences), longest, dtype=torch.int64)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, sequence in enumerate(sequences):
        tokens = torch.from_numpy(sequence.ids.astype(np.int64))
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        trained = torch.from_numpy(sequence.weights) > 0
        labels[row, : len(tokens)][trained] = tokens[trained]

    def step() -> float:
        started = time.process_time()
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return time.process_time() - started

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    torch.set_num_threads(1)
    sequences = made_examples()
    lengths = [len(sequence.ids) for sequence in sequences]
    print(f"{len(lengths)} examples, {sum(lengths)} tokens, {len(lengths) * max(lengths)} padded")
    steps = our_steps(sequences) | {PEFTS: pefts_step(sequences)}
    for step in steps.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(step())
    print("| method | CPU seconds a step | speed over our LoRA | over PEFT's prefix |")
    print("| --- | --- | --- | --- |")
    for name, found in seconds.items():
        over = [
            [other / own for other, own in zip(seconds[rival], found, strict=True)]
            for rival in ("lora", PEFTS)
        ]
        cells = [f"{statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in over]
        print(f"| {name} | {statistics.median(found):.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
