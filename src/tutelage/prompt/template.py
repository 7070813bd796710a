"""Which chat template is used, and the text it makes of a conversation.

The template is the tokenizer's own, a file's, or, for a base model that has none, the documented
default below; whichever it is gets saved with the model. Templates are untrusted code: they run in
the sandbox that transformers compiles them for, see nothing but strings, numbers, lists and
dicts, and whatever they raise becomes a refusal. Compiled once and called directly, they take half
the time of `apply_chat_template`, which copies and checks every message at every call.

Templates differ in what they can be told, so three traits are found by trying: whether they take a
system turn, read a turn's thinking from a field of its own, and want a call's arguments as text.
The date they print is fixed, so that the same conversation has the same ids on every day: a run
resumes exactly, and base and tuned model are asked alike.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from transformers import PreTrainedTokenizerBase

# Private, but used by other servers too: the only way to the sandboxed template itself.
from transformers.utils.chat_template_utils import _compile_jinja_template

from tutelage.data.example import Message
from tutelage.errors import UserError

DEFAULT_TEMPLATE = """\
{%- if bos_token %}{{ bos_token }}{% endif %}
{%- for message in messages %}
{%- if message['role'] == 'system' %}{{ message['content'] }}

{% elif message['role'] == 'assistant' %}### Assistant:
{{ message['content'] }}{{ eos_token }}

{% else %}### {{ message['role'] | capitalize }}:
{{ message['content'] }}

{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}### Assistant:
{% endif %}"""
"""For base models without a template: plain headings (no new token to learn), every assistant
turn closed by the tokenizer's end-of-sequence token, which base models already know."""

DATE = datetime.datetime(2024, 7, 26)
"""What templates that print today's date are given: the one that Llama 3's own falls back on."""

THINKING = re.compile(r"\s*<think>(.*?)</think>\s*(.*)", re.DOTALL)
"""An assistant turn that begins with its thinking, as data sets write it."""

QUESTION = "Which one?"
PROBE = "Zyxwvut"  # a word that no template contains


