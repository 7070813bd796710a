"""Backbone times head is the model's own forward pass, or the model is refused."""

from __future__ import annotations

import pytest
import torch

from tutelage.errors import UserError
from tutelage.model.families import families

KNOWN = [
    "llama",
    "gpt2",
    "qwen3",
    "gemma2",
    "gemma3_text",
    "gemma3",
    "cohere",
    "granite",
    "mixtral",
    "phi",
]
PROBED = [
    *KNOWN,
    *("cohere2", "gemma", "glm4", "gpt_neox", "mistral", "olmo", "olmo2", "opt", "phi3"),
    *("qwen2", "qwen3_moe", "smollm3", "stablelm", "starcoder2"),
]
"""What the page on families names as understood."""


@pytest.mark.parametrize("kind", KNOWN)
def test_parts_make_up_the_whole(tiny_model, kind: str) -> None:
    model, family = tiny_model(kind, attn_implementation="eager"), families.get("causal")
    ids = torch.randint(0, 300, (1, 12))
    positions = torch.arange(12)[None]
    hidden = family.hidden_states(model, ids, positions)
    assert hidden.shape == (12, 32)
    ours = family.logits(model, hidden[3:5])
    own = model(input_ids=ids).logits[0, 3:5]
    torch.testing.assert_close(ours, own, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", PROBED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_known_architectures_pass_the_probe(tiny_model, kind: str, dtype: torch.dtype) -> None:
    families.get("causal").probe(tiny_model(kind).to(dtype))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bloom", "takes no position ids"),
        ("falcon_h1", "one example of a row moves the next"),
        ("lfm2", "one example of a row moves the next"),
        ("codegen", "one example of a row moves the next"),
        ("gpt_oss", "attention sinks"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_cannot_be_packed_is_refused(
    tiny_model, kind: str, reason: str, dtype: torch.dtype
) -> None:
    with pytest.raises(UserError, match=reason):
        families.get("causal").probe(tiny_model(kind).to(dtype))


def test_probe_keeps_the_mode(tiny_model) -> None:
    model = tiny_model("llama").train()
    families.get("causal").probe(model)
    assert model.training
    assert model.config._attn_implementation == "tutelage"


def test_an_unknown_transform_of_the_logits_is_refused(tiny_model) -> None:
    model = tiny_model("llama")
    model.lm_head.register_forward_hook(lambda _module, _inputs, output: output * 1.001)
    with pytest.raises(UserError, match="LlamaForCausalLM cannot be tuned here"):
        families.get("causal").probe(model)
