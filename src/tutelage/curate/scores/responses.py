"""A row's response as the tokens to score: behind its prompt, and behind a prompt that is empty.

Both are the house's own rendering, so the model reads what it would read in training, and the two
differ by nothing but what the prompt says: the template's turns stand around an empty prompt too
(Li et al. 2023 score the bare answer, which no chat model has ever seen). The response has the very
same ids in both. The token that ends its turn is not scored, as it is not part of what was said,
and in a base model it is so unlikely that it would decide the loss of every short response.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tutelage.data.example import Example, Message
from tutelage.errors import UserError
from tutelage.prompt.renderer import Renderer
from tutelage.prompt.template import TemplateRefused

EMPTY = Message("user", "")


@dataclass(frozen=True, slots=True)
class Response:
    """A response to score.

    Attributes:
        prompt: ids of what it answers.
        opening: ids of the same template around an empty prompt.
        ids: its own, at least one.
    """

    prompt: tuple[int, ...]
    opening: tuple[int, ...]
    ids: tuple[int, ...]


def responses(examples: Iterable[Example], renderer: Renderer) -> Iterator[Response | None]:
    """The last response of each example, in order; None where there is none that can be scored.

    There is none where a row has undesired responses alone, where the template refuses the row, and
    where the prompt leaves the response no room. A response that is too long is scored as far as it
    fits.

    Args:
        examples: in any number.
        renderer: with `loss_on` last and `over_long` truncate_response.

    Raises:
        UserError: the template refuses an empty prompt.
    """
    try:
        opening = tuple(renderer.prompt_ids([EMPTY]))
    except TemplateRefused as error:
        raise UserError(
            f"the chat template refuses an empty prompt, which responses are compared by: {error}",
            where=renderer.template.place,
            fix="score by another model",
        ) from error
    most = renderer.options.max_tokens - len(opening)
    for rendering in renderer.renderings(examples):
        if not rendering.sequences:
            yield None
            continue
        last = rendering.sequences[-1]
        spoken = np.flatnonzero(last.weights)
        start, end = int(spoken[0]), int(spoken[-1]) + 1 - last.stop_trained
        ids = tuple(last.ids[start : min(end, start + most)].tolist())
        yield Response(tuple(last.ids[:start].tolist()), opening, ids) if ids else None
