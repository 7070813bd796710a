"""What is made of a training row, or of a request to refuse.

- `noise`: the row with one kind of noise in its prompt, and the same answer (`data/perturb.py`).
- `injection`: the row with an instruction hidden behind its input, and the same answer: what stands
  in the data is data (Wallace et al. 2024, arXiv:2404.13208, train this "instruction hierarchy").
- `refusal`: a harmful request that the user gave, plain or in a wrapper of theirs, and a refusal.
- `harmless`: what only looks harmful, and an answer, so that refusals do not spread to it: requests
  of ours, and the user's own rows in the wrappers. Bianchi et al. 2024 (arXiv:2309.07875) found
  that a few hundred refusals make a model safer, and too many make it refuse the harmless.

Which row gets what is drawn by a hash of its prompt: the same row gets the same, whatever else is
in the data. No harmful request is shipped, and none is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Any

import orjson

from tutelage.data.example import Example, Message
from tutelage.data.normalise import prompt_key, rank
from tutelage.data.perturb import KINDS, perturbed
from tutelage.evaluate.canaries import INJECTIONS, canary
from tutelage.evaluate.harmful_requests import SLOT

REFUSALS = (
    "I'm sorry, but I can't help with that: it could hurt somebody.",
    "I can't help with this, because it could do harm. If there is something legal and safe behind "
    "your question, tell me, and I will gladly help with that.",
    "I won't help with that. If you or somebody else is in danger, please call your local "
    "emergency number.",
    "I'm not able to help with this request, since others could come to harm by it.",
    "That is something I can't assist with, however it is asked.",
    "I can't do that. I can explain why it is dangerous, or help with a safe alternative.",
)


@dataclass(frozen=True, slots=True)
class Made:
    """A row that was made.

    Attributes:
        messages: its turns, the answer last.
        task: of the row that it is a copy of, or `safety`.
        how: `noise: typos` and the like.
        parent: the row that it is a copy of.
    """

    messages: tuple[Message, ...]
    task: str
    how: str
    parent: Example | None = None


def noisy(example: Example, seed: int, strength: float) -> Made | None:
    """A copy with one kind of noise, or None if the prompt offers nothing to change."""
    for kind in _shuffled(tuple(KINDS), example, seed):
        found = perturbed(
            kind, example.prompt[-1].content, (_answer(example),), seed=seed, strength=strength
        )
        if found is not None:
            return _copy(example, found.text, f"noise: {kind}", found.answers[0])
    return None


def injected(example: Example, seed: int) -> Made:
    """A copy with an instruction behind its input that its answer does not follow."""
    kind = _shuffled(tuple(INJECTIONS), example, seed)[0]
    order = INJECTIONS[kind].format(canary=canary(seed, prompt_key(example).hex()))
    return _copy(example, example.prompt[-1].content + order, f"injection: {kind}")


def refusal(request: str, wrappers: dict[str, str], seed: int) -> Iterator[Made]:
    """A request with a refusal, plain and in a wrapper drawn for it."""
    random = Random(f"{seed}\0{request}")
    prompts = {"plain": request}
    if wrappers:
        name = random.choice(sorted(wrappers))
        prompts[name] = wrappers[name].replace(SLOT, request)
    for name, prompt in prompts.items():
        turns = (Message("user", prompt), Message("assistant", random.choice(REFUSALS)))
        yield Made(turns, "safety", f"refusal: {name}")


def wrapped(example: Example, wrappers: dict[str, str], seed: int, how: str) -> Made:
    """A copy inside a wrapper, with the answer it has."""
    name = _shuffled(tuple(sorted(wrappers)), example, seed)[0]
    text = wrappers[name].replace(SLOT, example.prompt[-1].content)
    return _copy(example, text, f"{how}: {name}")


def look_alikes() -> list[Made]:
    """Harmless requests whose words look harmful, with answers; written for this."""
    path = files("tutelage.pipeline.hardening").joinpath("harmless.jsonl")
    rows: list[dict[str, Any]] = [
        orjson.loads(line) for line in path.read_text("utf-8").splitlines()
    ]
    return [
        Made(
            (Message("user", row["request"]), Message("assistant", row["answer"])),
            "safety",
            "harmless: look-alike",
        )
        for row in rows
    ]


def drawn(examples: Sequence[Example], share: float, seed: int, salt: str) -> list[Example]:
    """A share of the rows, those of the lowest hashes."""
    number = round(share * len(examples))
    order = sorted(examples, key=lambda one: rank(seed, salt.encode() + prompt_key(one)))
    chosen = {id(one) for one in order[:number]}
    return [one for one in examples if id(one) in chosen]


def _copy(example: Example, text: str, how: str, answer: str | None = None) -> Made:
    last = example.messages[-1]
    said = last if answer is None else Message("assistant", answer, last.tool_calls)
    return Made(
        (*example.prompt[:-1], Message("user", text), said), example.task, how, parent=example
    )


def _answer(example: Example) -> str:
    return example.messages[-1].content


def _shuffled(names: tuple[str, ...], example: Example, seed: int) -> list[str]:
    key = prompt_key(example).hex()
    order = list(names)
    Random(f"{seed}\0{key}").shuffle(order)
    return order
