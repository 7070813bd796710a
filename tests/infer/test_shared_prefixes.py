"""Prompts that begin alike: read once, stored once, and answered as if each stood alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

import tiny_models
from tutelage.infer import reading
from tutelage.infer.backend import Answer, Request
from tutelage.infer.cache import BLOCK
from tutelage.infer.decoder import Decoder
from tutelage.infer.options import DecodeOptions
from tutelage.infer.prefixes import find_prefixes
from tutelage.infer.prompt_layout import Chunk
from tutelage.infer.row_counts import RowCounts
from tutelage.model.families import families

KINDS = ["llama", "gpt2", "gemma3_text", "mistral", "qwen3"]  # windows are 8 tokens wide
STOPS = (1, 7, 9, 40)


def decode(model: PreTrainedModel, asked: Sequence[Request], **options: object) -> list[Answer]:
    return Decoder(families.get("causal"), model, STOPS, DecodeOptions(**options)).run(asked)


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return tiny_models.make_model(request.param)


@st.composite
def prompts_that_share(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Prompts that continue one another, end where others go on, or are alike."""
    tokens = random.Random(draw(st.integers(0, 99)))
    found: list[tuple[int, ...]] = []
    for _ in range(draw(st.integers(1, 7))):
        prefix: tuple[int, ...] = ()
        if found:
            whole = found[draw(st.integers(0, len(found) - 1))]
            length = st.sampled_from([0, 1, BLOCK, len(whole)])
            prefix = whole[: draw(st.one_of(length, st.integers(0, len(whole))))]
        rest = draw(st.integers(0 if prefix else 1, 50))
        own = tuple(tokens.randrange(2, 300) for _ in range(min(rest, 110 - len(prefix))))
        found.append(prefix + own)
    return found


@settings(max_examples=12, deadline=None)
@given(prompts=prompts_that_share(), batch_size=st.sampled_from([1, 2, 64]), seed=st.integers(0, 9))
def test_answers_are_those_of_each_prompt_alone(
    model: PreTrainedModel, prompts: list[tuple[int, ...]], batch_size: int, seed: int
) -> None:
    draw = random.Random(seed)
    asked = [Request(ids, draw.randint(1, 10), key=at) for at, ids in enumerate(prompts)]
    options = {"temperature": draw.choice([0.0, 1.0]), "seed": seed}
    alone = [decode(model, [request], **options)[0] for request in asked]
    assert decode(model, asked, batch_size=batch_size, **options) == alone


def cases() -> dict[str, list[tuple[int, ...]]]:
    draw = random.Random(5)
    ids = [draw.randrange(2, 300) for _ in range(90)]

    def prompt(shared: int, own: int) -> tuple[int, ...]:
        return (*ids[:shared], *(draw.randrange(2, 300) for _ in range(own)))

    return {
        "nothing shared": [prompt(0, 12) for _ in range(4)],
        "one token": [prompt(1, 12) for _ in range(4)],
        "less than a block": [prompt(20, 5) for _ in range(4)],
        "a block": [prompt(BLOCK, 5) for _ in range(4)],
        "blocks and a part": [prompt(2 * BLOCK + 9, at) for at in range(1, 5)],
        "all": [prompt(70, 0)] * 4,
        "all, whole blocks": [prompt(2 * BLOCK, 0)] * 3,
        "one goes on": [prompt(40, 0), prompt(40, 9), prompt(64, 0), prompt(64, 3), prompt(75, 1)],
        "a tree": [prompt(at, own) for at in (33, 50, 66, 80) for own in (0, 3, 9)],
    }


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3_text"])
def test_greedy_text_and_likelihoods_are_the_models(kind: str, case: str) -> None:
    asked = [Request(ids, 12, key=at) for at, ids in enumerate(cases()[case])]
    answers = decode(tiny_models.make_model(kind).double(), asked)
    plain = tiny_models.make_model(kind, attn_implementation="eager").double()
    for request, answer in zip(asked, answers, strict=True):
        ids = torch.tensor([[*request.ids, *answer.ids]])
        with torch.no_grad():
            own = plain(input_ids=ids).logits[0, len(request.ids) - 1 : -1].log_softmax(dim=1)
        assert own.argmax(dim=1).tolist() == list(answer.ids)
        picked = own.gather(1, torch.tensor(answer.ids)[:, None])[:, 0]
        assert answer.log_probabilities == pytest.approx(picked.tolist(), abs=1e-5)


