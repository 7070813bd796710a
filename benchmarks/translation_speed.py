"""Answers of an encoder-decoder a second of processor time, ours and transformers' `generate`.

    OMP_NUM_THREADS=1 python benchmarks/translation_speed.py MODEL

MODEL is a folder such as opus-mt-en-fr. It translates 64 captions of Multi30k greedily, up to 32
tokens each, in float32. Multi30k is looked for under $TUTELAGE_DATA. Figures stand in RESULTS.md,
"an encoder-decoder".
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.infer.backend import Request
from tutelage.infer.families import inferences
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import families
from tutelage.model.families.family import set_attention
from tutelage.model.loading import load
from tutelage.model.options import ModelOptions
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "shared/data"))
CAPTIONS, NEW = 64, 32


def captions() -> list[str]:
    """What is translated."""
    path = DATA / "multi30k/val.en.gz"
    if not path.is_file():
        raise UserError("there is no such file", where=str(path), fix="set TUTELAGE_DATA")
    return gzip.decompress(path.read_bytes()).decode().splitlines()[:CAPTIONS]


@torch.no_grad()
def generated(model: Any, prompts: Sequence[Sequence[int]], batch: int) -> list[list[int]]:
    """transformers' answers, padded batch by padded batch."""
    padding = model.config.pad_token_id
    found: list[list[int]] = []
    for start in range(0, len(prompts), batch):
        some = prompts[start : start + batch]
        longest = max(map(len, some))
        ids = torch.tensor([[*one, *[padding] * (longest - len(one))] for one in some])
        answers = model.generate(
            input_ids=ids,
            attention_mask=(ids != padding).long(),
            max_new_tokens=NEW,
            do_sample=False,
            num_beams=1,
        )
        found += answers[:, 1:].tolist()
    return found


def main() -> None:
    """Translate with both, and say what each took."""
    folder = str(Path(sys.argv[1]).expanduser())
    loaded = load(ModelOptions(base=folder, precision="float32", device="cpu"))
    model, family = loaded.model, families.get(loaded.family)
    renderer = Renderer(loaded.tokenizer, PromptOptions(), form=family.form(model))
    prompts = [renderer.prompt_ids([Message("user", text)]) for text in captions()]
    backend = inferences.get(loaded.family).backend(
        family, model, renderer.form, renderer.stop_ids, DecodeOptions(), alone=False
    )
    started = time.process_time()
    answers = backend.run([Request(tuple(ids), NEW) for ids in prompts])
    seconds = time.process_time() - started
    tokens = sum(len(answer.ids) for answer in answers)
    print(f"ours: {tokens} tokens, {tokens / seconds:.0f} a second")
    set_attention(model, "sdpa")
    for batch in (CAPTIONS, 8):
        started = time.process_time()
        theirs = generated(model, prompts, batch)
        seconds = time.process_time() - started
        equal = sum(
            own[: len(answer.ids) - 1] == list(answer.ids[:-1])
            for own, answer in zip(theirs, answers, strict=True)
        )
        print(f"generate, {batch} at a time: {tokens / seconds:.0f} a second, {equal} equal")


if __name__ == "__main__":
    main()
