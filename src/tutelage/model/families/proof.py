"""What the probes of all families have in common: how far our pass may be from the model's own.

A probe compares our pass over a few packed tokens with the model's own forward pass, in eager
attention, on each of their sequences alone; and it changes one sequence to see whether another
moves. So what we do not understand of an architecture is found, whatever it is, and refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.families.family import set_attention

TOLERANCE = 1e-4
"""Largest distance from the model's own logits, over their norm. Measured for SmolLM2-135M,
Gemma 3 270M and a 15M Llama: up to 4e-6, and from 0.2 on where examples see each other."""
ROUNDED = 0.1
"""The same in 16 bits, where rounding alone was measured to make up to 0.07."""
LEAK = {True: 1e-4, False: 5e-3}
"""Largest effect of one example on another, above 16 bits and in 16. There is none at all but
where examples meet in the batch of an expert, which changes the rounding of its products."""


def refused(model: PreTrainedModel, why: str, instead: str) -> UserError:
    """The error for an architecture that does not do as we understand it."""
    return UserError(
        f"the architecture {type(model).__name__} cannot be tuned here: {why}",
        where="model.base",
        fix=f"choose a model of another architecture, such as {instead}",
    )


@contextmanager
def probing(model: PreTrainedModel, instead: str) -> Iterator[None]:
    """Probe a model that is not training; afterwards its mode and attention are as they were.

    Raises:
        UserError: anything goes wrong; a forward pass that is not as other models' can fail anyhow.
    """
    training, attention = model.training, model.config._attn_implementation
    model.train(False)
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise refused(model, f"its packed forward pass fails: {error}", instead) from error
    finally:
        set_attention(model, attention)
        model.train(training)


def check_logits(model: PreTrainedModel, ours: Tensor, own: Tensor, instead: str) -> None:
    """Hold our logits of a sequence (tokens, vocabulary) against the model's own.

    Raises:
        UserError: they are not the same.
    """
    if own.shape != ours.shape:
        raise refused(
            model, f"its logits have shape {list(own.shape)}, not {list(ours.shape)}", instead
        )
    error = distance(ours, own)
    if not error <= (TOLERANCE if model.dtype.itemsize > 2 else ROUNDED):
        raise refused(model, f"packing changes its logits by {error:.1g} of their norm", instead)


def check_apart(model: PreTrainedModel, moved: Tensor, states: Tensor, instead: str) -> None:
    """Hold what one sequence gives, after another was changed, against what it gave before.

    Raises:
        UserError: it has moved.
    """
    if not distance(moved, states) <= LEAK[model.dtype.itemsize > 2]:
        raise refused(model, "one example of a row moves the next", instead)


def distance(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of what is expected; NaN where either has one."""
    difference = (found.float() - expected.float()).norm()
    return float(difference / expected.float().norm())


def spread_ids(count: int, vocabulary: int) -> Tensor:
    """Token ids from all over a vocabulary, shuffled, (count,) int64."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return torch.linspace(0, vocabulary - 1, count).long()[order]
