"""A suffix after which a model is likeliest to begin its answer as an attacker wants.

Greedy Coordinate Gradient (Zou et al. 2023, arXiv:2307.15043): the gradient of the target's loss at
a one-hot vector of each of the suffix's tokens tells which others promise to lower it; some of them
are drawn, tried by a forward pass, and the best is gone on from. It is an attack on the weights at
hand, so every model has a suffix of its own.

Gradients are of the embeddings, where one-hot vectors enter a model, whether it scales them inside
its embedding (Gemma 3) or behind it (Gemma): a token promises what its own embedding's product with
the gradient says. Candidates differ in one token, so they are tried as one packed token tree, as
in training: the prompt's head, and each suffix up to its change, is read once. Of 32 candidates on
the embedded model that leaves 1,341 of 2,880 tokens, and 0.7 s of the 2.2 s that `log_likelihoods`
takes, whose fixed pieces are not needed here (benchmarks/RESULTS.md, "Suffix search").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tutelage.infer.options import SuffixSearch
from tutelage.infer.suffix import Place
from tutelage.model.attention import using
from tutelage.model.families import Family
from tutelage.model.linear_cross_entropy import cross_entropy_sum, log_probabilities
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.tree import Forest, merge

VOCABULARY_ROWS = 1 << 13
"""Embeddings compared with the gradient at a time: 20 MB in float32 for a width of 640."""
TOGETHER = 64
"""Candidates read in one row."""


@dataclass(frozen=True, slots=True)
class Suffix:
    """What a search found.

    Attributes:
        ids: of the suffix with the least loss that was seen.
        losses: that least loss of the whole target, in nats, before the search and after each
            step; it never rises.
    """

    ids: tuple[int, ...]
    losses: tuple[float, ...]


def search_suffix(
    family: Family,
    model: PreTrainedModel,
    place: Place,
    target: Sequence[int],
    search: SuffixSearch,
    on_step: Callable[[], None] = lambda: None,
) -> Suffix:
    """Search the suffix behind which a model finds an answer's beginning likeliest.

    As in the paper a step goes on from its best candidate, even one that is worse than what it
    came from, and the best of all steps is returned.

    Args:
        family: the model's kind, decoder-only.
        model: the model.
        place: where the suffix stands, and which tokens may stand there.
        target: the answer's beginning, token ids.
        search: how long, and how widely.
        on_step: called after every step.
    """
    random = np.random.default_rng(search.seed)
    allowed = torch.tensor(place.allowed, device=model.device)

    best = current = place.start
    least = suffix_losses(family, model, place, [current], target)[0]
    course = [least]
    for _ in range(search.steps):
        gradient = suffix_gradient(family, model, place, current, target)
        promising = promising_tokens(model, gradient, allowed, search.top_k).tolist()
        tried = _drawn(place, current, promising, search.candidates, random)
        if tried:
            found = suffix_losses(family, model, place, tried, target)
            lowest = int(np.argmin(found))
            current = tried[lowest]
            if found[lowest] < least:
                best, least = current, found[lowest]
        course.append(least)
        on_step()
    return Suffix(best, tuple(course))


@torch.inference_mode()
def suffix_losses(
    family: Family,
    model: PreTrainedModel,
    place: Place,
    suffixes: Sequence[Sequence[int]],
    target: Sequence[int],
) -> list[float]:
    """Loss of a target behind each of some suffixes, the sum over its tokens in nats.

    The paper's loss is their mean, which falls where this does. But of a beginning that repeats
    the request most tokens cost nothing: what refuses is the first, and a mean hides it.

    Args:
        family: the model's kind.
        model: the model.
        place: where the suffixes stand.
        suffixes: token ids, at least one suffix.
        target: the answer's beginning.
    """
    model.train(False)
    found: list[float] = []
    for start in range(0, len(suffixes), TOGETHER):
        forest = _forest(place, suffixes[start : start + TOGETHER], target)
        with using(family.layout(model, forest, "auto")):
            hidden = family.forest_states(model, forest)
        targets = torch.from_numpy(forest.targets).to(model.device)
        values = log_probabilities(hidden[forest.predictors], family.head(model), targets)
        each, of = values.double().cpu().numpy(), forest.occurrences
        found += (-np.bincount(of.sequences, each[of.targets])).tolist()
    return found


def suffix_gradient(
    family: Family,
    model: PreTrainedModel,
    place: Place,
    suffix: Sequence[int],
    target: Sequence[int],
) -> Tensor:
    """Gradient of that loss at the embeddings of a suffix's tokens.

    Args:
        family: the model's kind.
        model: the model; its parameters are left without gradients.
        place: where the suffix stands.
        suffix: token ids.
        target: the answer's beginning.

    Returns:
        (suffix tokens, embedding width).
    """
    model.train(False)
    forest = _forest(place, [suffix], target)
    targets, weights = (
        torch.from_numpy(values).to(model.device) for values in (forest.targets, forest.weights)
    )
    layout = family.layout(model, forest, "auto")
    with _frozen(model), _embeddings(model) as embedded, using(layout):
        hidden = family.forest_states(model, forest)[forest.predictors]
        loss = cross_entropy_sum(hidden, family.head(model), targets, weights)
        (gradient,) = torch.autograd.grad(loss, embedded)
    return gradient[0, len(place.head) : len(place.head) + len(suffix)]


def _forest(place: Place, suffixes: Sequence[Sequence[int]], target: Sequence[int]) -> Forest:
    """The prompt with each suffix, and the target behind it, whose tokens are predicted."""
    sequences = []
    for suffix in suffixes:
        prompt = place.filled(suffix)
        ids = np.array([*prompt, *target], dtype=np.int32)
        weights = np.zeros(len(ids), dtype=np.float32)
        weights[len(prompt) :] = 1.0
        sequences.append(Rendered(ids, weights, stop_trained=False))
    return merge(sequences)


@torch.no_grad()
def promising_tokens(
    model: PreTrainedModel, gradient: Tensor, allowed: Tensor, top_k: int
) -> Tensor:
    """Tokens that by the gradient would lower the loss most, place by place.

    Args:
        model: the model.
        gradient: (places, embedding width), at what stands there now.
        allowed: (tokens,) bool, by token id; ids beyond it are not allowed.
        top_k: how many.

    Returns:
        (places, top_k) token ids, the most promising first.
    """
    embedding = _embedding(model)
    falls = []
    for ids in torch.split(torch.arange(len(allowed), device=gradient.device), VOCABULARY_ROWS):
        fall = -(gradient @ embedding(ids).T)
        falls.append(fall.masked_fill(~allowed[ids], -torch.inf))
    top: Tensor = torch.cat(falls, dim=1).topk(min(top_k, int(allowed.sum())), dim=1).indices
    return top


def _drawn(
    place: Place,
    suffix: tuple[int, ...],
    promising: Sequence[Sequence[int]],
    count: int,
    random: np.random.Generator,
) -> list[tuple[int, ...]]:
    """Different suffixes with one token changed to a promising one, that a text can say."""
    width = len(promising[0])
    found: list[tuple[int, ...]] = []
    for change in random.permutation(len(suffix) * width).tolist():
        at, rank = divmod(change, width)
        candidate = (*suffix[:at], promising[at][rank], *suffix[at + 1 :])
        if candidate != suffix and place.text(candidate) is not None:
            found.append(candidate)
            if len(found) == count:
                break
    return found


def _embedding(model: PreTrainedModel) -> nn.Module:
    module: nn.Module = model.get_input_embeddings()
    return module


@contextmanager
def _embeddings(model: PreTrainedModel) -> Iterator[list[Tensor]]:
    """Where a row's embeddings go as it is read, (1, tokens, width); its graph begins there."""
    read: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> Tensor:
        read.append(output.detach().requires_grad_())
        return read[-1]

    hook = _embedding(model).register_forward_hook(keep)
    try:
        yield read
    finally:
        hook.remove()


@contextmanager
def _frozen(model: PreTrainedModel) -> Iterator[None]:
    """No parameter takes part in the graph: fused layers would form its gradient otherwise."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_()
