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

from tutelage.curate.check import WHOLE_CHECKS, Conclusion, Dataset, WholeCheck
from tutelage.curate.features.embedding import Vectors, embed
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
STRANGE_TO_INPUT = 0.5
"""Probability from which a response is strange to the input alone."""
FEWEST_INPUT_WORDS = 3
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
    precision = "0.788 on Alpaca, 0.860 on Dolly, a tenth of the responses exchanged"
    recall = "0.791 on Alpaca, 0.848 on Dolly, a tenth of the responses exchanged"
    uses = ("embedding", "response_embedding")

    def conclude(self, data: Dataset) -> Conclusion:
        """Rows whose response is unlikely to be one to their prompt."""
        if data.count < FEWEST:
            return Conclusion(none(), {"rows": 0})
        prompts = data.feature("embedding")["vector"].to_numpy()
        responses = data.feature("response_embedding")["vector"].to_numpy()
        means = prompts.mean(axis=0), responses.mean(axis=0)
        cosine = _cosines(prompts, responses, *means)
        places = np.flatnonzero(cosine < RELATED_COSINE)
        parts = []
        for chunk in np.array_split(places, len(places) // CHUNK + 1):
            rows = data.rows(pl.Series(chunk))
            rows = _unrelated(rows, cosine[chunk], ("instruction", "input"), UNRELATED)
            # A definition that many rows share drowns what is asked: the input must be strange too.
            short = pl.col("input").str.count_matches(r"\p{L}{2,}") < FEWEST_INPUT_WORDS
            with_input = rows.filter(~short)
            answers = responses[with_input["at"].to_numpy()]
            by_input = _cosines(embed(with_input["input"]), answers, *means)
            parts += [
                rows.filter(short),
                _unrelated(with_input, by_input, ("input",), STRANGE_TO_INPUT),
            ]
        unrelated = pl.concat(parts).sort("at")
        detail = "The response shares neither words nor subject with its prompt"
        findings = found(unrelated, detail, field="response_field", score=pl.col("probability"))
        return Conclusion(findings, {"rows": len(findings)})


def _cosines(prompts: Vectors, responses: Vectors, mean: Vectors, other_mean: Vectors) -> Vectors:
    """(rows,) cosines of vectors that have the mean of their kind taken off."""
    cosines = np.empty(len(prompts), dtype=np.float32)
    for start in range(0, len(prompts), CHUNK):
        a, b = prompts[start : start + CHUNK] - mean, responses[start : start + CHUNK] - other_mean
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines[start : start + CHUNK] = (a * b).sum(axis=1) / np.maximum(lengths, 1e-9)
    return cosines


def _unrelated(
    rows: pl.DataFrame, cosine: Vectors, asked: tuple[str, ...], least: float
) -> pl.DataFrame:
    """The rows whose response is likely another's, with that probability.

    Args:
        rows: lines of `Batch.rows`.
        cosine: (rows,) of what is asked and the response.
        asked: the columns that say what is asked.
        least: the probability.
    """
    is_open = rows["instruction"].str.contains(OPEN_TASK).to_numpy()
    prompts = [_stems(" ".join(texts)) for texts in rows.select(asked).iter_rows()]
    responses = [_stems(text) for text in rows["response"]]
    counts = np.array(
        [(len(a & b), len(a), len(b)) for a, b in zip(prompts, responses, strict=True)],
        dtype=np.float64,
    ).reshape(-1, 3)
    features = np.column_stack([cosine, np.log1p(counts), is_open])
    probability = 1 / (1 + np.exp(-(features @ WEIGHTS + BIAS)))
    # Of a number or a sign nothing can be said, nor of a prompt that stands in the turns before.
    can = (counts[:, 2] > 0) & (rows["history"] == "").to_numpy()
    judged = rows.with_columns(pl.Series("probability", np.where(can, probability, 0.0)))
    return judged.filter(pl.col("probability") >= least)


def _stems(text: str) -> set[str]:
    """The first five letters of the words that are not in every text."""
    return {word[:5] for word in WORD.findall(text.lower()) if word not in STOP}
