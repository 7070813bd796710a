"""Capped attention scores, packed, decoded and fused, equal what transformers computes."""

from __future__ import annotations

import pytest
import torch

import tiny_models
from tutelage.infer.backend import Request
from tutelage.infer.decoder import Decoder
from tutelage.infer.options import DecodeOptions
from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.prompt.tree import Segment

CAP = {"attn_logit_softcapping": 2.0, "sliding_window": 6}
"""A cap that scores of this model's size feel."""


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("fused", [False, True])
def test_a_packed_gemma_2_equals_transformers_eager(fused: bool) -> None:
    """Loss and gradients of two branches below a prefix, against each path alone.

    transformers takes softmax and norms in float32 whatever the precision.
    """
    model = tiny_models.make_model("gemma2", **CAP).double()
    family = families.get("causal")
    torch.manual_seed(0)
    prefix, *branches = (torch.randint(2, 300, (n,)) for n in (7, 5, 4))
    model.set_attn_implementation("eager")
    expected = sum(
        model(input_ids=torch.cat([prefix, branch])[None]).logits[0, 7:].square().sum()
        for branch in branches
    )
    expected.backward()
    reference = gradients(model)
    model.set_attn_implementation("tutelage")
    if fused:
        assert fuse(family, model)
    row = torch.cat([prefix, *branches])[None]
    positions = torch.cat([torch.arange(7), torch.arange(7, 12), torch.arange(7, 11)])[None]
    with using(TreeLayout([Segment(0, 7, -1), Segment(7, 12, 0), Segment(12, 16, 0)])):
        hidden = family.hidden_states(model, row, positions)
        loss = family.logits(model, hidden[7:]).square().sum()
        loss.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    ours = gradients(model)
    assert ours.keys() == reference.keys()
    for name, gradient in reference.items():
        assert (ours[name] - gradient).norm() <= 1e-5 * gradient.norm()


def test_the_cap_is_felt() -> None:
    row = torch.arange(2, 14)[None]
    logits = []
    for cap in (2.0, 50.0):
        model = tiny_models.make_model("gemma2", **{**CAP, "attn_logit_softcapping": cap})
        model.set_attn_implementation("eager")
        logits.append(model(input_ids=row).logits)
    assert not torch.allclose(*logits, rtol=1e-3)


def test_greedy_decoding_equals_generate() -> None:
    model = tiny_models.make_model("gemma2", **CAP)
    prompts = [list(range(2, 12)), list(range(2, 40)), [5, 4, 3]]
    options = DecodeOptions(max_new_tokens=8)
    decoder = Decoder(families.get("causal"), model, frozenset(), options)
    requests = [Request(tuple(ids), 8, key=at) for at, ids in enumerate(prompts)]
    ours = [answer.ids for answer in decoder.run(requests)]
    model.set_attn_implementation("eager")
    for ids, found in zip(prompts, ours, strict=True):
        prompt = torch.tensor([ids])
        output = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=8,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert list(found) == output[0, len(ids) :].tolist()