class TemplateRefused(Exception):  # noqa: N818 - it says what happened; callers turn it into a fate
    """The template raised on a conversation (for example: roles must alternate)."""


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template with the special tokens it names and the traits that were found.

    Attributes:
        text: the Jinja source, or a mapping of name to source where a tokenizer has several.
        origin: where it comes from: `tokenizer`, `default`, or the file's path.
        variables: the special tokens by name (`bos_token` …).
        folds_system: the template refuses or drops system turns, so theirs goes in front of the
            first user turn.
        splits_thinking: the template reads thinking from `reasoning_content` and writes it in its
            own form, so that `<think>…</think>` is cut off the content and given there.
        text_arguments: the template wants a call's arguments as JSON text, not as an object.
    """

    text: str | dict[str, str]
    origin: str
    variables: dict[str, str] = field(default_factory=dict)
    folds_system: bool = False
    splits_thinking: bool = False
    text_arguments: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The Jinja sources."""
        return (self.text,) if isinstance(self.text, str) else tuple(self.text.values())

    @property
    def place(self) -> str:
        """What it is called in messages."""
        named = self.origin in ("tokenizer", "default")
        return f"chat template ({self.origin})" if named else self.origin

    def render(
        self,
        messages: Sequence[Message],
        *,
        generation_prompt: bool,
        tools: Sequence[dict[str, Any]] = (),
    ) -> str:
        """The text of a conversation, with the opening of the assistant's turn if asked for.

        Raises:
            TemplateRefused: the template raised an error on this conversation.
        """
        if self.folds_system:
            messages = fold_system(messages)
        try:
            template = _compile_jinja_template(self._source(bool(tools)))
            seen = {
                **_globals(template),
                **self.variables,
                "messages": self._dicts(messages),
                "tools": list(tools) or None,
                "documents": None,
                "add_generation_prompt": generation_prompt,
                "strftime_now": DATE.strftime,
            }
            return "".join(template.root_render_func(template.new_context(seen, shared=True)))
        except Exception as error:  # a template is somebody's program: it may raise anything
            raise TemplateRefused(_said(error)) from error

    def _source(self, with_tools: bool) -> str:
        if isinstance(self.text, str):
            return self.text
        return self.text["tool_use" if with_tools and "tool_use" in self.text else "default"]

    def thinking_and_words(self, message: Message) -> tuple[str, str]:
        """What of an assistant turn is given as thinking (often nothing) and what as content."""
        found = THINKING.fullmatch(message.content) if self.splits_thinking else None
        return (found[1].strip(), found[2]) if found else ("", message.content)

    def _dicts(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Messages as templates expect them, tool turns tied to the calls they answer."""
        rows: list[dict[str, Any]] = []
        unanswered: list[dict[str, Any]] = []
        made = 0
        for message in messages:
            row: dict[str, Any] = {"role": message.role, "content": message.content}
            if message.role == "assistant":
                thinking, row["content"] = self.thinking_and_words(message)
                if thinking:
                    row["reasoning_content"] = row["thinking"] = thinking
            if message.tool_calls:
                unanswered = [
                    self._call(call, made + n) for n, call in enumerate(message.tool_calls)
                ]
                row["tool_calls"] = list(unanswered)
                made += len(unanswered)
            if message.role == "tool" and unanswered:
                call = unanswered.pop(0)
                row |= {"tool_call_id": call["id"], "name": call["function"]["name"]}
            if message.name is not None:
                row["name"] = message.name
            rows.append(row)
        return rows

    def _call(self, call: dict[str, Any], number: int) -> dict[str, Any]:
        """A call with an id (nine digits, as Mistral wants it) and arguments as the template's."""
        function = {"arguments": {}, **call["function"]}
        if self.text_arguments:
            function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
        return {"id": f"{number:09d}", "type": "function", **call, "function": function}


@lru_cache(maxsize=16)
def _globals(template: jinja2.Template) -> dict[str, Any]:
    """What every template sees; Jinja's own `render` walks its chain of mappings at each call."""
    return dict(template.globals)


def _said(error: Exception) -> str:
    """A template's complaint in one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {said}"


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """Move a leading system turn to the front of the first user turn, a blank line between."""
    if not messages or messages[0].role != "system":
        return list(messages)
    system, *rest = messages
    for index, message in enumerate(rest):
        if message.role == "user":
            joined = f"{system.content}\n\n{message.content}" if system.content else message.content
            rest[index] = replace(message, content=joined)
            break
    return rest


def choose_template(
    tokenizer: PreTrainedTokenizerBase, file: str | None, default: str = DEFAULT_TEMPLATE
) -> ChatTemplate:
    """The template to use, tried once so that a broken one fails now.

    Args:
        tokenizer: the base model's.
        file: a template in place of its own.
        default: the template if there is neither.

    Raises:
        UserError: the file cannot be read, or the template fails on one user turn.
    """
    if file is not None:
        try:
            text: str | dict[str, str] = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"cannot read the chat template: {error}",
                where="prompt.template",
                fix="give the path of a Jinja text file, or leave it out for the model's own",
            ) from error
        origin = file
    elif tokenizer.chat_template:
        text, origin = tokenizer.chat_template, "tokenizer"
    else:
        if "eos_token" in default and tokenizer.eos_token is None:
            raise UserError(
                "the tokenizer has neither a chat template nor an end-of-sequence token",
                where="model.base",
                fix="give a template that ends the assistant's turn in prompt.template",
            )
        text, origin = default, "default"
    variables = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    template = ChatTemplate(text, origin, variables)
    try:
        template.render([Message("user", QUESTION)], generation_prompt=True)
    except TemplateRefused as error:
        raise UserError(
            f"the chat template fails on a single user turn: {error}",
            where="prompt.template" if file else f"chat template of {tokenizer.name_or_path}",
            fix="mend the template, or give another in prompt.template",
        ) from error
    return replace(
        template,
        folds_system=_folds_system(template),
        splits_thinking=_splits_thinking(template),
        text_arguments=_wants_text_arguments(template),
    )


def _tried(template: ChatTemplate, *messages: Message) -> str:
    """What a template makes of a conversation; nothing if it refuses."""
    try:
        return template.render(messages, generation_prompt=messages[-1].role != "assistant")
    except TemplateRefused:
        return ""


def _folds_system(template: ChatTemplate) -> bool:
    asked = (Message("system", PROBE), Message("user", QUESTION))
    return PROBE not in _tried(template, *asked)


def _splits_thinking(template: ChatTemplate) -> bool:
    answer = Message("assistant", f"<think>{PROBE}</think>{PROBE[::-1]}")
    text = _tried(replace(template, splits_thinking=True), Message("user", QUESTION), answer)
    return PROBE in text and PROBE[::-1] in text


def _wants_text_arguments(template: ChatTemplate) -> bool:
    call = {"type": "function", "function": {"name": "find", "arguments": {"what": PROBE}}}
    asked = (Message("user", QUESTION), Message("assistant", "", (call,)))
    as_text = replace(template, text_arguments=True)
    return PROBE not in _tried(template, *asked) and PROBE in _tried(as_text, *asked)
