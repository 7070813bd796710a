"""Which chat template is used, and the text it makes of a conversation.

The template is the tokenizer's own, a file's, or, for a base model that has none, the documented
default below; whichever it is gets saved with the model. Templates are untrusted code and run in
transformers' sandboxed Jinja only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from transformers import PreTrainedTokenizerBase

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


class TemplateRefused(Exception):  # noqa: N818 - it says what happened; callers turn it into a fate
    """The template raised on a conversation (for example: roles must alternate)."""


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template with the tokenizer whose special tokens it names.

    Attributes:
        text: the Jinja source, or a mapping of name to source where a tokenizer has several.
        origin: where it comes from: `tokenizer`, `default`, or the file's path.
        folds_system: the template refuses or drops system turns, so theirs goes in front of the
            first user turn.
    """

    tokenizer: PreTrainedTokenizerBase
    text: str | dict[str, str]
    origin: str
    folds_system: bool = False

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
        source = self.text
        if isinstance(source, dict):
            named = "tool_use" if tools and "tool_use" in source else "default"
            source = source[named]
        try:
            text = self.tokenizer.apply_chat_template(
                [as_dict(message) for message in messages],
                tools=list(tools) or None,
                chat_template=source,
                add_generation_prompt=generation_prompt,
                tokenize=False,
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise TemplateRefused(str(error)) from error
        return str(text)


def as_dict(message: Message) -> dict[str, Any]:
    """A message as templates expect it."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        fields["tool_calls"] = list(message.tool_calls)
    if message.name is not None:
        fields["name"] = message.name
    return fields


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """Move a leading system turn to the front of the first user turn, a blank line between."""
    if not messages or messages[0].role != "system":
        return list(messages)
    system, *rest = messages
    for index, message in enumerate(rest):
        if message.role == "user":
            joined = f"{system.content}\n\n{message.content}" if system.content else message.content
            rest[index] = Message("user", joined)
            break
    return rest


def choose_template(tokenizer: PreTrainedTokenizerBase, file: str | None) -> ChatTemplate:
    """The template to use, tried once so that a broken one fails now.

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
        if tokenizer.eos_token is None:
            raise UserError(
                "the tokenizer has neither a chat template nor an end-of-sequence token",
                where="model.base",
                fix="give a template that ends the assistant's turn in prompt.template",
            )
        text, origin = DEFAULT_TEMPLATE, "default"
    template = ChatTemplate(tokenizer, text, origin)
    question = Message("user", "Which one?")
    try:
        template.render([question], generation_prompt=True)
    except TemplateRefused as error:
        raise UserError(
            f"the chat template fails on a single user turn: {error}",
            where="prompt.template" if file else f"chat template of {tokenizer.name_or_path}",
            fix="mend the template, or give another in prompt.template",
        ) from error
    return ChatTemplate(tokenizer, text, origin, _folds_system(template, question))


def _folds_system(template: ChatTemplate, question: Message) -> bool:
    probe = "Answer in exactly seven words."
    try:
        text = template.render([Message("system", probe), question], generation_prompt=True)
    except TemplateRefused:
        return True
    return probe not in text
