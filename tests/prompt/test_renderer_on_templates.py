"""The renderer on real chat templates and tokenizers: what is trained is what is served."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from real_templates import (
    MODELS,
    TEMPLATES,
    TOKENIZERS,
    add_control_tokens,
    conversations,
    models_needed,
    tokenizer_of,
)
from transformers.utils import chat_template_utils

from tutelage.data.example import Example, Message, Source
from tutelage.errors import UserError
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Rendered, Renderer
from tutelage.prompt.template import DATE

pytestmark = models_needed("chat-templates", "tokenizers")

NEEDS_TOOLS = {  # the second template of a tokenizer that has two, used only where there are tools
    "CohereForAI-c4ai-command-r-plus-tool_use",
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    "fireworks-ai-llama-3-firefunction-v2",
}
REWRITES = {  # of these, each turn becomes a sequence of its own
    "Apertus-8B-Instruct",
    "Apriel-1.6-15b-Thinker-fixed",
    "Cohere2MoE",
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "GLM-4.6",
    "GLM-4.7-Flash",
    "MiniMax-M2",
    "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "NVIDIA-Nemotron-Nano-v2",
    "Qwen-QwQ-32B",
    "Qwen-Qwen3-0.6B",
    "Qwen3.5-4B",
    "Spark2.5",
    "StepFun3.5-Flash",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    "deepseek-ai-DeepSeek-V3.2",
    "google-gemma-4-31B-it",
    "google-gemma-4-31B-it-interleaved",
    "llama-cpp-deepseek-r1",
    "llama-cpp-rwkv-world",
    "openai-gpt-oss-120b",
    "tencent-Hy3",
}
NO_CALLS = {  # their templates write no tool call, or the sandbox forbids how they do it
    "HuggingFaceTB-SmolLM3-3B",
    "Kimi-K2-Instruct",
    "Kimi-K2-Thinking",
    "LFM2-8B-A1B",
    "LFM2.5-Instruct",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "google-gemma-2-2b-it",
    "ibm-granite-granite-3.3-2B-Instruct",
    "llama-cpp-rwkv-world",
    "microsoft-Phi-3.5-mini-instruct",
}
REFUSED = {  # a turn of theirs does not follow the prompt that they open for it
    ("NVIDIA-Nemotron-Nano-v2", "tool"),
    ("NVIDIA-Nemotron-Nano-v2", "tool, no name"),
    ("llama-cpp-deepseek-r1", "tool, said"),
    ("poolside-Laguna-XS-2.1", "thinking"),
    ("poolside-Laguna-XS.2", "thinking"),
    ("tencent-Hy3", "thinking"),
}
REPRESENTATIVE = (
    "Qwen-Qwen2.5-7B-Instruct",
    "Qwen-Qwen3-0.6B",
    "meta-llama-Llama-3.1-8B-Instruct",
    "mistralai-Mistral-Nemo-Instruct-2407",
    "google-gemma-2-2b-it",
    "microsoft-Phi-3.5-mini-instruct",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "openai-gpt-oss-120b",
    "GLM-4.7-Flash",
    "Cohere2MoE",
    "Kimi-K3",
    "llama-cpp-rwkv-world",
)
USABLE = [path for path in TEMPLATES if path.stem not in NEEDS_TOOLS]
ALL_TOKENIZERS = [
    *(folder.name for folder in TOKENIZERS),
    *(
        name
        for name in ("smollm2-135m-instruct", "stories15m-base", "gemma3-270m-base")
        if (MODELS / name).exists()
    ),
]


@pytest.fixture(autouse=True)
def _same_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where transformers renders, let it print the date that the renderer prints."""

    class FixedDate(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return DATE

    monkeypatch.setattr(chat_template_utils, "datetime", FixedDate)


@cache
def with_all_control_tokens(name: str) -> object:
    """A real tokenizer with the control tokens of every template (one copy serves them all)."""
    tokenizer = tokenizer_of(name)
    add_control_tokens(tokenizer, [path.read_text("utf-8") for path in TEMPLATES])
    return tokenizer


def renderer_for(template: Path, tokenizer_name: str) -> Renderer:
    tokenizer = with_all_control_tokens(tokenizer_name)
    options = PromptOptions(template=str(template), max_tokens=100_000)
    return Renderer(tokenizer, options)


def example(messages: Sequence[Message]) -> Example:
    return Example(tuple(messages), Source("rows.jsonl", 0))


def runs(sequence: Rendered) -> list[tuple[int, int]]:
    """The supervised stretches of a sequence."""
    edges = np.flatnonzero(np.diff(np.r_[0, sequence.weights != 0, 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def squeezed(text: str) -> str:
    return "".join(text.split())


def turns_of(messages: Sequence[Message]) -> list[int]:
    return [at for at, message in enumerate(messages) if message.role == "assistant"]


def prove(renderer: Renderer, messages: Sequence[Message]) -> tuple[Rendered, ...]:
    """Hold what became of a conversation to the invariants; its sequences."""
    (rendering,) = renderer.render([example(messages)])
    assert rendering.reason is None, rendering.detail
    found = [(sequence, *run) for sequence in rendering.sequences for run in runs(sequence)]
    turns = turns_of(messages)
    assert len(found) == len(turns)
    for at, (sequence, start, end) in zip(turns, found, strict=True):
        ids = sequence.ids.tolist()
        prompt = renderer.prompt_ids(messages[:at])
        assert ids[:start] == prompt, "trained behind what is served"
        assert set(sequence.weights[start:end].tolist()) == {1.0}
        turn, said = messages[at], ids[start:end]
        assert ids[end - 1] in renderer.encoder.control_ids, "the turn's end is supervised"
        if turn.tool_calls:
            text = renderer.tokenizer.decode(said)
            assert "add" in text and "two" in text
        else:
            assert ids[end - 1] in renderer.stop_ids
            assert squeezed(renderer.answer(said)) == squeezed(turn.content)
    bos = renderer.tokenizer.bos_token_id
    for sequence in rendering.sequences:
        assert sequence.stop_trained
        assert bos is None or sequence.ids[:2].tolist() != [bos, bos]
        asked = renderer.tokenizer.decode(sequence.ids[sequence.weights != 0])
        assert not any(message.content in asked for message in messages if message.role == "user")
    return rendering.sequences


def prove_template(template: Path, tokenizer_name: str) -> None:
    """Every conversation through one template on one tokenizer."""
    renderer = renderer_for(template, tokenizer_name)
    name = template.stem
    for kind, messages in conversations().items():
        if (name, kind) in REFUSED or (name in NO_CALLS and kind.startswith("tool")):
            (rendering,) = renderer.render([example(messages)])
            assert rendering.reason is not None and rendering.detail, kind
            continue
        sequences = prove(renderer, messages)
        if kind == "multi":
            assert len(sequences) == (3 if name in REWRITES else 1)


def served_by_transformers(renderer: Renderer, messages: Sequence[Message]) -> list[int]:
    rows = [{"role": message.role, "content": message.content} for message in messages]
    asked = messages[-1].role != "assistant"
    return renderer.tokenizer.apply_chat_template(rows, add_generation_prompt=asked)["input_ids"]


@pytest.mark.parametrize("name", REPRESENTATIVE)
@pytest.mark.parametrize("tokenizer_name", ["gpt-2", "llama-spm", "phi-3"])
def test_trained_is_served(name: str, tokenizer_name: str) -> None:
    prove_template(MODELS / "chat-templates" / f"{name}.jinja", tokenizer_name)


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer_name", ALL_TOKENIZERS)
def test_trained_is_served_by_all_templates_on_all_tokenizers(tokenizer_name: str) -> None:
    for template in USABLE:
        prove_template(template, tokenizer_name)


@pytest.mark.parametrize("name", sorted(NEEDS_TOOLS))
def test_a_template_that_needs_tools_is_refused_at_once(name: str) -> None:
    with pytest.raises(UserError, match="fails on a single user turn"):
        renderer_for(MODELS / "chat-templates" / f"{name}.jinja", "gpt-2")


@pytest.mark.parametrize("tokenizer_name", ["gpt-2", "llama-spm", "phi-3"])
def test_a_prompt_has_the_ids_that_transformers_gives_it(tokenizer_name: str) -> None:
    for template in USABLE:
        renderer = renderer_for(template, tokenizer_name)
        for kind in ("single", "multi", "unicode", "spaces"):
            first = conversations()[kind][:1]
            assert renderer.prompt_ids(first) == served_by_transformers(renderer, first)
