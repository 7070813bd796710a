"""A response that has nothing to do with its prompt, as when the rows of two files slipped.

A logistic model of five features, fitted once on 7,556 Alpaca and Dolly rows against the same rows
with responses exchanged: the cosine of prompt and response (embeddings with the dataset's mean
taken off, which alone tells the two apart with an area under the curve of 0.979), the words they
share, the words each has, and whether the task is an open one (a poem need not repeat its prompt).
Nothing in it knows whether an answer is right: only whether it is about the same things.
"""

from __future__ import annotations

import re

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.findings import found, none

WEIGHTS = np.array([-17.4, -1.96, 1.05, 0.93, -0.72])
"""Of cosine, log shared stems, log stems of the prompt, log stems of the response, open task."""
BIAS = -0.71
UNRELATED = 0.879
"""Probability (even odds of an exchanged response) from which a row is reported: where one response
in ten is exchanged, four findings of five are right."""
RELATED_COSINE = 0.25
"""Rows with a higher cosine are not looked at: no exchanged response of the fit reached it with the
probability."""
FEWEST = 100
"""Rows from which their mean says what is common to all texts; fewer are not judged."""
CHUNK = 50_000

OPEN_TASK = (
    r"(?i)\b(?:poems?|haikus?|story|stories|lyrics?|song|jokes?|riddles?|dialog(?:ue)?|conversation"
    r"|headlines?|quotes?|metaphors?|similes?|fiction|script|limerick|tweet|slogan|translat\w+"
    r"|sentences?|rhym\w+|quiz|itinerary|password|names?|characters?|code|function|program|query"
    r"|html|classify|categori[sz]e|random|sample|fictional|scenario|example|puzzle|tagline|caption"
    r"|title|letter|email)\b"
)
WORD = re.compile(r"[^\W_]{2,}")
STOP = frozenset(
    re.findall(
        r"\w+",
        "the an of to in is and that for it as with on this are be by or from at was not you your"
        " we they he she his her their has have had will can could would should may do does did"
        " but if what which who when where how why all any more most some such than then these"
        " those its into also about out up so no one two three",
    )
)


@WHOLE_CHECKS.register("unrelated_response")
class UnrelatedResponse(WholeCheck):
    """Prompt and response are about different things; the score is how sure."""

    severity = "info"
    title = "Response is about something else"
    suggestion = "See whether responses slipped by a row; else drop the row."
    uses = ("embedding", "response_embedding")

    def conclude(self, data: Dataset) -> Conclusion:
        """Rows whose response is unlikely to be one to their prompt."""
        if data.count < FEWEST:
            return Conclusion(none(), {"rows": 0})
        cosine = _centred_cosines(
            data.feature("embedding")["vector"], data.feature("response_embedding")["vector"]
        )
        places = np.flatnonzero(cosine < RELATED_COSINE)
        parts = [
            _judged(data.rows(pl.Series(chunk)), cosine[chunk])
            for chunk in np.array_split(places, len(places) // CHUNK + 1)
            if len(chunk)
        ]
        if not parts:
            return Conclusion(none(), {"rows": 0})
        unrelated = pl.concat(parts).filter(pl.col("probability") >= UNRELATED)
        detail = pl.lit("The response shares neither words nor subject with its prompt")
        findings = found(unrelated, detail, field="response_field", score=pl.col("probability"))
        return Conclusion(findings, {"rows": len(findings)})


def _centred_cosines(prompts: pl.Series, responses: pl.Series) -> NDArray[np.float32]:
    """(rows,) cosines of vectors that have the mean of their kind taken off."""
    one, other = prompts.to_numpy(), responses.to_numpy()
    mean, other_mean = one.mean(axis=0), other.mean(axis=0)
    cosines = np.empty(len(one), dtype=np.float32)
    for start in range(0, len(one), CHUNK):
        a, b = one[start : start + CHUNK] - mean, other[start : start + CHUNK] - other_mean
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines[start : start + CHUNK] = (a * b).sum(axis=1) / np.maximum(lengths, 1e-9)
    return cosines


def _judged(rows: pl.DataFrame, cosine: NDArray[np.float32]) -> pl.DataFrame:
    """The rows that can be judged, with the probability of an exchanged response."""
    is_open = rows["instruction"].str.contains(OPEN_TASK).to_numpy()
    prompts = [_stems(" ".join(both)) for both in rows.select("instruction", "input").iter_rows()]
    responses = [_stems(text) for text in rows["response"]]
    counts = np.array(
        [(len(a & b), len(a), len(b)) for a, b in zip(prompts, responses, strict=True)]
    )
    features = np.column_stack([cosine, np.log1p(counts), is_open])
    probability = 1 / (1 + np.exp(-(features @ WEIGHTS + BIAS)))
    # Of a number or a sign nothing can be said, nor of a prompt that stands in the turns before.
    can = (counts[:, 2] > 0) & (rows["history"] == "").to_numpy()
    return rows.with_columns(pl.Series("probability", np.where(can, probability, 0.0)))


def _stems(text: str) -> set[str]:
    """The first five letters of the words that are not in every text."""
    return {word[:5] for word in WORD.findall(text.lower()) if word not in STOP}
