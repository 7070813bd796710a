"""How a model behind an OpenAI-compatible endpoint is asked: settings that several rooms share.

What is asked differs (test items, rows to judge), but address, key, pace, cost and what becomes of
failures do not; sections of a recipe that name an endpoint extend these.
"""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tutelage.options import Options

OURS = {
    "model": "it is named elsewhere",
    "messages": "what is asked",
    "tools": "what is asked",
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens"), "see max_new_tokens and limit_parameter"
    ),
    **dict.fromkeys(("n", "best_of"), "one answer is read"),
    **dict.fromkeys(("stream", "stream_options"), "an answer is read whole"),
}
"""What `parameters` may not change, and why: what is measured and the cap on the cost rest on
it."""


def address(url: str) -> str:
    """An endpoint's address, checked to be one and to hold no secret.

    Raises:
        ValueError: it is not.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as https://api.openai.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "expected an address alone, found a user, query or fragment in it; "
            "a key belongs into an environment variable, see key_variable"
        )
    return url.rstrip("/")


class AskingOptions(Options):
    """Who is asked, at what pace, for how much, and what becomes of failures."""

    url: str = "https://api.openai.com/v1"
    """What stands before `/chat/completions`: OpenAI's, a vLLM server's, Gemini's
    (`https://generativelanguage.googleapis.com/v1beta/openai`) or any other's that speaks it."""

    key_variable: str | None = None
    """Environment variable with the key, for the host of `url`. Null takes OPENAI_API_KEY for
    OpenAI's own host and GEMINI_API_KEY for Gemini's, and sends no key anywhere else."""

    max_cost: float | None = Field(default=None, gt=0)
    """Ask no more once all that is being asked could cost more than this, with all that was asked
    in the same folder before."""

    parameters: dict[str, str | int | float | bool | None] = {}
    """More of each request, such as `reasoning_effort: low`; null leaves one out that is sent
    otherwise, such as `temperature: null`. What is asked, and how much may come back, is set
    elsewhere."""

    limit_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the longest answer; OpenAI's reasoning models know the second only,
    which then includes the reasoning."""

    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests at the same time."""

    requests_per_minute: float | None = Field(default=None, gt=0)
    """Begin at most this many requests a minute; null goes by what the endpoint says (429)."""

    timeout: float = Field(default=120.0, gt=0)
    """Seconds until a request counts as lost, from its first byte to the answer's last."""

    retries: int = Field(default=8, ge=0)
    """How often a request is repeated after 429, 5xx, a timeout or a broken answer, with growing
    pauses."""

    on_failure: Literal["stop", "skip"] = "stop"
    """When an item gets no answer (refused, filtered, given up): `stop` ends the work, and what was
    answered is kept; `skip` leaves the item out and says so."""

    @field_validator("url")
    @classmethod
    def _url_holds_no_secret(cls, url: str) -> str:
        return address(url)

    @field_validator("parameters")
    @classmethod
    def _parameters_leave_the_request_alone(
        cls, parameters: dict[str, str | int | float | bool | None]
    ) -> dict[str, str | int | float | bool | None]:
        if taken := [f"{name} ({OURS[name]})" for name in parameters if name in OURS]:
            raise ValueError(f"expected other parameters than {', '.join(taken)}")
        return parameters

    @field_validator("key_variable")
    @classmethod
    def _variable_is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError(
                "expected the NAME of an environment variable, such as OPENAI_API_KEY; "
                "the key itself must not stand in a recipe"
            )
        return name


class JudgingOptions(AskingOptions):
    """A judge at an OpenAI-compatible endpoint."""

    model: str | None = Field(default=None, min_length=1)
    """Name of the judge at the endpoint, such as `gpt-4.1-mini`; null asks none."""

    max_new_tokens: int = Field(default=1024, ge=1)
    """Longest answer, in tokens; a judge that reasons first needs more."""

    price: tuple[float, float] | None = None
    """Of a million prompt tokens and of a million answered ones; what was spent is reported, and
    `max_cost` needs it."""

    on_failure: Literal["stop", "skip"] = "skip"
    """When something gets no judgement (refused, filtered, given up): `skip` leaves it out and says
    so; `stop` ends the work, and what was answered is kept."""

    @model_validator(mode="after")
    def _cost_is_known(self) -> Self:
        if self.price is not None and min(self.price) < 0:
            raise ValueError(f"expected prices of at least 0, found {list(self.price)}")
        if self.max_cost is not None and self.price is None:
            raise ValueError("max_cost needs the price of the judge; add `price`")
        return self
