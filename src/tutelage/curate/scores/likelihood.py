"""Loss of responses with and without their prompts, and what follows from the two.

IFD, the instruction-following difficulty of Li et al. (2023, "From Quantity to Quality"), is the
mean loss of a response given its prompt over its mean loss without: near 0 the prompt says it all,
at 1 and above it makes the response no likelier. Superfiltering (Li et al. 2024) divides
perplexities instead, which orders rows otherwise and is at 1 or above for the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from transformers import PreTrainedModel

from tutelage.curate.scores.responses import Response
from tutelage.infer.likelihood import log_likelihoods
from tutelage.model.families import Family

SCORES = {
    "tokens": pl.UInt32,
    "loss": pl.Float32,
    "loss_alone": pl.Float32,
    "ifd": pl.Float32,
    "perplexity": pl.Float32,
}
"""Tokens of the response that were scored; their mean loss in nats given the prompt, and given an
empty one; the first over the second, null where that is 0; and the exponential of the first."""


def scores(given: Sequence[Response], family: Family, model: PreTrainedModel) -> pl.DataFrame:
    """Score responses; what their prompts have in common is read once.

    Args:
        given: in any number.
        family: of decoder-only models.
        model: the model.

    Returns:
        Columns as in `SCORES`, a line for each response; none depends on the others.
    """
    starts = [start for one in given for start in (len(one.prompt), len(one.opening))]
    texts = [before + one.ids for one in given for before in (one.prompt, one.opening)]
    found = log_likelihoods(family, model, texts, starts)
    losses = np.array([-values.mean(dtype=np.float64) for values in found]).reshape(-1, 2)
    loss, alone = pl.Series(losses[:, 0]), pl.Series(losses[:, 1])
    columns = {
        "tokens": pl.Series([len(one.ids) for one in given], dtype=pl.UInt32),
        "loss": loss,
        "loss_alone": alone,
        "ifd": pl.select(pl.when(alone > 0).then(loss / alone)).to_series(),
        "perplexity": loss.exp(),
    }
    return pl.DataFrame(columns).cast(SCORES)  # type: ignore[arg-type]
