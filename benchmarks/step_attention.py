"""How fast is the attention of a decoding step? By products, and by PyTorch's kernel.

    python benchmarks/step_attention.py [--threads 2] [--rounds 5]

64 sequences with the shape of SmolLM2-135M (30 layers, 9 heads of 64 over 3 key heads), float32, of
equal length, and of which a few are long. Both ways attend the same blocks, taking turns; given is
the least time, and at what rate keys and values were read.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence

import torch

from tutelage.infer import block_attention
from tutelage.infer.cache import BLOCK, Cache
from tutelage.infer.step_layout import Held, StepLayout
from tutelage.model.attention.layout import Heads

LAYERS, HEADS, KEY_HEADS, SIZE = 30, 9, 3, 64
WORKS: Mapping[str, Sequence[int]] = {
    "64 of 320": [320] * 64,
    "64 of 600": [600] * 64,
    "10 of 1,700, 54 of 120": [1700] * 10 + [120] * 54,
}
TRIED = block_attention.are_separate
WAYS = {"products": TRIED, "kernel": lambda *_: False}


def heads(layer: int, rows: int) -> Heads:
    """A layer's newest query, key and value of every sequence."""
    query, key, value = (
        torch.randn(1, count, rows, SIZE) for count in (HEADS, KEY_HEADS, KEY_HEADS)
    )
    return Heads(query=query, key=key, value=value, layer=layer, window=None, scale=SIZE**-0.5,
                 softcap=None, dropout=0.0, prefix=None)  # fmt: skip


@torch.inference_mode()
def seconds(lengths: Sequence[int], rounds: int) -> dict[str, float]:
    """The least time of a step, by way."""
    cache = Cache([length // BLOCK + 1 for length in lengths])
    held = {slot: Held(length, (), 0) for slot, length in enumerate(lengths)}
    layers = [heads(layer, len(lengths)) for layer in range(LAYERS)]
    least = dict.fromkeys(WAYS, float("inf"))
    for turn in range(rounds + 1):
        for name, way in WAYS.items():
            block_attention.are_separate = way  # type: ignore[assignment]
            layout = StepLayout(cache, held, torch.device("cpu"))
            started = time.perf_counter()
            for one in layers:
                layout.attend(one)
            if turn:  # the first warms up
                least[name] = min(least[name], time.perf_counter() - started)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    if not TRIED(HEADS // KEY_HEADS, SIZE, BLOCK, torch.float32, arguments.threads):
        print("This machine's products depend on their company: decoding takes the kernel here.")
    print("| sequences | products, ms | GB/s | kernel, ms | GB/s | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, lengths in WORKS.items():
        found = seconds(lengths, arguments.rounds)
        size = sum(lengths) * LAYERS * 2 * KEY_HEADS * SIZE * 4 / 1e9
        cells = [f"{found[way] * 1e3:.0f} | {size / found[way]:.1f}" for way in WAYS]
        print(f"| {name} | {' | '.join(cells)} | {found['kernel'] / found['products']:.2f} |")


if __name__ == "__main__":
    main()
