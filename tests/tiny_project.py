"""A tiny real project: a random model with a tokenizer of its own, 60 rows, a recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from commands import Finished
from tutelage.rundir import RunFolder


@dataclass(frozen=True)
class Tuned:
    """A run made by `tutelage run`, where it was started, and what it said."""

    method: str
    project: Path
    folder: RunFolder
    said: Finished


CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
COLOURS = ("red", "green", "blue", "white", "black", "pink")
THINGS = ("door", "car", "hat", "cup")
WORDS = ("tea", "sun", "map", "dog", "pen", "box", "net", "top", "rat", "pot", "bus", "cat")

RECIPE = """\
name: tiny
model: {base: ./model, precision: float32, device: cpu}
data:
  train: data.jsonl
  validation: 6
  test: 12
  holdout: {tasks: [backwards]}
prompt: {max_tokens: 128}
train: {epochs: 10, batch_size: 8, learning_rate: 1e-2, threads: 1}
evaluate:
  metrics: [exact_match, chrf]
  tasks: {colour: {metrics: [classification_f1, rougeL]}}
  decode: {max_new_tokens: 6}
  general_text: general.txt
  resamples: 200
"""

GENERAL = "The sun was on the map of the town.\n\nA cat and a dog sat in a red bus.\n"


def rows() -> list[dict[str, Any]]:
    """60 rows of three tasks: 24 add, 24 colour, 12 backwards."""
    asked = [
        *(("add", "Add the two numbers.", f"{n} and {n % 5}", str(n + n % 5)) for n in range(24)),
        *(
            ("colour", "Name the colour.", f"The {thing} is {colour}.", colour)
            for colour in COLOURS
            for thing in THINGS
        ),
        *(("backwards", "Write the word backwards.", word, word[::-1]) for word in WORDS),
    ]
    keys = ("task", "instruction", "input", "output")
    return [dict(zip(keys, row, strict=True)) for row in asked]


def write_rows(path: Path, values: list[dict[str, Any]]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    return path


def write_model(folder: Path) -> Path:
    """Write a two-layer Llama with random weights and a byte-level tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(row.values()) for row in rows()], trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML,
    )
    config = AutoConfig.for_model(
        "llama",
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        vocab_size=len(wrapped),
        bos_token_id=None,
        eos_token_id=wrapped.eos_token_id,
        pad_token_id=wrapped.pad_token_id,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # livelier than 0.02, so that answers differ
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def write_project(folder: Path, base: Path) -> Path:
    """Write `data.jsonl`, `general.txt`, `recipe.yaml` and a link to the model; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "data.jsonl", rows())
    (folder / "general.txt").write_text(GENERAL, encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "model").symlink_to(base)
    return folder
