"""What `metrics.json` says of the rows: the same wherever the models are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tutelage.data.ledger import Ledger


def data_figures(
    ledger: Ledger,
    splits: dict[str, int],
    items_fingerprint: str,
    prompt_tokens: Sequence[int] = (),
    response_tokens: Sequence[int] = (),
) -> dict[str, Any]:
    """The part `data`.

    Args:
        ledger: the fate of every row.
        splits: examples to train on, validate with and ask.
        items_fingerprint: of what is asked.
        prompt_tokens: of each training sequence, where they are known.
        response_tokens: likewise.
    """
    fates = ledger.table().explode("reasons").drop_nulls("reasons")
    reasons = fates.group_by("fate", "reasons").len("count").sort("count", descending=True)
    return {
        "counts": {"read": len(ledger), **ledger.counts()},
        "reasons": reasons.rename({"reasons": "reason"}).to_dicts(),
        "splits": splits,
        "prompt_tokens": list(prompt_tokens),
        "response_tokens": list(response_tokens),
        "items_fingerprint": items_fingerprint,
    }
