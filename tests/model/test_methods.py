"""Methods as the loop sees them, and LoRA's files as PEFT sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tutelage.errors import UserError
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions

# PEFT asks with an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

IDS = torch.arange(2, 14)[None]


def options(**lora: object) -> ModelOptions:
    return ModelOptions(lora=LoraOptions(rank=4, **lora))


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """With updates that are not zero."""
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


@torch.no_grad()
def logits(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=IDS).logits


@pytest.fixture
def plain(tiny_model):
    return lambda kind="llama", **changes: tiny_model(kind, attn_implementation="eager", **changes)


def test_every_method_trains_something_and_starts_at_the_base(plain) -> None:
    for name in methods.names():
        model = plain()
        before = logits(model)
        methods.get(name).prepare(model, options(), seed=0)
        trained = methods.get(name).trainable_parameters(model)
        assert trained and all(parameter.requires_grad for parameter in trained.values())
        torch.testing.assert_close(logits(model), before)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3", "gemma3_text"])
def test_all_linear_adapts_what_peft_adapts(plain, kind: str) -> None:
    ours, theirs = plain(kind), plain(kind)
    methods.get("lora").prepare(ours, options(), seed=0)
    peft = get_peft_model(
        theirs, LoraConfig(r=4, target_modules="all-linear", fan_in_fan_out=kind == "gpt2")
    )
    mine = {name.removesuffix(".lora_A") for name, _ in ours.named_parameters() if "lora_A" in name}
    other = {
        name.removeprefix("base_model.model.").removesuffix(".lora_A.default.weight")
        for name, _ in peft.named_parameters()
        if "lora_A" in name
    }
    assert mine == other


def test_the_seed_decides_the_start(plain) -> None:
    lora, starts = methods.get("lora"), []
    for seed in (0, 0, 1):
        model = plain()
        lora.prepare(model, options(), seed)
        starts.append(torch.cat([p.flatten() for p in lora.trainable_parameters(model).values()]))
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3_text"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"rank_stabilised": True, "alpha": 7.5}, {"target_modules": ["0.mlp"]}],
    ids=["default", "rank-stabilised", "part"],
)
def test_peft_reads_our_files(plain, kind: str, changes: dict, tmp_path: Path) -> None:
    if "target_modules" in changes:
        first = {"gpt2": "h.0.mlp.c_fc"}.get(kind, "layers.0.mlp.up_proj")
        changes = {"target_modules": [first]}
    lora, model = methods.get("lora"), plain(kind)
    lora.prepare(model, options(**changes), seed=0)
    shaken(model)
    lora.save(model, tmp_path)
    peft = PeftModel.from_pretrained(plain(kind), tmp_path)
    torch.testing.assert_close(logits(peft), logits(model), rtol=1e-5, atol=1e-5)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == f"tiny-{kind}"
    assert list(config) == sorted(config)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("targets", ["all-linear", r".*(q_proj|up_proj|c_attn)"], ids=["all", "re"])
def test_we_read_pefts_files(plain, kind: str, targets: str, tmp_path: Path) -> None:
    config = LoraConfig(
        r=3, lora_alpha=5, use_rslora=True, target_modules=targets, fan_in_fan_out=kind == "gpt2"
    )
    peft = shaken(get_peft_model(plain(kind), config)).train(False)
    peft.save_pretrained(tmp_path, save_embedding_layers=False)
    model = plain(kind)
    methods.get("lora").load(model, tmp_path)
    torch.testing.assert_close(logits(model), logits(peft), rtol=1e-5, atol=1e-5)


def test_our_files_and_pefts_hold_the_same_tensors(plain, tmp_path: Path) -> None:
    lora, model = methods.get("lora"), plain()
    lora.prepare(model, options(), seed=0)
    lora.save(shaken(model), tmp_path)
    peft = PeftModel.from_pretrained(plain(), tmp_path)
    peft.save_pretrained(tmp_path / "peft", save_embedding_layers=False)
    ours = load_file(tmp_path / "adapter_model.safetensors")
    theirs = load_file(tmp_path / "peft" / "adapter_model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_saved_and_loaded_is_the_same(plain, method: str, tmp_path: Path) -> None:
    chosen, model = methods.get(method), plain()
    chosen.prepare(model, options(), seed=0)
    with torch.no_grad():
        for parameter in chosen.trainable_parameters(model).values():
            parameter.add_(0.01)
    chosen.save(model, tmp_path)
    fresh, prepared = plain(), plain()
    chosen.prepare(prepared, options(), seed=9)
    before = list(chosen.trainable_parameters(prepared).values())
    for other in (fresh, prepared):
        chosen.load(other, tmp_path)
        assert torch.equal(logits(other), logits(model))
    after = chosen.trainable_parameters(prepared).values()
    assert all(a is b for a, b in zip(before, after, strict=True))  # an optimizer holds them


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_merged_is_plain_and_equal(plain, kind: str) -> None:
    lora, model = methods.get("lora"), plain(kind)
    names = list(model.state_dict())
    lora.prepare(model, options(), seed=0)
    tuned = logits(shaken(model))
    lora.merge(model)
    assert list(model.state_dict()) == names
    torch.testing.assert_close(logits(model), tuned, rtol=1e-4, atol=1e-4)


def test_disabled_is_the_base_even_nested(plain) -> None:
    lora, model = methods.get("lora"), plain()
    base = logits(model)
    lora.prepare(model, options(), seed=0)
    tuned = logits(shaken(model))
    with lora.disabled(model):
        with lora.disabled(model):
            assert torch.equal(logits(model), base)
        assert torch.equal(logits(model), base)
    assert torch.equal(logits(model), tuned)
    assert not torch.equal(tuned, base)


def test_full_keeps_tied_weights_tied_and_has_no_base(plain, tmp_path: Path) -> None:
    full, model = methods.get("full"), plain(tie_word_embeddings=True)
    full.prepare(model, options(), seed=0)
    trained = full.trainable_parameters(model)
    assert "lm_head.weight" not in trained and "model.embed_tokens.weight" in trained
    assert not full.keeps_base
    with pytest.raises(ValueError, match="overwrites the base"):
        full.disabled(model)
    full.save(model, tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.lm_head.weight is again.model.embed_tokens.weight


def test_full_refuses_another_models_weights(plain, tmp_path: Path) -> None:
    full = methods.get("full")
    full.save(plain("qwen3"), tmp_path)
    with pytest.raises(UserError, match=r"not those of tiny-llama; they differ in .*_norm"):
        full.load(plain("llama"), tmp_path)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("q_porj", "no layer of LlamaForCausalLM is 'q_porj'\n.*did you mean q_proj"),
        ("proj", "no layer of LlamaForCausalLM is 'proj'"),
        ("lm_head", "output head"),
        ("embed_tokens", "is a Embedding, not a linear layer"),
        ("self_attn", "not a linear layer"),
    ],
)
def test_wrong_targets(plain, target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        methods.get("lora").prepare(plain(), options(target_modules=["k_proj", target]), seed=0)


def test_an_image_encoder_is_left_alone(plain) -> None:
    lora, model = methods.get("lora"), plain("gemma3")
    lora.prepare(model, options(), seed=0)
    names = lora.trainable_parameters(model)
    assert names and all("language_model" in name for name in names)


def test_experts_stay_frozen_and_the_user_is_told(plain) -> None:
    (note,) = methods.get("lora").prepare(plain("mixtral"), options(), seed=0)
    assert "stacks of experts" in note
    assert methods.get("lora").prepare(plain("llama"), options(), seed=0) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"use_dora": True}, "one set of matrices"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"a_setting_of_2031": {"on": 1}}, "a_setting_of_2031"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"peft_type": "IA3"}, "peft_type LORA"),
        ({"r": "many"}, "missing or wrong"),
        ({"r": 5}, "not of rank 5"),
    ],
)
def test_adapters_beyond_plain_lora_are_refused(
    plain, changes: dict, named: str, tmp_path: Path
) -> None:
    lora, model = methods.get("lora"), plain()
    lora.prepare(model, options(), seed=0)
    lora.save(model, tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=named):
        lora.load(plain(), tmp_path)


def test_broken_or_foreign_adapters_are_refused(plain, tmp_path: Path) -> None:
    lora, model = methods.get("lora"), plain()
    with pytest.raises(UserError, match=r"no adapter_config.json"):
        lora.load(model, tmp_path)
    lora.prepare(model, options(), seed=0)
    lora.save(model, tmp_path)
    with pytest.raises(UserError, match=r"has shape \[16, 32\], the model's weight \[32, 32\]"):
        lora.load(plain(num_key_value_heads=4), tmp_path)
    with pytest.raises(UserError, match="no linear layer of this model"):
        lora.load(plain("gpt2"), tmp_path)
    other = plain()
    lora.prepare(other, ModelOptions(lora=LoraOptions(rank=8)), seed=0)
    with pytest.raises(UserError, match="prepared with rank 8"):
        lora.load(other, tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    tensors = load_file(weights)
    save_file({**tensors, "base_model.model.lm_head.weight": torch.ones(1)}, weights)
    with pytest.raises(UserError, match="not part of LoRA"):
        lora.load(plain(), tmp_path)
    weights.write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(UserError, match="cannot be read"):
        lora.load(plain(), tmp_path)
    weights.unlink()
    with pytest.raises(UserError, match="pickled adapters"):
        lora.load(plain(), tmp_path)
