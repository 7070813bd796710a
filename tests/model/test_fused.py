"""Fused modules compute what transformers' own do, and only take the place of what they equal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tutelage.model import attention as _registers  # noqa: F401
from tutelage.model.attention import TreeLayout, using
from tutelage.model.families.causal import causal
from tutelage.model.fused import fuse, unfuse
from tutelage.model.fused.gated import GELU_TANH, SILU, Activation, gated
from tutelage.model.fused.modules import Fused
from tutelage.model.fused.rms_norm import plain_rms_norm, rms_norm
from tutelage.model.fused.rotary import plain_rotate, rotate
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.model.projections import Projection, plain_project
from tutelage.prompt.tree import Segment

SEGMENTS = [Segment(0, 4, -1), Segment(4, 9, 0), Segment(9, 12, 0)]
POSITIONS = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 5, 6]])
SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
}


def model_of(kind: str, **settings: object) -> PreTrainedModel:
    """A random model in float64 whose norms and biases are no ones and zeros."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **SIZES, **settings)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="tutelage").double()
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.3)
    return model


def behaviour(model: PreTrainedModel) -> list[Tensor]:
    """Hidden states of a small tree, and the gradient of every trained parameter."""
    ids = torch.arange(12)[None] * 5
    with using(TreeLayout(SEGMENTS)):
        hidden = causal.hidden_states(model, ids, POSITIONS)
        (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum().backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    return [hidden.detach(), *grads]


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("llama", {}, 2 * (1 + 1 + 2) + 1),
        ("mistral", {"sliding_window": 3}, 2 * (1 + 1 + 2) + 1),
        ("qwen2", {}, 2 * (1 + 1 + 2) + 1),
        ("qwen3", {}, 2 * (1 + 1 + 4) + 1),
        ("gemma3_text", {"sliding_window": 3}, 2 * (1 + 1 + 6) + 1),
        ("olmo2", {}, None),  # its norms of heads go over all heads
        ("gpt_neox", {}, 0),
    ],
)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_fused_model_computes_the_same(
    kind: str, settings: dict[str, object], expected: int | None, method: str
) -> None:
    model = model_of(kind, **settings)
    names = list(model.state_dict())
    options = ModelOptions(method=method)

    replaced = fuse(causal, model)
    assert expected in (None, replaced)
    assert list(model.state_dict()) == names
    methods.get(method).prepare(model, options, seed=0)
    model.double()
    for name, parameter in model.named_parameters():
        if name.endswith("lora_B"):
            nn.init.normal_(parameter)
    fused = behaviour(model)
    unfuse(model)
    assert not any(isinstance(module, Fused) for module in model.modules())
    own = behaviour(model)
    assert len(fused) == len(own)
    for ours, theirs in zip(fused, own, strict=True):
        # transformers takes the norm's sums in float32 whatever the precision
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_layer_with_dropout_is_called_itself() -> None:
    model = model_of("llama")
    fuse(causal, model)
    options = ModelOptions(method="lora", lora=LoraOptions(rank=2, dropout=0.3))
    methods.get("lora").prepare(model, options, seed=0)
    model.double().train()
    for name, parameter in model.named_parameters():
        if name.endswith("lora_B"):
            nn.init.normal_(parameter)

    def drawn(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        return behaviour(model)

    fused, other = drawn(1), drawn(2)
    unfuse(model)
    for ours, theirs in zip(fused, drawn(1), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(fused[0], other[0])


def test_what_only_looks_alike_stays() -> None:
    model = model_of("llama")

    class Odd(type(model.model.layers[0].mlp)):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * 1.001

    odd = model.model.layers[0].mlp
    odd.__class__ = Odd
    fuse(causal, model)
    assert model.model.layers[0].mlp is odd
    assert isinstance(model.model.layers[1].mlp, Fused)


def test_what_does_not_tell_its_epsilon_or_dropout_stays() -> None:
    """Neither shows in the proof: a few tokens are too large, and nothing is dropped in them."""

    class OtherRMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(SIZES["hidden_size"], dtype=torch.float64))
            self.tiny = 1e-9

        def forward(self, x: Tensor) -> Tensor:
            return plain_rms_norm(x, self.weight, self.tiny)

    model = model_of("llama")
    first, second = model.model.layers
    first.input_layernorm = norm = OtherRMSNorm()
    first.self_attn.attention_dropout = None
    attention = first.self_attn
    fuse(causal, model)
    assert first.input_layernorm is norm
    assert first.self_attn is attention
    assert isinstance(second.self_attn, Fused)


def test_the_proof_is_exact_in_16_bits() -> None:
    """A norm with large weights, of Gemma's kind, is not taken for Llama's."""
    model = model_of("gemma3_text").bfloat16()
    for name, parameter in model.named_parameters():
        if "norm" in name:
            nn.init.constant_(parameter, 200.0)
    fuse(causal, model)
    norm = model.model.layers[0].input_layernorm
    assert isinstance(norm, Fused)
    assert norm.offset == 1.0


def test_rms_norm() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(rms_norm(x, weight, 1e-3), plain_rms_norm(x, weight, 1e-3))
    assert torch.autograd.gradcheck(lambda *given: rms_norm(*given, 1e-3), (x, weight))


def test_rotation() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    cos, sin = torch.randn(2, 1, 3, 1, 6, dtype=torch.float64)
    torch.testing.assert_close(rotate(x, cos, sin), plain_rotate(x, cos, sin))
    assert torch.autograd.gradcheck(lambda given: rotate(given, cos, sin), (x,))


@pytest.mark.parametrize("activation", [SILU, GELU_TANH], ids=["silu", "gelu"])
@pytest.mark.parametrize("trained", ["all", "updates", "input"])
def test_gated(activation: Activation, trained: str) -> None:
    torch.manual_seed(0)

    def tensor(*shape: int, kind: str) -> Tensor:
        made = torch.randn(*shape, dtype=torch.float64)
        return made.requires_grad_(trained in ("all", kind))

    def layer(outputs: int, inputs: int) -> Projection:
        return Projection(
            tensor(outputs, inputs, kind="weights"),
            tensor(outputs, kind="weights"),
            tensor(2, inputs, kind="updates"),
            tensor(outputs, 2, kind="updates"),
            0.7,
        )

    x = tensor(3, 4, kind="input")
    gate, up, down = layer(5, 4), layer(5, 4), layer(4, 5)
    tensors = [x, *gate[:4], *up[:4], *down[:4]]
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    into = plain_project(x, [gate, up])
    plain = plain_project(activation.value(into[0]) * into[1], [down])[0]
    ours = gated(x, gate, up, down, activation)
    torch.testing.assert_close(ours, plain)
    expected = torch.autograd.grad((plain**2).sum(), wanted)
    found = torch.autograd.grad((ours**2).sum(), wanted)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
