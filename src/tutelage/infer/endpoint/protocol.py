"""The words of the chat-completions protocol: a request written, an answer read.

Pure functions, since everything that comes back is hostile until it is read: any JSON, or none.
An answer is text with a reason why it ended. What is not (a refusal that the service marks as one,
a filter, a call of a tool) is named; scoring it as an empty answer, as is common, would call a
model bad where a service was careful.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tutelage.asking_options import AskingOptions
from tutelage.data.tuning_files.openai import chat
from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions, Served

Finish = Literal["stop", "length"]

Failed = Literal["refused", "filtered", "no_text", "rejected", "given_up"]
"""Why there is no answer: the model refused and the service says so; a content filter; an answer
without text; the endpoint would not take the request; all repetitions were in vain."""

SHOWN = 300
"""Characters of a stranger's message in an error of ours."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request.

    Attributes:
        text: the answer; None if there is none.
        finish_reason: `length` at the limit, else `stop`.
        prompt_tokens: as the endpoint counts, which charges by it.
        answer_tokens: likewise.
        model: what the endpoint says answered; services resolve a name to a dated version.
        failed: why there is no answer.
        detail: the same in the endpoint's words.
    """

    text: str | None
    finish_reason: Finish
    prompt_tokens: int = 0
    answer_tokens: int = 0
    model: str = ""
    failed: Failed | None = None
    detail: str = ""


class Malformed(Exception):  # noqa: N818 (it leads to a repetition, and is no error yet)
    """The response is not what the protocol says; most often it was cut off on the way."""


def body(
    request: Request, served: Served, endpoint: AskingOptions, decode: DecodeOptions
) -> dict[str, Any]:
    """The JSON of a request."""
    asked: dict[str, Any] = {
        "model": served.model,
        "messages": chat(request.messages),
        "temperature": decode.temperature,
        endpoint.limit_parameter: request.max_new_tokens,
    }
    if request.tools:
        asked["tools"] = list(request.tools)
    if decode.top_p < 1:
        asked["top_p"] = decode.top_p
    if decode.temperature > 0:
        asked["seed"] = (decode.seed + request.key) % 2**31
    asked |= endpoint.parameters
    return {name: value for name, value in asked.items() if value is not None}


def fingerprint(url: str, asked: dict[str, Any]) -> str:
    """SHA-256 of a request: where it goes and all that is asked."""
    return hashlib.sha256(orjson.dumps([url, asked], option=orjson.OPT_SORT_KEYS)).hexdigest()


def most_tokens(asked: dict[str, Any], request: Request) -> tuple[int, int]:
    """The most prompt tokens and answered tokens that a request can be charged for.

    No tokenizer of these services makes more than a token of a byte; the mark-up around the turns
    is shorter than the JSON's.
    """
    return len(orjson.dumps(asked)), request.max_new_tokens


def read(content: bytes) -> Reply:
    """The first choice of a response.

    Raises:
        Malformed: it is not what the protocol says.
    """
    try:
        found = orjson.loads(content)
        choice = found["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
        called = message.get("tool_calls") or message.get("function_call")
        finish = str(choice.get("finish_reason") or "stop")
        usage = found.get("usage") or {}
        tokens = [_whole(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
        model = str(found.get("model") or "")[:SHOWN]
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
        if said := _error_within(content):
            raise Malformed(f"an error in place of an answer: {said}") from None
        raise Malformed(f"not a chat completion ({type(error).__name__})") from None
    failed: Failed | None = None
    if finish == "content_filter":
        failed = "filtered"
    elif isinstance(refusal, str) and refusal:
        failed = "refused"
    elif called and not text:
        failed, finish = "no_text", "a call of a tool in place of text"
    elif not isinstance(text, str):
        # Reasoning that used up the whole length ends so: an empty answer, cut off.
        failed = None if finish == "length" else "no_text"
    said = text if isinstance(text, str) else ""
    return Reply(
        text=None if failed else said,
        finish_reason="length" if finish == "length" else "stop",
        prompt_tokens=tokens[0],
        answer_tokens=tokens[1],
        model=model,
        failed=failed,
        detail=shown(refusal if isinstance(refusal, str) else finish) if failed else "",
    )


def read_error(content: bytes) -> tuple[str, str]:
    """The message and the code of an error response; its beginning, if it is none of theirs."""
    try:
        error = orjson.loads(content)["error"]
        if isinstance(error, str):
            return shown(error), ""
        return shown(str(error.get("message") or "")), str(error.get("code") or "")[:SHOWN]
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return shown(content[: 4 * SHOWN].decode("utf-8", "replace")), ""


def _error_within(content: bytes) -> str:
    """What a response of status 200 says went wrong, as gateways do; else nothing."""
    try:
        return read_error(content)[0] if "error" in orjson.loads(content) else ""
    except (orjson.JSONDecodeError, TypeError):
        return ""


def shown(text: str) -> str:
    """A stranger's message on one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def _whole(value: Any) -> int:
    """A count that may be anything; nothing where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
