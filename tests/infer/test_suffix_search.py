"""The gradient-guided search for a suffix: against naive gradients and losses, and as a whole."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

import tiny_models
from tutelage.data.example import Message
from tutelage.infer.options import SuffixSearch
from tutelage.infer.suffix import Place
from tutelage.infer.suffix_search import (
    promising_tokens,
    search_suffix,
    suffix_gradient,
    suffix_losses,
)
from tutelage.model.families import families
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer

CAUSAL = families.get("causal")
TARGET = (70, 71, 80, 33)
SEARCH = SuffixSearch("", length=12, steps=6, candidates=12, top_k=16, seed=3)
KINDS = ["llama", "gpt2", "gemma", "gemma2", "gemma3_text", "qwen3", "granite"]


@functools.cache
def renderer() -> Renderer:
    return Renderer(tiny_models.make_tokenizer(), PromptOptions())


def prompt_with(text: str) -> list[int]:
    return renderer().prompt_ids([Message("user", f"where is the cat?{text}")])


@functools.cache
def place() -> Place:
    return Place(renderer().encoder, prompt_with, SEARCH.length)


def naive_loss(model: PreTrainedModel, embedded: Tensor, prompt: int) -> Tensor:
    """Loss of the target by the model's own forward pass of embeddings, (tokens, width)."""
    logits = model(inputs_embeds=embedded[None], use_cache=False).logits[0]
    return F.cross_entropy(logits[prompt - 1 : -1], torch.tensor(TARGET), reduction="sum")


@pytest.mark.parametrize("kind", KINDS)
def test_promising_tokens_are_those_of_the_gradient_at_one_hot_vectors(kind: str) -> None:
    model = tiny_models.make_model(kind).double()
    plain = tiny_models.make_model(kind, attn_implementation="eager").double()
    here = place()
    prompt = here.filled(here.start)
    ids = torch.tensor([*prompt, *TARGET])
    one_hot = F.one_hot(ids, tiny_models.VOCABULARY).double().requires_grad_()
    table = plain.get_input_embeddings()(torch.arange(tiny_models.VOCABULARY))
    (expected,) = torch.autograd.grad(naive_loss(plain, one_hot @ table, len(prompt)), one_hot)
    falls = -expected[len(here.head) : len(here.head) + len(here.start)]
    allowed = torch.tensor(here.allowed)
    falls[:, : len(allowed)][:, ~allowed] = -torch.inf
    falls[:, len(allowed) :] = -torch.inf
    trained = [parameter.requires_grad for parameter in model.parameters()]
    gradient = suffix_gradient(CAUSAL, model, here, here.start, TARGET)
    found = promising_tokens(model, gradient, allowed, 12)
    assert torch.equal(found, falls.topk(12, dim=1).indices)
    assert trained == [parameter.requires_grad for parameter in model.parameters()]
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_those_of_a_plain_forward_pass(kind: str) -> None:
    model = tiny_models.make_model(kind)
    plain = tiny_models.make_model(kind, attn_implementation="eager")
    here = place()
    changed = [(*here.start[:at], 60 + at, *here.start[at + 1 :]) for at in range(6)]
    suffixes = [here.start, *changed, here.start]
    found = suffix_losses(CAUSAL, model, here, suffixes, TARGET)
    for suffix, loss in zip(suffixes, found, strict=True):
        prompt = here.filled(suffix)
        with torch.no_grad():
            embedded = plain.get_input_embeddings()(torch.tensor([*prompt, *TARGET]))
            expected = naive_loss(plain, embedded, len(prompt)).item()
        assert loss == pytest.approx(expected, abs=1e-5)


def test_a_search_lowers_the_loss_and_says_by_how_much() -> None:
    model, here = tiny_models.make_model("llama"), place()
    found = search_suffix(CAUSAL, model, here, TARGET, SEARCH)
    assert len(found.losses) == SEARCH.steps + 1
    assert list(found.losses) == sorted(found.losses, reverse=True)
    first, last = suffix_losses(CAUSAL, model, here, [here.start, found.ids], TARGET)
    assert found.losses[0] == pytest.approx(first, abs=1e-5)
    assert found.losses[-1] == pytest.approx(last, abs=1e-5)
    assert last < first - 2
    assert here.text(found.ids) is not None  # somebody could type it
    # It went where the gradient sent it: as many tries at random find less.
    assert last < best_of_random(model, SEARCH.steps * SEARCH.candidates)


