"""How answers are decoded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from tutelage.options import Options

KEY_VARIABLES = {
    "api.openai.com": "OPENAI_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
}
"""Where the key of a well-known service usually stands. A key is never sent to any other host
unless the recipe names its variable."""


OURS = {
    "model": "see base and tuned",
    "messages": "the test items",
    "tools": "the test items",
    **dict.fromkeys(
        ("max_tokens", "max_completion_tokens"), "see decode.max_new_tokens and limit_parameter"
    ),
    **dict.fromkeys(("n", "best_of"), "one answer is read"),
    **dict.fromkeys(("stream", "stream_options"), "an answer is read whole"),
}
"""What `parameters` may not change, and why: the comparison and the cap on the cost rest on it."""


class DecodeOptions(Options):
    """Decoding settings. An answer depends neither on `batch_size` nor on the other prompts."""

    max_new_tokens: int = Field(default=256, ge=1)
    """Longest answer, in tokens."""

    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy; above, samples are drawn with `seed`."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample from the smallest set of tokens with this probability (nucleus sampling)."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the samples; each prompt has a stream of its own."""

    batch_size: int = Field(default=64, ge=1)
    """Sequences decoded at the same time: speed and memory only. A step has 64 rows in any case."""


Side = Literal["base", "tuned"]


@dataclass(frozen=True, slots=True)
class Served:
    """A model at an endpoint.

    Attributes:
        model: its name there.
        url: what stands before `/chat/completions`.
        key_name: the environment variable with the key; None sends none.
        price: of a million prompt tokens and of a million answered ones, if it is known.
    """

    model: str
    url: str
    key_name: str | None
    price: tuple[float, float] | None

    @property
    def host(self) -> str:
        """The endpoint's name on the network."""
        return host_of(self.url)

    @property
    def hides_key(self) -> bool:
        """Whether nobody on the way reads what is sent: it is encrypted, or does not leave here."""
        if urlsplit(self.url).scheme == "https" or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


class EndpointOptions(Options):
    """An OpenAI-compatible endpoint (chat completions) to ask in place of a model here."""

    base: str | None = None
    """Name of the base model there, such as `gpt-4.1-mini`; null asks the recipe's own model."""

    tuned: str | None = None
    """Name of the tuned model there, such as `ft:gpt-4.1-mini:…`; null asks the run's own."""

    url: str = "https://api.openai.com/v1"
    """What stands before `/chat/completions`: OpenAI's, a vLLM server's, Gemini's
    (`https://generativelanguage.googleapis.com/v1beta/openai`) or any other's that speaks it."""

    tuned_url: str | None = None
    """The same for the tuned model, where that is elsewhere."""

    key_variable: str | None = None
    """Environment variable with the key, for the host of `url`. Null takes OPENAI_API_KEY for
    OpenAI's own host and GEMINI_API_KEY for Gemini's, and sends no key anywhere else."""

    prices: dict[str, tuple[float, float]] = {}
    """By model name, the price of a million prompt tokens and of a million answered ones, such as
    `{gpt-4.1-mini: [0.4, 1.6]}`, in whatever currency; what was spent is reported."""

    max_cost: float | None = Field(default=None, gt=0)
    """Ask no more once all that is being asked could cost more than this, for both models
    together, with all that was asked in the same run folder before."""

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
    """When an item gets no answer (refused, filtered, given up): `stop` ends the evaluation, and
    what was answered is kept; `skip` leaves the item out for both models and says so."""

    @field_validator("base", "tuned")
    @classmethod
    def _model_is_named(cls, model: str | None) -> str | None:
        if model is not None and not model.strip():
            raise ValueError("expected the model's name at the endpoint, found none")
        return model

    @field_validator("url", "tuned_url")
    @classmethod
    def _url_holds_no_secret(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as https://api.openai.com/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "expected an address alone, found a user, query or fragment in it; "
                "a key belongs into an environment variable, see key_variable"
            )
        return url.rstrip("/")

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

    @field_validator("prices")
    @classmethod
    def _prices_are_not_negative(
        cls, prices: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for model, price in prices.items():
            if min(price) < 0:
                raise ValueError(f"expected prices of at least 0, found {list(price)} for {model}")
        return prices

    @field_validator("max_cost")
    @classmethod
    def _cost_is_known(cls, most: float | None, info: ValidationInfo) -> float | None:
        named = [info.data.get("base"), info.data.get("tuned")]
        unpriced = [model for model in named if model and model not in info.data.get("prices", {})]
        if most is not None and unpriced:
            raise ValueError(f"needs the price of {' and '.join(unpriced)}; add it to `prices`")
        return most

    def served(self, side: Side) -> Served | None:
        """The model that is asked as `side`; None if that is one here."""
        model = self.base if side == "base" else self.tuned
        if model is None:
            return None
        url = (self.tuned_url or self.url) if side == "tuned" else self.url
        key = self.key_variable if host_of(url) == host_of(self.url) else None
        return Served(model, url, key or KEY_VARIABLES.get(host_of(url)), self.prices.get(model))


def host_of(url: str) -> str:
    """The name on the network in an address."""
    return urlsplit(url).hostname or ""
