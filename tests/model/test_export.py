"""What is exported is the same model for others, or there is no export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tutelage.errors import UserError
from tutelage.model.export import Behaviour, compare, export
from tutelage.model.families import families
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions

# PEFT asks with an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

TEMPLATE = "{% for m in messages %}{{ m.content }}</s>{% endfor %}"


@pytest.fixture
def tuned(tiny_model):
    """A tiny model tuned a little by a method."""

    def make(kind: str, method: str):
        model = tiny_model(kind)
        chosen = methods.get(method)
        chosen.prepare(model, ModelOptions(lora=LoraOptions(rank=4)), seed=0)
        torch.manual_seed(5)
        with torch.no_grad():
            for parameter in chosen.trainable_parameters(model).values():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        return model

    return make


def settings(tokenizer, method: str, form: str, base: Path) -> dict:
    prompts = [tokenizer.encode(text) for text in ("the cat sat", "on the log, and")]
    return {
        "method": method,
        "form": form,
        "base_folder": base,
        "template": TEMPLATE,
        "stop_token_ids": [1, 3],
        "prompts": prompts,
        "family": families.get("causal"),
    }


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3", "gemma3_text"])
@pytest.mark.parametrize("way", ["lora merged", "lora adapter", "full merged"])
def test_exports_are_proven(
    tuned, tiny_folder, tiny_tokenizer, kind: str, way: str, tmp_path: Path
) -> None:
    method, form = way.split()
    base, out = tiny_folder(kind), tmp_path / "exported" / "here"
    model = tuned(kind, method)
    wanted = settings(tiny_tokenizer, method, form, base)
    parity = export(model, tiny_tokenizer, out, **wanted)
    assert parity.prompts == 2
    assert parity.logit_difference < 1e-5
    assert parity.greedy_tokens > 2
    assert AutoTokenizer.from_pretrained(out).chat_template == TEMPLATE
    assert tiny_tokenizer.chat_template != TEMPLATE
    assert (out / ("model.safetensors" if form == "merged" else "adapter_config.json")).exists()
    assert [path.name for path in out.parent.iterdir()] == ["here"]
    assert out.stat().st_mode == out.parent.stat().st_mode


def test_a_merged_export_stops_at_every_stop_token(
    tuned, tiny_folder, tiny_tokenizer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    wanted = settings(tiny_tokenizer, "lora", "merged", tiny_folder())
    export(tuned("llama", "lora"), tiny_tokenizer, out, **wanted)
    assert json.loads((out / "generation_config.json").read_text())["eos_token_id"] == [1, 3]
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.generation_config.eos_token_id == [1, 3]
    assert model.config.architectures == ["LlamaForCausalLM"]


def test_another_model_elsewhere_leaves_nothing(
    tuned, tiny_folder, tiny_tokenizer, tiny_model, tmp_path: Path
) -> None:
    other, out = tiny_folder(), tmp_path / "out"
    model = tiny_model("llama")
    with torch.no_grad():
        model.model.norm.weight.mul_(1.001)
    model.save_pretrained(other)
    wanted = settings(tiny_tokenizer, "lora", "adapter", other)
    with pytest.raises(UserError, match=r"logits differ by 0\.001"):
        export(tuned("llama", "lora"), tiny_tokenizer, out, **wanted)
    assert not out.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"llama-base"}


def test_another_text_is_found_even_if_logits_are_close() -> None:
    logits = torch.tensor([[1.0, 0.5]])
    first = Behaviour(logits, torch.tensor([0, 1]))
    with pytest.raises(UserError, match="greedy answer to prompt 0"):
        compare([first], [Behaviour(logits + 1e-7, torch.tensor([0, 0]))])
    with pytest.raises(UserError, match="logits differ"):
        compare([first], [Behaviour(logits * float("nan"), first.answer)])


def test_what_cannot_be_exported(tuned, tiny_folder, tiny_tokenizer, tmp_path: Path) -> None:
    base, out = tiny_folder(), tmp_path / "out"
    model = tuned("llama", "full")
    with pytest.raises(UserError, match="has no adapter"):
        export(model, tiny_tokenizer, out, **settings(tiny_tokenizer, "full", "adapter", base))
    wanted = settings(tiny_tokenizer, "full", "merged", base)
    with pytest.raises(UserError, match="folder is taken"):
        export(model, tiny_tokenizer, base, **wanted)
    with pytest.raises(ValueError, match="float32"):
        export(model.to(torch.bfloat16), tiny_tokenizer, out, **wanted)
