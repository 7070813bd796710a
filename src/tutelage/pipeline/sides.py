"""What base and tuned model said, wherever they are, and the comparison of it.

An item that one side gave no answer to (an endpoint refused it, say) is left out for both: pairs
stay pairs, and a failed call is no wrong answer. No torch is loaded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.comparison import compare_answers
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import AnswerScores
from tutelage.evaluate.silence import silence_notes
from tutelage.infer.backend import Answer
from tutelage.pipeline.items import Item
from tutelage.rundir import RunFolder, read_json, replacing, write_json


@dataclass(frozen=True, slots=True)
class Said:
    """One answer.

    Attributes:
        text: what is scored.
        finish_reason: `stop` or `length`.
        prompt_tokens: as whoever answered counts them.
        tokens: of the answer, likewise.
        token_ids: of the answer, from a model here.
        log_probability: of the answer, from a model here.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    tokens: int
    token_ids: tuple[int, ...] = ()
    log_probability: float | None = None

    @classmethod
    def here(cls, item: Item, answer: Answer, text: str) -> Said:
        """The answer of a model here."""
        return cls(
            text=text,
            finish_reason=answer.finish_reason,
            prompt_tokens=len(item.prompt_ids),
            tokens=len(answer.ids),
            token_ids=answer.ids,
            log_probability=answer.log_probability,
        )


@dataclass(frozen=True)
class Side:
    """One model's answers to all items, in order.

    Attributes:
        said: None where there is no answer.
        endpoint: for `metrics.json`, if it was asked at an endpoint.
        losses: of the general texts, if it could be asked for them.
    """

    said: Sequence[Said | None]
    endpoint: dict[str, Any] | None = None
    losses: list[float] = field(default_factory=list)


def longest_answer(options: EvaluateOptions, task: str) -> int:
    """The most tokens that an answer to an item of a task may have."""
    own = options.tasks.get(task)
    return (own and own.max_new_tokens) or options.decode.max_new_tokens


def compare(
    run: RunFolder, items: Sequence[Item], base: Side, tuned: Side, options: EvaluateOptions
) -> dict[str, Any]:
    """Compare two sides on what both answered, and write both sides' predictions.

    Returns:
        For `metrics.json`: the comparison, its verdict, and what the evaluation came to.

    Raises:
        UserError: there is no item that both answered.
    """
    pairs = zip(base.said, tuned.said, strict=True)
    answered = [at for at, pair in enumerate(pairs) if None not in pair]
    if not answered:
        raise _none_answered(len(items), {"base": base, "tuned": tuned})
    both = [[said[at] for at in answered] for said in (base.said, tuned.said)]
    sides = [[answer for answer in side if answer is not None] for side in both]
    chosen = [items[at] for at in answered]
    texts = [[answer.text for answer in side] for side in sides]
    compared = compare_answers([item.scored for item in chosen], texts[0], texts[1], options)
    scores = (compared.base, compared.tuned)
    paths = (run.base_predictions, run.tuned_predictions)
    for path, side, found in zip(paths, sides, scores, strict=True):
        _write(path, answered, chosen, side, found)
    endpoints = {
        name: side.endpoint for name, side in (("base", base), ("tuned", tuned)) if side.endpoint
    }
    return {
        "evaluation": {
            "items": len(answered),
            "left_out": len(items) - len(answered),
            "decoded_tokens": sum(answer.tokens for side in sides for answer in side),
            "truncated_answers": sum(answer.finish_reason == "length" for answer in sides[1]),
            "notes": silence_notes([item.scored for item in chosen], options),
        },
        "verdict": asdict(compared.verdict),
        "comparison": [asdict(change) for change in compared.changes],
        "endpoints": endpoints,
    }


def _none_answered(items: int, sides: dict[str, Side]) -> UserError:
    """The error where no item has two answers, with what each endpoint said."""
    told = ""
    for name, side in sides.items():
        if side.endpoint and side.endpoint["failures"]:
            kinds = ", ".join(f"{n} {kind}" for kind, n in side.endpoint["failures"].items())
            told += f"\n  {name} ({side.endpoint['model']}): {kinds}; the first: "
            told += str(side.endpoint["failed_items"][0]["detail"])
    return UserError(
        f"of {items} items, there is none that both models answered{told}",
        fix="see whether names, address and parameters are right; what was answered is kept",
    )


def enter(
    run: RunFolder, found: dict[str, Any], confidence: float, seconds: float
) -> dict[str, Any]:
    """Write what an evaluation found into `metrics.json`, beside what it says of the training.

    Args:
        run: whose `metrics.json` is there.
        found: by `compare`, perhaps with `forgetting`.
        confidence: the level of the intervals.
        seconds: that it took.

    Returns:
        What `metrics.json` now holds.
    """
    metrics: dict[str, Any] = read_json(run.metrics)
    metrics |= {"confidence": confidence, "forgetting": None, **found}
    metrics["evaluation"]["seconds"] = seconds
    cost = metrics["cost"]
    cost["evaluate_seconds"] = seconds
    cost["total_seconds"] = (cost["train_seconds"] or 0.0) + seconds
    write_json(run.metrics, metrics)
    return metrics


def nothing_asked() -> dict[str, Any]:
    """The same where no item was set aside."""
    counts = dict.fromkeys(("items", "left_out", "decoded_tokens", "truncated_answers"), 0)
    return {"evaluation": {**counts, "notes": []}, "endpoints": {}}


def _write(
    path: Path,
    numbers: Sequence[int],
    items: Sequence[Item],
    said: Sequence[Said],
    scores: AnswerScores,
) -> None:
    """One row an item: what was asked, answered and scored."""
    table = pl.DataFrame(
        {
            "item": numbers,
            "task": [item.example.task for item in items],
            "held_out": [item.held_out for item in items],
            "file": [item.example.source.file for item in items],
            "row": [item.example.source.row for item in items],
            "prompt": [_readable(item.example.prompt) for item in items],
            "references": pl.Series(
                [list(item.example.accepted) for item in items], dtype=pl.List(pl.String)
            ),
            "prediction": [answer.text for answer in said],
            "finish_reason": [answer.finish_reason for answer in said],
            "prompt_tokens": [answer.prompt_tokens for answer in said],
            "tokens": [answer.tokens for answer in said],
            "log_probability": pl.Series(
                [answer.log_probability for answer in said], dtype=pl.Float64
            ),
            "prompt_ids": pl.Series(
                [list(item.prompt_ids) for item in items], dtype=pl.List(pl.Int64)
            ),
            "token_ids": pl.Series(
                [list(answer.token_ids) for answer in said], dtype=pl.List(pl.Int64)
            ),
            **{f"score:{name}": values for name, values in scores.per_item.items()},
        },
        strict=False,
    )
    with replacing(path) as temporary:
        table.write_parquet(temporary)


def _readable(turns: Sequence[Message]) -> str:
    """What was asked, for people: a lone user turn as it is, else each turn under its role."""
    if [turn.role for turn in turns] == ["user"]:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)
