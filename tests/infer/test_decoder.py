"""Decoding: transformers' text, and the same to the last bit whatever stands beside it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
from transformers import PreTrainedModel

import tiny_models
from tutelage.errors import UserError
from tutelage.infer import cache
from tutelage.infer.backend import Answer, Request
from tutelage.infer.decoder import Decoder
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import families
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions

KINDS = ["llama", "gpt2", "qwen3", "mistral", "gemma3_text", "phi3", "olmo2", "cohere", "granite"]
STOPS = (1, 7, 9, 40, 41, 42)


def requests(count: int, longest: int = 60, new: int = 12, seed: int = 0) -> list[Request]:
    draw = random.Random(seed)
    return [
        Request(
            tuple(draw.randrange(2, 300) for _ in range(draw.randint(1, longest))),
            draw.randint(1, new),
            key=at,
        )
        for at in range(count)
    ]


def decode(
    model: PreTrainedModel,
    asked: Sequence[Request],
    stops: Sequence[int] = STOPS,
    **options: object,
) -> list[Answer]:
    return Decoder(families.get("causal"), model, stops, DecodeOptions(**options)).run(asked)


def generate(model: PreTrainedModel, request: Request, stops: Sequence[int] = STOPS) -> list[int]:
    """transformers' own greedy decoding."""
    output = model.generate(
        torch.tensor([request.ids]),
        attention_mask=torch.ones(1, len(request.ids), dtype=torch.int64),
        max_new_tokens=request.max_new_tokens,
        do_sample=False,
        eos_token_id=list(stops),
        pad_token_id=0,
    )
    return output[0, len(request.ids) :].tolist()


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *((kind, torch.float32) for kind in [*KINDS, "mixtral", "phi", "gemma3"]),
        *((kind, torch.float64) for kind in KINDS),
    ],
    ids=str,
)
def test_greedy_text_is_that_of_generate(kind: str, dtype: torch.dtype) -> None:
    asked = [*requests(6), Request((5,) * 40, 30, 6)]  # windows are 8 tokens wide
    ours = decode(tiny_models.make_model(kind).to(dtype), asked)
    plain = tiny_models.make_model(kind, attn_implementation="eager").to(dtype)
    assert [list(answer.ids) for answer in ours] == [generate(plain, request) for request in asked]


def test_greedy_text_of_a_tuned_model_is_that_of_its_merged_one() -> None:
    options = ModelOptions(lora=LoraOptions(rank=4, dropout=0.5))
    models = [tiny_models.make_model("llama"), tiny_models.make_model("llama")]
    for model in models:
        methods.get("lora").prepare(model, options, seed=0)
        torch.manual_seed(0)
        for name, parameter in model.train().named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.3)
    methods.get("lora").merge(models[1])
    models[1].set_attn_implementation("eager")
    asked = requests(6)
    expected = [generate(models[1].eval(), request) for request in asked]
    assert [list(answer.ids) for answer in decode(models[0], asked)] == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_answers_do_not_depend_on_the_batch(kind: str, temperature: float) -> None:
    model = tiny_models.make_model(kind)
    asked = requests(40, longest=90)
    options = {"temperature": temperature, "top_p": 0.95, "seed": 3}
    alone = decode(model, asked, batch_size=1, **options)
    assert len({answer.ids for answer in alone}) > 20
    for size in (2, 7, 32, 64):
        order = random.Random(size).sample(range(len(asked)), len(asked))
        found = decode(model, [asked[at] for at in order], batch_size=size, **options)
        assert found == [alone[at] for at in order]  # ids, reasons and every log-probability


def test_more_sequences_than_rows() -> None:
    model, asked = tiny_models.make_model("llama"), requests(140, longest=20, new=4)
    alone = [decode(model, [request])[0] for request in asked]
    assert decode(model, asked, batch_size=140) == alone  # two steps in turn


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
def test_log_probabilities_are_the_models(kind: str) -> None:
    asked = requests(8)
    answers = decode(tiny_models.make_model(kind), asked, temperature=0.7, top_p=0.9)
    plain = tiny_models.make_model(kind, attn_implementation="eager")
    for request, answer in zip(asked, answers, strict=True):
        ids = torch.tensor([[*request.ids, *answer.ids]])
        with torch.no_grad():
            own = plain(input_ids=ids).logits[0].log_softmax(dim=1)
        picked = own[len(request.ids) - 1 : -1].gather(1, torch.tensor(answer.ids)[:, None])[:, 0]
        assert answer.log_probabilities == pytest.approx(picked.tolist(), abs=1e-4)
        assert answer.log_probability == pytest.approx(float(picked.sum()), abs=1e-3)


def test_why_answers_end() -> None:
    model = tiny_models.make_model("llama")
    first, second, third = generate(
        model_eager := tiny_models.make_model("llama", attn_implementation="eager"),
        Request((5, 6, 7), 3),
        stops=(319,),
    )
    assert model_eager.config.eos_token_id == 1 and len({first, second, third}) > 1
    stop = next(token for token in (third, second) if token != first)

    def ends(most: int, stops: Sequence[int]) -> Answer:
        return decode(model, [Request((5, 6, 7), most)], stops)[0]

    full = ends(3, ())
    assert (full.ids, full.finish_reason) == ((first, second, third), "length")
    assert ends(1, ()).ids == (first,)
    stopped = ends(9, (stop,))
    assert stopped.finish_reason == "stop" and stopped.ids[-1] == stop
    assert stop not in stopped.ids[:-1]
    # A stop token in the last place is still a stop.
    assert ends(len(stopped.ids), (stop,)).finish_reason == "stop"
    assert (ends(9, (first,)).ids, ends(9, (first,)).finish_reason) == ((first,), "stop")


