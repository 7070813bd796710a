"""Several tunings over one base model, chosen by the request.

One of them at a time is in the model, as if it had been loaded alone; requests are answered in
groups of those that name the same. So an answer is to the last bit that of a run of its own, and
switching is putting modules in place. On a CPU each group also lays the base's weights out for
itself (`weight_layout`: half a second for 106 million). Requests for different tunings never share
a pass, as they would in S-LoRA (Sheng et al. 2023): that is left to vLLM, which reads the exported
adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.infer.backend import Answer, Backend, OnAnswer, OnToken, Request
from tutelage.model.methods import Method

T = TypeVar("T")

BASE = "base"
"""Names the model without any tuning."""


class Adapters:
    """The tunings of a model, at most one of them in place.

    Args:
        model: with one tuning in place.
        name: what to call that.
        method: by which it was made; keeps the base.
    """

    def __init__(self, model: PreTrainedModel, name: str, method: Method) -> None:
        self.model = model
        self.current = name
        self._methods: dict[str, Method] = {name: method}
        self._aside: dict[str, Callable[[], None]] = {}

    @property
    def names(self) -> list[str]:
        """What can be chosen, `base` included."""
        return [BASE, *self._methods]

    def load(self, name: str, method: Method, folder: Path) -> None:
        """Load a tuning and lay it aside.

        Args:
            name: what to call it.
            method: by which it was made.
            folder: what the method saved.

        Raises:
            UserError: the name is taken, the tuning has no base left beside it, or it is of
                another model.
        """
        if name in self.names:
            raise UserError(f"two tunings are called '{name}'", fix="give each its own name")
        if not method.keeps_base:
            raise UserError(
                f"the run '{name}' trained the weights of the base itself, so it is no adapter",
                where=str(folder),
                fix="talk to it alone",
            )
        with self.chosen(BASE):
            method.load(self.model, folder)
            self._aside[name] = method.take_off(self.model)
            self._methods[name] = method

    def choose(self, name: str) -> None:
        """Put a tuning in place of the present one, or leave the base alone.

        Raises:
            UserError: there is none of this name.
        """
        if name not in self.names:
            known = ", ".join(self.names)
            raise UserError(f"there is no tuning '{name}'; there are: {known}")
        if name == self.current:
            return
        if self.current != BASE:
            present = self._methods[self.current]
            self._aside[self.current] = present.take_off(self.model)
        self.current = name
        if name != BASE:
            self._aside.pop(name)()

    @contextmanager
    def chosen(self, name: str) -> Iterator[None]:
        """A context with this tuning in place."""
        before = self.current
        self.choose(name)
        try:
            yield
        finally:
            self.choose(before)


class AdapterBackend:
    """A `Backend` that answers each request with the tuning it names.

    Args:
        adapters: the tunings of one model.
        backend: from a tuning's name to what answers with the model while that is in place.
    """

    def __init__(self, adapters: Adapters, backend: Callable[[str], Backend]) -> None:
        self.adapters = adapters
        self._backend = backend

    def run(
        self,
        requests: Sequence[Request],
        on_token: OnToken | None = None,
        on_answer: OnAnswer | None = None,
    ) -> list[Answer]:
        """Answers in the order of the requests; one that names no tuning gets the present one.

        Raises:
            UserError: a request names a tuning that is not there.
        """
        groups: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            groups.setdefault(request.adapter or self.adapters.current, []).append(place)
        answers: dict[int, Answer] = {}
        for name, places in groups.items():
            group = [replace(requests[place], adapter=None) for place in places]
            with self.adapters.chosen(name):
                backend = self._backend(name)
                found = backend.run(group, _placed(on_token, places), _placed(on_answer, places))
            answers |= dict(zip(places, found, strict=True))
        return [answers[place] for place in range(len(requests))]


def _placed(
    listener: Callable[[int, T], None] | None, places: Sequence[int]
) -> Callable[[int, T], None] | None:
    """Tells of what comes by the place of its request among all."""
    if listener is None:
        return None
    tell = listener
    return lambda at, what: tell(places[at], what)
