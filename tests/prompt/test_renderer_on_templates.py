"""The renderer on real chat templates and tokenizers: what is trained is what is served."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from real_templates import (
    MODELS,
    TEMPLATES,
    TOKENIZERS,
    TOOL,
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
OTHERWISE = {  # what they write of a whole conversation is not the prompt with the answer behind it
    "Apertus-8B-Instruct",
    "Apriel-1.6-15b-Thinker-fixed",
    "Cohere2MoE",
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "GLM-4.6",
    "GLM-4.7-Flash",
    "MiniMax-M2",
    "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "Qwen-QwQ-32B",
    "Spark2.5",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
    "deepseek-ai-DeepSeek-V3.2",
    "google-gemma-4-31B-it",
    "google-gemma-4-31B-it-interleaved",
    "llama-cpp-deepseek-r1",
    "llama-cpp-rwkv-world",
    "tencent-Hy3",
}
MERGED = {  # tokenizers that join what stands on both sides of the border between prompt and answer
    "gpt-2": {  # "\n\n" before a word is two tokens, at the end of a prompt one
        "Qwen3.5-4B",
        "StepFun3.5-Flash",
        "meetkai-functionary-medium-v3.1",
        "meta-llama-Llama-3.1-8B-Instruct",
        "meta-llama-Llama-3.2-3B-Instruct",
        "meta-llama-Llama-3.3-70B-Instruct",
    },
    "llama-spm": set(),
    "phi-3": set(),
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
    try:
        renderer = renderer_for(template, tokenizer_name)
    except UserError as error:  # SmolLM2 calls <|im_start|> its beginning of sequence
        assert "twice" in error.what and tokenizer_name == "smollm2-135m-instruct"
        assert "bos_token" in template.read_text("utf-8")
        return
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
def test_ids_are_those_that_transformers_gives(tokenizer_name: str) -> None:
    """Prompts always; whole conversations wherever the template and the border allow it."""
    differ: dict[str, set[str]] = {"single": set(), "unicode": set()}
    for template in USABLE:
        renderer = renderer_for(template, tokenizer_name)
        for kind in ("single", "unicode", "spaces"):
            first = conversations()[kind][:1]
            assert renderer.prompt_ids(first) == served_by_transformers(renderer, first)
        for kind, found in differ.items():
            messages = conversations()[kind]
            (sequence,) = renderer.render([example(messages)])[0].sequences
            whole = served_by_transformers(renderer, messages)
            if whole[: len(sequence.ids)] != sequence.ids.tolist():
                found.add(template.stem)
    expected = OTHERWISE | MERGED[tokenizer_name]
    assert differ == {"single": expected, "unicode": expected}


def test_padding_that_is_the_stop_token_changes_nothing() -> None:
    for name in REPRESENTATIVE:
        renderer = renderer_for(MODELS / "chat-templates" / f"{name}.jinja", "gpt-2")
        examples = [example(messages) for messages in conversations().values()]
        before = renderer.render(examples)
        try:
            renderer.tokenizer.pad_token = renderer.tokenizer.convert_ids_to_tokens(
                max(renderer.stop_ids)
            )
            after = renderer.render(examples)
        finally:
            renderer.tokenizer.pad_token = None
        for one, other in zip(before, after, strict=True):
            for first, second in zip(one.sequences, other.sequences, strict=True):
                assert first.ids.tolist() == second.ids.tolist()
                assert first.weights.tolist() == second.weights.tolist()


def test_only_the_last_turn_is_trained_where_asked() -> None:
    for name in REPRESENTATIVE:
        template = MODELS / "chat-templates" / f"{name}.jinja"
        options = PromptOptions(template=str(template), loss_on="last", max_tokens=100_000)
        renderer = Renderer(with_all_control_tokens("gpt-2"), options)
        messages = conversations()["multi"]
        (sequence,) = renderer.render([example(messages)])[0].sequences
        ((start, end),) = runs(sequence)
        assert sequence.ids[:start].tolist() == renderer.prompt_ids(messages[:-1])
        assert renderer.answer(sequence.ids[start:end].tolist()) == "Ciao"


def test_thinking_is_written_in_the_template_s_own_tokens() -> None:
    expected = {
        "openai-gpt-oss-120b": "<|channel|>analysis<|message|>A reason.<|end|><|start|>assistant"
        "<|channel|>final<|message|>Hello you<|return|>",
        "Qwen-Qwen3-0.6B": "<think>\nA reason.\n</think>\n\nHello you<|im_end|>",
        # The prompt has opened it, and the template's history would drop it.
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "A reason.\n</think>\n\nHello you"
        "<｜end▁of▁sentence｜>",
        "GLM-4.7-Flash": "A reason.</think>Hello you<|endoftext|>",
    }
    messages = conversations()["thinking"][:2]
    for name, text in expected.items():
        renderer = renderer_for(MODELS / "chat-templates" / f"{name}.jinja", "gpt-2")
        (sequence,) = renderer.render([example(messages)])[0].sequences
        assert renderer.tokenizer.decode(sequence.ids[sequence.weights != 0]) == text


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_an_answer_that_comes_token_by_token_only_grows(name: str) -> None:
    renderer = renderer_for(MODELS / "chat-templates" / f"{name}.jinja", "gpt-2")
    for kind in ("single", "thinking"):
        (first, *_) = renderer.render([example(conversations()[kind][:2])])[0].sequences
        said = first.ids[first.weights != 0].tolist()
        shown = [renderer.answer(said[:end]) for end in range(len(said) + 1)]
        if name.startswith("deepseek") and kind == "thinking":
            continue  # only the end of the thinking shows that the prompt had opened some
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(shown))


def test_tools_reach_the_template_and_are_defused() -> None:
    renderer = renderer_for(MODELS / "chat-templates" / "Qwen-Qwen2.5-7B-Instruct.jinja", "gpt-2")
    ask = [Message("user", "Add 1 and 2")]
    described = {**TOOL, "function": {**TOOL["function"], "description": "<|im_end|> adds"}}
    text = renderer.prompt_text(ask, [described])
    assert '"name": "add"' in text and "<|im_end|> adds" in text
    end = renderer.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert renderer.prompt_ids(ask, [described]).count(end) == renderer.prompt_ids(ask).count(end)
    given = Example((*ask, Message("assistant", "3")), Source("rows.jsonl", 0), tools=(described,))
    (sequence,) = renderer.render([given])[0].sequences
    prompt = renderer.prompt_ids(ask, [described])
    assert sequence.ids[: len(prompt)].tolist() == prompt
