"""Labels that are probably wrong, where a task's responses are few short labels.

How labels are judged is told in `labels.confident`. It works as well as the labels can be told from
the texts' words: intents and topics well, question types less, the sentiment of film reviews (three
in four right) hardly at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.features.embedding import embed
from tutelage.curate.findings import found, none
from tutelage.curate.labels.confident import AGREEMENT, Judged, judge, out_of_sample
from tutelage.curate.labels.groups import Group, groups
from tutelage.curate.normal import joined

LISTED = 10
"""Pairs of labels that a summary lists."""


@WHOLE_CHECKS.register("label_error")
class LabelError(WholeCheck):
    """A label that rows like it do not have."""

    severity = "warning"
    title = "Label is probably wrong"
    suggestion = "Read the row, and give it the other label if that is right."
    precision = "0.831 [0.784, 0.870], Banking77 with 5 % of labels changed; 0.594 on TREC"
    recall = "0.916 [0.877, 0.944]; 0.529 on TREC, 0.032 on SST-2"
    needs = ("sklearn", "wordllama")
    uses = ("label",)
    slow = True

    def conclude(self, data: Dataset) -> Conclusion:
        """One finding a doubted row, naming the other label; the summary tells each task."""
        tables, tasks = [none()], []
        for group in groups(data.feature("label")):
            rows = data.rows(group.places)
            given = joined(*(("input",) if group.by_instruction else ("instruction", "input")))
            texts = rows.select(given.str.strip_chars().alias("text"))["text"]
            numbers = group.labels.to_numpy()
            chances = out_of_sample(embed(texts), texts.to_list(), numbers, self.options.seed)
            judged = judge(chances, numbers)
            names = _names(rows["response"], group)
            tables.append(_found(rows, judged, names))
            tasks.append(_summary(group, judged, names))
        return Conclusion(pl.concat(tables).sort("at"), {"tasks": tasks})


def _names(responses: pl.Series, group: Group) -> list[str]:
    """How each label is written first."""
    table = pl.DataFrame({"label": group.labels, "name": responses.str.strip_chars()})
    first = table.unique("label", keep="first", maintain_order=True).sort("label")
    return first["name"].to_list()


def _found(rows: pl.DataFrame, judged: Judged, names: list[str]) -> pl.DataFrame:
    doubted = rows.with_columns(
        pl.Series("other", [names[number] for number in judged.other], dtype=pl.String),
        pl.Series("sure", judged.sure),
        pl.Series("own", judged.own),
        pl.Series("score", (1 - judged.margin()) / 2),
    ).filter(pl.Series(judged.doubted))
    detail = pl.format(
        "labelled {}, where rows like it are labelled {} (probability {} against {})",
        pl.col("response").str.strip_chars(),
        "other",
        pl.col("sure").round(2),
        pl.col("own").round(4),
    )
    return found(doubted, detail, field="response_field", score=pl.col("score"))


def _summary(group: Group, judged: Judged, names: list[str]) -> dict[str, Any]:
    wrong = judged.joint - np.diag(np.diag(judged.joint))
    known = {
        "task": group.name,
        "rows": len(group.places),
        "labels": len(names),
        "agreement": round(judged.agreement, 3),
    }
    if judged.agreement < AGREEMENT:
        return {**known, "judged": False}
    return {
        **known,
        "judged": True,
        "doubted": int(judged.doubted.sum()),
        "estimated_wrong": round(float(wrong.sum())),
        "confused": list(_confused(wrong, names)),
    }


def _confused(wrong: np.ndarray[Any, np.dtype[np.float64]], names: list[str]) -> Iterator[Any]:
    """The pairs of a given and another label that most rows have, by the confident joint."""
    for place in np.argsort(-wrong, axis=None, kind="stable")[:LISTED]:
        given, other = divmod(int(place), len(names))
        if round(wrong[given, other]):
            yield {
                "given": names[given],
                "other": names[other],
                "rows": round(wrong[given, other]),
            }
