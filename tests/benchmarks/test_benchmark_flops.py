"""The benchmark's count of a step's arithmetic, against PyTorch's counter of plain code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from tuning import flops
from tutelage.model.attention.tree import paths
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import merge

TOKENS, TARGETS = 24, 7


def llama() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=56,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=10,
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config)


@pytest.mark.parametrize("rank", [None, 3])
def test_count_equals_pytorchs_counter_of_a_plain_step(rank: int | None) -> None:
    model = llama()
    config = model.config
    if rank is not None:
        model = get_peft_model(
            model, LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
        ).get_base_model()
    counter = FlopCounterMode(display=False)
    with counter:
        hidden = model.model(input_ids=torch.arange(TOKENS)[None]).last_hidden_state[0]
        torch.nn.functional.linear(hidden[-TARGETS:], model.lm_head.weight).sum().backward()
    computed = replace(
        flops.Computed().with_pack(np.arange(TOKENS)),
        targets=TARGETS,
        pairs=TOKENS**2,  # eager attention computes the pairs that it masks, too
    )
    shape = flops.Shape.of(config, rank)
    counted = sum(product.flops * times for product, times in flops.products(shape, computed))
    assert counted == pytest.approx(counter.get_total_flops(), rel=1e-12)


def test_pairs_are_the_tokens_on_each_tokens_path() -> None:
    prefix, other = np.arange(9, dtype=np.int32), np.arange(50, 62, dtype=np.int32)
    tails = [np.arange(20 + 10 * at, 25 + 11 * at, dtype=np.int32) for at in range(3)]
    sequences = [np.concatenate([prefix, tail]) for tail in tails] + [other]
    forest = merge(
        [Rendered(ids, np.ones(len(ids), np.float32), stop_trained=True) for ids in sequences], 4
    )
    computed = flops.Computed().with_pack(forest.positions)
    seen = 0
    for path in paths(forest.segments):
        own = path[-1].stop - path[-1].start
        above = sum(part.stop - part.start for part in path[:-1])
        seen += own * above + own * (own + 1) // 2
    assert computed.tokens == len(forest) < forest.logical_tokens
    assert computed.pairs == seen


def test_arithmetic_of_packs_adds_up() -> None:
    shape = flops.Shape.of(llama().config, 3)
    one, two = flops.Computed().with_pack(np.arange(20)), flops.Computed()
    two = two.with_pack(np.arange(20)).with_pack(np.arange(40))

    def total(computed: flops.Computed) -> float:
        products = flops.products(shape, replace(computed, targets=computed.tokens))
        return sum(product.flops * times for product, times in products)

    other = flops.Computed().with_pack(np.arange(40))
    assert total(two) == pytest.approx(total(one) + total(other))
