"""Requests put to a model here with the suffix that a search found for this very model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tutelage.data.example import Message
from tutelage.evaluate.question import Reply
from tutelage.evaluate.suite import NotAsked
from tutelage.infer.options import SuffixSearch
from tutelage.infer.suffix import NoPlace, Place
from tutelage.infer.suffix_search import search_suffix
from tutelage.pipeline.workbench import Workbench


def with_suffix(turns: Sequence[Message], suffix: str) -> list[Message]:
    """A conversation with a text behind its last turn's own."""
    *before, request = turns
    return [*before, replace(request, content=request.content + suffix)]


def attack(
    bench: Workbench,
    turns: Sequence[Message],
    target: Sequence[int],
    search: SuffixSearch,
    on_step: Callable[[], None],
) -> Reply:
    """Search a suffix of the last turn against a bench's model in its present state.

    Args:
        bench: with a decoder-only model.
        turns: the conversation, the last one the user's.
        target: token ids of the answer's beginning that is searched for.
        search: how long, and how widely.
        on_step: called after every step.

    Returns:
        The suffix with its losses, and no answer yet.

    Raises:
        NotAsked: the model's template does not give a suffix back.
    """

    def prompt_with(suffix: str) -> list[int]:
        return bench.renderer.prompt_ids(with_suffix(turns, suffix))

    try:
        place = Place(bench.renderer.encoder, prompt_with, search.length)
    except NoPlace as reason:
        raise NotAsked(str(reason)) from None
    found = search_suffix(bench.family, bench.model, place, target, search, on_step)
    return Reply(suffix=place.text(found.ids) or "", losses=found.losses)