class Watched:
    """A family that counts the tokens it reads."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.causal = families.get("causal")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.causal, name)

    def hidden_states(self, model: PreTrainedModel, ids: Tensor, positions: Tensor) -> Tensor:
        self.rows.append(ids.shape[1])
        return self.causal.hidden_states(model, ids, positions)


def read_rows(prompts: Sequence[tuple[int, ...]], new: int = 2, **options: object) -> int:
    """How many rows are filled with prompts of a few new tokens each."""
    family = Watched()
    decoder = Decoder(family, tiny_models.make_model("llama"), (), DecodeOptions(**options))
    decoder.run([Request(ids, new, key=at) for at, ids in enumerate(prompts)])
    return sum(rows == reading.PROMPT_ROWS for rows in family.rows)


def test_what_is_shared_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PROMPT_ROWS", 16)
    monkeypatch.setattr("tutelage.infer.decoder.PROMPT_ROWS", 16)
    monkeypatch.setattr(RowCounts, "_tried", lambda _: [])  # a trial's passes read no prompt
    system = tuple(range(2, 82))
    prompts = [(*system, 100 + at, 3, 4, 5) for at in range(12)]  # 80 tokens, then 12 times 4
    assert read_rows(prompts) == 8
    assert read_rows(prompts * 2) == 8
    assert read_rows([ids[40:] for ids in prompts]) == -(-(40 + 48) // 16)
    assert read_rows([ids[80:] for ids in prompts]) == 3
    # By a slot or two, what is shared is still there when the last comes.
    for slots in (1, 2):
        assert read_rows(prompts, batch_size=slots) <= 5 + 12 // slots


def test_prompts_are_taken_in_the_order_in_which_they_share() -> None:
    told: list[int] = []
    long, short = tuple(range(100, 160)), tuple(range(200, 230))
    prompts = [(*short, 5, 6), (*long, 8), (*short, 7, 6), (*long, 9), (3, 4)]
    asked = [Request(ids, 1, key=at) for at, ids in enumerate(prompts)]
    model = tiny_models.make_model("llama")
    options = DecodeOptions(batch_size=1)
    decoder = Decoder(families.get("causal"), model, (), options)
    decoder.run(asked, lambda place, _: told.append(place))
    # The first that need most room of their own, as one begins a block behind what they share.
    assert told == [0, 2, 1, 3, 4]


@given(prompts_that_share())
@settings(max_examples=60, deadline=None)
def test_stretches_make_up_the_prompts(prompts: list[tuple[int, ...]]) -> None:
    found = find_prefixes(prompts)
    for prompt, path in zip(prompts, found.paths, strict=True):
        parts = [found.stretches[at] for at in path]
        assert tuple(token for part in parts for token in part.ids) == prompt
        assert [part.parent for part in parts] == [-1, *path[:-1]]
        assert all(part.shared for part in parts[:-1])
        position = 0
        for part in parts:
            assert part.start == position
            position = part.end
    for at, stretch in enumerate(found.stretches):
        assert stretch.users == sum(at in path for path in found.paths)


@given(lengths=st.lists(st.integers(1, 90), min_size=1, max_size=9), rows=st.integers(1, 64))
def test_rows_are_filled_to_the_last(lengths: list[int], rows: int) -> None:
    table = (3, 1, 2)
    texts = [
        Chunk(tuple(range(at, at + n)), at, table, 8 if at % 2 else None)
        for at, n in enumerate(lengths)
    ]
    found = list(reading.packs(texts, rows))
    sizes = [sum(len(chunk.ids) for chunk in chunks) for chunks in found]
    assert sum(sizes) == sum(lengths) and set(sizes[:-1]) <= {rows} and sizes[-1] <= rows
    chunks = [chunk for chunks in found for chunk in chunks]
    read = [token for chunk in chunks for token in chunk.ids]
    assert read == [token for text in texts for token in text.ids]
    assert [chunk.ids[-1] for chunk in chunks if chunk.last] == [text.ids[-1] for text in texts]
    assert [it.continued for it in chunks if it.continued] == [8] * (len(lengths) // 2)
