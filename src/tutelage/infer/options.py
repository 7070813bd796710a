"""How answers are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from tutelage.asking_options import AskingOptions, address
from tutelage.options import Options

KEY_VARIABLES = {
    "api.openai.com": "OPENAI_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
}
"""Where the key of a well-known service usually stands. A key is never sent to any other host
unless the recipe names its variable."""


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
    """Sequences decoded at the same time: speed and memory only. A step has room for 64."""


@dataclass(frozen=True, slots=True)
class SuffixSearch:
    """A search for the suffix of a request that makes a model's compliance likeliest.

    Attributes:
        target: how an answer that complies begins.
        length: tokens of the suffix.
        steps: one token changes in each.
        candidates: changes tried in a step.
        top_k: tokens of each place that they are drawn from, by gradient.
        seed: of the draws.
    """

    target: str
    length: int
    steps: int
    candidates: int
    top_k: int
    seed: int


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


class EndpointOptions(AskingOptions):
    """An OpenAI-compatible endpoint (chat completions) to ask in place of a model here."""

    base: str | None = None
    """Name of the base model there, such as `gpt-4.1-mini`; null asks the recipe's own model."""

    tuned: str | None = None
    """Name of the tuned model there, such as `ft:gpt-4.1-mini:…`; null asks the run's own."""

    tuned_url: str | None = None
    """`url` of the tuned model, where that is elsewhere."""

    prices: dict[str, tuple[float, float]] = {}
    """By model name, the price of a million prompt tokens and of a million answered ones, such as
    `{gpt-4.1-mini: [0.4, 1.6]}`, in whatever currency; what was spent is reported, and `max_cost`
    is for both models together."""

    @field_validator("base", "tuned")
    @classmethod
    def _model_is_named(cls, model: str | None) -> str | None:
        if model is not None and not model.strip():
            raise ValueError("expected the model's name at the endpoint, found none")
        return model

    @field_validator("tuned_url")
    @classmethod
    def _tuned_url_holds_no_secret(cls, url: str | None) -> str | None:
        return None if url is None else address(url)

    @field_validator("prices")
    @classmethod
    def _prices_are_not_negative(
        cls, prices: dict[str, tuple[float, float]]
    ) -> dict[str, tuple[float, float]]:
        for model, price in prices.items():
            if min(price) < 0:
                raise ValueError(f"expected prices of at least 0, found {list(price)} for {model}")
        return prices

    @model_validator(mode="after")
    def _cost_is_known(self) -> Self:
        named = [self.base, self.tuned]
        unpriced = [model for model in named if model and model not in self.prices]
        if self.max_cost is not None and unpriced:
            raise ValueError(
                f"max_cost needs the price of {' and '.join(unpriced)}; add it to `prices`"
            )
        return self

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
