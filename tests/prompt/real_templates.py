"""Real tokenizers and chat templates, brought together for the renderer's proofs.

The templates come without their models' tokenizers, so that each is put on another real tokenizer
to which the control tokens it writes are added: found in its source and in what it renders. As in
the real vocabularies, tags like `<think>` are added as ordinary tokens, all else as special ones.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerBase

from tutelage.data.example import Message
from tutelage.prompt.template import ChatTemplate, TemplateRefused

MODELS = Path(
    os.environ.get("TUTELAGE_TEST_MODELS", Path.home() / ".cache" / "tutelage-test-models")
)
TEMPLATES = sorted((MODELS / "chat-templates").glob("*.jinja"))
TOKENIZERS = sorted(path.parent for path in (MODELS / "tokenizers").glob("*/tokenizer.json"))

SPECIAL = re.compile(
    r"<\|[^|<>{}\s']{1,40}\|>|<\|\w+>|<\w+\|>|<｜[^｜<>{}']{1,40}｜>|〈\|EOS\|〉"
    r"|\[/?[A-Z_]{3,}\]|\[gMASK\]|\]~!?b?\[|\]~b\]|\[e~\[|\]<\]minimax\[>\["
    r"|<(?:sop|bos|eos|start_of_turn|end_of_turn|seed:bos|seed:eos|begin_of_document|sep"
    r"|end_of_sentence|beginning_of_sentence|SPECIAL_1[012]|/?role|/?assistant|/?user|/?system)>"
)
TAG = re.compile(r"</?(?:seed:|mm:)?(?:think|tool_call|tool_response|arg_key|arg_value)>")

CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": "two"}}}
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}


def models_needed(*names: str) -> pytest.MarkDecorator:
    """Skip a test, saying how to get what it needs."""
    missing = [name for name in names if not (MODELS / name).exists()]
    reason = f"fetch {' '.join(missing)} with real_models.py into $TUTELAGE_TEST_MODELS"
    return pytest.mark.skipif(bool(missing), reason=reason)


@cache
def _loaded(folder: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(folder)


def tokenizer_of(name: str) -> PreTrainedTokenizerBase:
    """A fresh copy of a real tokenizer: `gpt-2`, or a model's folder such as `stories15m-base`."""
    folder = MODELS / "tokenizers" / name
    return copy.deepcopy(_loaded(folder if folder.exists() else MODELS / name))


def add_control_tokens(tokenizer: PreTrainedTokenizerBase, sources: Sequence[str]) -> None:
    """Add the control tokens that templates write to a tokenizer, as their own vocabularies do."""
    written = "\n".join([*sources, *(rendered_somehow(tokenizer, source) for source in sources)])
    special = sorted(set(SPECIAL.findall(written)))
    tags = sorted(set(TAG.findall(written)))
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in special], True)
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in tags])


def rendered_somehow(tokenizer: PreTrainedTokenizerBase, source: str) -> str:
    """What the template writes of itself, for tokens that it puts together from parts."""
    template = ChatTemplate(source, "test", dict(tokenizer.special_tokens_map))
    conversation = (
        Message("user", "q"),
        Message("assistant", "", (CALL,)),
        Message("tool", "3", name="add"),
        Message("assistant", "a"),
        Message("user", "q"),
    )
    texts = ["", ""]
    for at, turns in enumerate((conversation, conversation[:1])):
        try:
            texts[at] = template.render(turns, generation_prompt=True)
        except TemplateRefused:
            continue
    return "\n".join(texts)


def conversations() -> dict[str, tuple[Message, ...]]:
    """Conversations of every kind, by name."""
    ask, answer = Message("user", "Hi there"), Message("assistant", "Hello you")
    more = (Message("user", "And now?"), Message("assistant", "Still here"))
    end = (Message("user", "Bye"), Message("assistant", "Ciao"))
    thought = Message("assistant", "<think>\nA reason.\n</think>\n\nHello you")
    again = Message("assistant", "<think>\nWhy not.\n</think>\n\nYes")
    called, result = Message("assistant", "", (CALL,)), Message("tool", "3", name="add")
    said = Message("assistant", "It is 3")
    return {
        "single": (ask, answer),
        "multi": (ask, answer, *more, *end),
        "system": (Message("system", "Be brief"), ask, answer),
        "empty system": (Message("system", ""), ask, answer, *more),
        "thinking": (ask, thought, Message("user", "And?"), again),
        "tool": (ask, called, result, said),
        "tool, no name": (ask, called, Message("tool", "3"), said),
        "tool, said": (ask, Message("assistant", "Let me see", (CALL,)), result, said),
        "unicode": (
            Message("user", "Grüße 👋🏽 ﷽ 你好\u200d"),
            Message("assistant", "Γειά 🇺🇳 e\u0301 한국어 \u202bעברית"),
        ),
        "spaces": (
            Message("user", "  two before, one after \n"),
            Message("assistant", "\n\n  indented\n\tand tabbed  \n"),
            *more,
        ),
    }
