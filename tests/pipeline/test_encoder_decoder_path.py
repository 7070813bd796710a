"""The whole path on tiny encoder-decoders: check, train, evaluate, chat, export, resume."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import tiny_encoder_decoders
import tiny_project
from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.chat import open_chat
from tutelage.pipeline.check import check
from tutelage.pipeline.evaluate import evaluate
from tutelage.pipeline.export import export
from tutelage.pipeline.train import resume, train
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder

SMALL = ("train.epochs=2", "evaluate.decode.max_new_tokens=3", "evaluate.resamples=100")


@pytest.fixture(scope="module", params=["t5 lora", "bart full", "marian lora"])
def tuned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    kind, method = request.param.split()
    folder = tmp_path_factory.mktemp("encoder-decoder")
    base = tiny_encoder_decoders.save_folder(folder / "base", kind)
    project = tiny_project.write_project(folder / "project", base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        settings = [*SMALL, f"model.method={method}"]
        checked = check("recipe.yaml", settings)
        assert checked.stop_trained == checked.sequences == checked.splits["train"]
        assert checked.memory_parts["activations"] > 0  # predicted, not measured
        shown = "".join(text for text, _ in checked.samples[0].tokens)
        assert "Add the two numbers.\n\n0 and 0" in shown
        return train("recipe.yaml", project / "run", settings)


def project_of(run: RunFolder) -> Path:
    return run.path.parent


def test_training_lowers_the_loss(tuned: RunFolder) -> None:
    losses = [row["loss"] for row in map(json.loads, tuned.log.read_text().splitlines())]
    assert losses[-1] < losses[0] - 0.1


def test_evaluated_and_talked_to(tuned: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project_of(tuned))
    metrics = evaluate(tuned.path)
    assert {change["metric"] for change in metrics["comparison"]} >= {"exact_match", "chrf"}
    assert metrics["forgetting"] is not None
    chat = open_chat(tuned.path, DecodeOptions(max_new_tokens=4))
    heard: list[str] = []
    first = chat.ask("The door is red.", heard.append)
    assert "".join(heard) == first
    chat.ask("And the car?", heard.append)
    assert [message.role for message in chat.messages] == ["user", "assistant"] * 2


def test_exported_and_reloaded(
    tuned: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(project_of(tuned))
    recipe = load_recipe(tuned.recipe).resolved()
    assert export(tuned.path, tmp_path / "merged", "merged").logit_difference < 1e-5
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    chat = open_chat(tuned.path, DecodeOptions(max_new_tokens=6))
    said = chat.ask("The cup is blue.", lambda _: None)
    with torch.no_grad():
        ids = model.generate(
            **tokenizer("The cup is blue.", return_tensors="pt"), max_new_tokens=7, num_beams=1
        )[0]
    assert tokenizer.decode(ids, skip_special_tokens=True).startswith(said)
    if recipe.model.method == "lora":
        config = tmp_path / "adapter/adapter_config.json"
        assert export(tuned.path, tmp_path / "adapter", "adapter").logit_difference < 1e-5
        assert json.loads(config.read_text())["task_type"] == "SEQ_2_SEQ_LM"


def test_resumed_exactly(tuned: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(project_of(tuned))
    method = load_recipe(tuned.recipe).resolved().model.method
    settings = [*SMALL, f"model.method={method}"]
    stopped = train("recipe.yaml", tmp_path / "run", settings, stop_after=3)
    resume(stopped.path)
    whole, parts = (
        {path.name: path.read_bytes() for path in run.model.glob("*.safetensors")}
        for run in (tuned, stopped)
    )
    assert whole == parts
    assert whole


def test_a_conversation_is_laid_out_for_both_sides(tmp_path: Path) -> None:
    from tutelage.model.families import families
    from tutelage.model.loading import load
    from tutelage.model.options import ModelOptions
    from tutelage.prompt.options import PromptOptions
    from tutelage.prompt.renderer import Renderer

    folder = tiny_encoder_decoders.save_folder(tmp_path / "bart", "bart")
    loaded = load(ModelOptions(base=str(folder), precision="float32", device="cpu"))
    form = families.get(loaded.family).form(loaded.model)
    renderer = Renderer(loaded.tokenizer, PromptOptions(), form=form)
    assert renderer.form.opening == (1, 0)  # the decoder's start, and what opens a text
    ids = renderer.prompt_ids([Message("user", "the cat")])
    assert ids == loaded.tokenizer("the cat")["input_ids"]
    turns = [
        Message("system", "Be brief."),
        Message("user", "the cat"),
        Message("assistant", "sat"),
        Message("user", "and the dog"),
    ]
    assert renderer.prompt_text(turns) == (
        "Be brief.\n\nUser: the cat\n\nAssistant: sat\n\nUser: and the dog"
    )


def test_a_forced_beginning_that_the_tokenizer_does_not_write_is_refused(tmp_path: Path) -> None:
    from tutelage.prompt.options import PromptOptions
    from tutelage.prompt.source_and_answer import DecoderStart

    folder = tiny_encoder_decoders.save_folder(tmp_path / "bart", "bart")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert DecoderStart(1, 0).form(tokenizer, PromptOptions()).opening == (1, 0)
    with pytest.raises(UserError, match="must begin with token 7, and the tokenizer begins"):
        DecoderStart(1, 7).form(tokenizer, PromptOptions())