def best_of_random(model: PreTrainedModel, tries: int) -> float:
    """The least loss after so many one-token changes drawn blindly, each kept if it is better."""
    here, random = place(), np.random.default_rng(0)
    best, least = here.start, suffix_losses(CAUSAL, model, here, [here.start], TARGET)[0]
    usable = np.flatnonzero(here.allowed)
    for _ in range(tries // SEARCH.candidates):
        tried = []
        while len(tried) < SEARCH.candidates:
            at, token = random.integers(len(best)), int(random.choice(usable))
            one = (*best[:at], token, *best[at + 1 :])
            if here.text(one) is not None:
                tried.append(one)
        losses = suffix_losses(CAUSAL, model, here, tried, TARGET)
        if min(losses) < least:
            best, least = tried[int(np.argmin(losses))], min(losses)
    return least


def test_a_search_is_the_same_again_and_another_with_another_seed() -> None:
    model = tiny_models.make_model("llama")
    first, again, other = (
        search_suffix(CAUSAL, model, place(), TARGET, SuffixSearch("", 12, 3, 8, 16, seed))
        for seed in (0, 0, 1)
    )
    assert first == again
    assert other.ids != first.ids


def test_no_steps_give_the_start() -> None:
    model, here = tiny_models.make_model("llama"), place()
    found = search_suffix(CAUSAL, model, here, TARGET, SuffixSearch("", 12, 0, 8, 16, 0))
    assert found.ids == here.start and len(found.losses) == 1


def test_a_place_is_between_the_request_and_the_answer() -> None:
    here = place()
    assert here.text(here.start) == " !" * 6  # two tokens each
    assert len(here.start) == SEARCH.length
    assert list(here.filled(here.start)) == prompt_with(" !" * 6)
    decoded = renderer().tokenizer.decode(here.head)
    assert decoded.endswith("where is the cat?")
    assert renderer().tokenizer.decode(here.tail) == "</s><|assistant|>"


def test_suffixes_that_no_text_has_are_not_tried() -> None:
    here, tokenizer = place(), renderer().tokenizer

    def ids(*texts: str) -> list[int]:
        return [token for text in texts for token in tokenizer.encode(text)]

    assert len(ids(" the")) == 1 and ids(" the") != ids(" ", "the")
    assert here.text((*here.start[:10], *ids(" the"))) == " !" * 5 + " the"
    assert here.text((*here.start[:10], *ids(" ", "the"))) is None
    for token in ("</s>", "<|assistant|>", "<s>"):
        control = tokenizer.convert_tokens_to_ids(token)
        assert not here.allowed[control]
        assert here.text((*here.start[:10], control)) is None
    half = tokenizer.convert_tokens_to_ids("Ã")  # a byte of a letter
    assert not here.allowed[half] and here.text((*here.start[:10], half)) is None


def test_a_place_in_a_text_that_the_tokenizer_begins_with_a_space() -> None:
    """SentencePiece's way with spaces, as Llama 2 has it; there a filling is one token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    special = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(vocab_size=60, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(["where is the cat ?", *["! ! ! ! the cat ! the"] * 9], trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        chat_template=tiny_models.TEMPLATE,
    )
    speaker = Renderer(wrapped, PromptOptions())

    def render(text: str) -> list[int]:
        return speaker.prompt_ids([Message("user", f"where is the cat?{text}")])

    here = Place(speaker.encoder, render, 5)
    assert here.text(here.start) is not None
    assert set(here.text(here.start) or "") == {" ", "!"}
    ids = wrapped.convert_tokens_to_ids(["▁the", "!", "▁cat"])
    assert None not in ids and here.text(ids) == " the! cat"
    assert render(" the! cat") == list(here.filled(ids))
    assert here.text(wrapped.convert_tokens_to_ids(["▁", "the"])) is None