def test_each_request_has_its_own_limit() -> None:
    asked = [Request((5, at), at + 1, key=at) for at in range(2, 12)]
    answers = decode(tiny_models.make_model("llama"), asked, stops=(), batch_size=3)
    assert [len(answer.ids) for answer in answers] == [request.max_new_tokens for request in asked]
    assert decode(tiny_models.make_model("llama"), []) == []


@pytest.mark.parametrize("size", [1, 3, 32])
def test_tokens_are_told_in_their_order(size: int) -> None:
    asked, told = requests(9, new=8), {}

    def on_token(place: int, token: int) -> None:
        told.setdefault(place, []).append(token)

    options = DecodeOptions(batch_size=size)
    decoder = Decoder(families.get("causal"), tiny_models.make_model("llama"), STOPS, options)
    answers = decoder.run(asked, on_token)
    assert [tuple(told[place]) for place in range(9)] == [answer.ids for answer in answers]


@pytest.mark.parametrize("size", [1, 3, 32])
def test_answers_are_told_as_they_end(size: int) -> None:
    asked = [Request((5, at), 2 * at, key=at) for at in range(2, 9)]
    options = DecodeOptions(batch_size=size)
    decoder = Decoder(families.get("causal"), tiny_models.make_model("llama"), (), options)
    tokens = 0
    told: dict[int, tuple[Answer, int]] = {}

    def on_token(place: int, token: int) -> None:
        nonlocal tokens
        tokens += 1

    def on_answer(place: int, answer: Answer) -> None:
        told[place] = (answer, tokens)

    answers = decoder.run(asked, on_token, on_answer)
    assert [told[place][0] for place in range(7)] == answers
    after = [at for _, at in told.values()]
    assert after[0] < after[-1] == sum(len(one.ids) for one in answers)


def test_the_longest_is_begun_first() -> None:
    asked = [Request((5, at), 30 if at == 9 else 2, key=at) for at in range(2, 10)]
    begun: list[int] = []
    options = DecodeOptions(batch_size=2)
    Decoder(families.get("causal"), tiny_models.make_model("llama"), (), options).run(
        asked, lambda place, _: begun.append(place)
    )
    assert begun[0] == 7


def test_tokens_are_told_as_they_come() -> None:
    rounds: list[list[int]] = []

    def on_token(place: int, _: int) -> None:
        if not rounds or place in rounds[-1]:
            rounds.append([])
        rounds[-1].append(place)

    asked = [Request((5, 6, at), 4, key=at) for at in range(2, 5)]
    model = tiny_models.make_model("llama")
    Decoder(families.get("causal"), model, (), DecodeOptions()).run(asked, on_token)
    assert [sorted(places) for places in rounds] == [[0, 1, 2]] * 4


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_an_answer_ends_where_the_context_does(kind: str) -> None:
    model = tiny_models.make_model(kind)  # of 128 tokens
    asked = [Request((5,) * 120, 50, 0), Request((6,) * 127, 50, 1), Request((7,) * 10, 5, 2)]
    answers = decode(model, asked, stops=())
    assert [len(answer.ids) for answer in answers] == [8, 1, 5]
    assert {answer.finish_reason for answer in answers} == {"length"}
    with pytest.raises(UserError, match=r"128 tokens, .* context of 128"):
        decode(model, [asked[0], Request((5,) * 128, 1, 3)])


@pytest.mark.parametrize("shared", [0, 45])
def test_a_small_memory_changes_nothing_but_how_many_at_a_time(
    monkeypatch: pytest.MonkeyPatch, shared: int
) -> None:
    model = tiny_models.make_model("llama")
    prefix = tuple(range(100, 100 + shared))
    asked = [
        Request(prefix + request.ids, request.max_new_tokens, request.key)
        for request in [*requests(12, longest=30), Request((5,) * (110 - shared), 12, 99)]
    ]
    expected = decode(model, asked)
    opened: list[tuple[list[int], int]] = []

    class Watched(cache.Cache):
        def __init__(self, sizes: Sequence[int], shared: int) -> None:
            opened.append((list(sizes), shared))
            super().__init__(sizes, shared)

    monkeypatch.setattr("tutelage.infer.decoder.Cache", Watched)
    block = 32 * 2 * 2 * 2 * 8 * 4  # tokens, layers, keys and values, key heads, head size, bytes
    assert decode(model, asked) == expected
    # 122 tokens, 32 of them shared; the others have 18 to 45, and are as many.
    ((sizes, common),) = opened
    assert sizes[0] == (3 if shared else 4) and max(sizes[1:]) == 2
    assert (len(sizes), common) == (13, 2 if shared else 0)
    for blocks in (0, 4, 9, 16):
        opened.clear()
        monkeypatch.setattr(cache, "CPU_BYTES", blocks * block)
        assert decode(model, asked) == expected
        assert all(sum(sizes) + more <= blocks or len(sizes) == 1 for sizes, more in opened)
        assert len(opened) == 1  # memory decides how many at a time, not how often they start


def test_what_a_token_takes_is_measured() -> None:
    family = families.get("causal")
    for kind, taken in (("llama", 2 * 2 * 2 * 8 * 4), ("gpt2", 2 * 2 * 4 * 8 * 4)):
        with torch.inference_mode():
            assert cache.bytes_a_token(family, tiny_models.make_model(kind)) == taken


def test_it_leaves_the_model_ready_to_be_trained() -> None:
    model = tiny_models.make_model("llama").train()
    decode(model, requests(2))
    assert all(not parameter.is_inference() for parameter in model.parameters())
    assert not model.training  # the loop switches it back before every step
