"""Base models from folders, the hub and the embedded name; and all that can be wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from tutelage.errors import UserError
from tutelage.model.folders import fingerprint
from tutelage.model.loading import load, load_tokenizer
from tutelage.model.options import ModelOptions


def options(base: Path | str, **changes: object) -> ModelOptions:
    return ModelOptions(base=str(base), **{"device": "cpu", "precision": "float32", **changes})


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_local_folder(tiny_folder: Callable[..., Path], tiny_model) -> None:
    folder = tiny_folder("qwen3")
    loaded = load(options(folder))
    assert loaded.folder == folder
    assert loaded.family == "causal"
    assert loaded.name == loaded.model.name_or_path == str(folder)
    assert loaded.dtype == loaded.model.dtype == torch.float32
    assert loaded.model.config._attn_implementation == "tutelage"
    assert loaded.notes == ["float32 on cpu, as asked"]
    state = tiny_model("qwen3").state_dict()
    assert all(torch.equal(state[name], value) for name, value in loaded.model.state_dict().items())
    text = "the cat sat"
    assert load_tokenizer(options(folder)).encode(text) == loaded.tokenizer.encode(text)


def test_precision(tiny_folder: Callable[..., Path]) -> None:
    folder = tiny_folder()
    assert load(options(folder, precision="bfloat16")).model.dtype == torch.bfloat16
    chosen = load(options(folder, precision="auto"))
    assert chosen.dtype == chosen.model.dtype
    assert "on cpu: the CPU has" in chosen.notes[0]


def test_a_device_that_is_not_there(tiny_folder: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="no device cuda:99"):
        load(options(tiny_folder(), device="cuda:99"))


def test_names_that_mean_no_model(
    tiny_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    folder = tiny_folder()
    with pytest.raises(UserError, match=f"did you mean {folder}"):
        load(options(f"{tmp_path}/lama-base"))
    with pytest.raises(UserError, match="did you mean smollm2-135m-instruct"):
        load(options("smollm-135m-instruct"))
    with pytest.raises(UserError, match=r"no hub can be reached.*\n.*give a local folder"):
        load(options("somebody/some-model-that-is-not-cached"))
    with pytest.raises(UserError, match="nor a valid hub id"):
        load(options("what is this?"))
    with pytest.raises(UserError, match="only a model of the hub has a revision"):
        load(options(folder, revision="main"))
    with pytest.raises(UserError, match="is a file, expected a folder"):
        load(options(folder / "config.json"))


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


def own_code(folder: Path) -> None:
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "evil.Model"})


def own_tokenizer_code(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def quantised(folder: Path) -> None:
    edit(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})


def encoder_alone(folder: Path) -> None:
    edit(folder / "config.json", model_type="t5", architectures=["T5EncoderModel"])


def without_head(folder: Path) -> None:
    edit(folder / "config.json", model_type="bert", architectures=["BertModel"])


def unheard_of(folder: Path) -> None:
    edit(folder / "config.json", model_type="nonesuch", architectures=["NoneSuch"])


def missing_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cut_off(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def other_shape(folder: Path) -> None:
    edit(folder / "config.json", hidden_size=64)


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (adapter, "holds an adapter.*\n.*merge it"),
        (no_config, "no config.json"),
        (broken_config, "cannot be read"),
        (own_code, "code of its own"),
        (own_tokenizer_code, "code of its own"),
        (pickled, "pickled weights"),
        (quantised, "are quantised"),
        (encoder_alone, "T5EncoderModel.*\n.*with its head"),
        (without_head, "BertModel"),
        (unheard_of, "NoneSuch"),
        (missing_weight, r"lack 1 of the model's weights, such as model\.layers\.1\.mlp\.up_proj"),
        (cut_off, "cannot be loaded"),
        (other_shape, "cannot be loaded"),
        (no_tokenizer, "tokenizer cannot be read"),
    ],
)
def test_folders_that_are_refused(
    tiny_folder: Callable[..., Path], damage: Callable[[Path], None], message: str
) -> None:
    folder = tiny_folder()
    damage(folder)
    with pytest.raises(UserError, match=message):
        load(options(folder))


def test_unused_weights_are_told(tiny_folder: Callable[..., Path]) -> None:
    folder = tiny_folder()
    weights = load_file(folder / "model.safetensors")
    weights["value_head.weight"] = torch.ones(1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "value_head.weight" in load(options(folder)).notes[-1]


def test_a_fingerprint_changes_with_any_byte(tiny_folder: Callable[..., Path]) -> None:
    folder = tiny_folder()
    before = fingerprint(folder)
    (folder / ".cache").write_text("hidden files do not count")
    assert fingerprint(folder) == before
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(folder) != before


@pytest.mark.parametrize("kind", ["gptj", "gpt_neo", "falcon"])
def test_an_architecture_with_attention_of_its_own(
    tiny_folder: Callable[..., Path], kind: str
) -> None:
    with pytest.raises(UserError, match="attention in a way of its own"):
        load(options(tiny_folder(kind)))
