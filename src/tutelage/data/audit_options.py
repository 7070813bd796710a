"""What an audit looks for: the recipe's `data.audit`, and what `tutelage audit` takes as
options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tutelage.asking_options import JudgingOptions
from tutelage.options import Options


class JudgeOptions(JudgingOptions):
    """A judge at an OpenAI-compatible endpoint, asked about a sample of the rows."""

    sample: int = Field(default=200, ge=1)
    """Rows that are judged, drawn by the audit's `seed`; all of them where there are fewer."""

    rubric: str | None = Field(default=None, min_length=1)
    """What the scores `following`, `correctness`, `clarity` and `safety` mean from 1 to 5, in your
    words; null takes ours."""


class AuditOptions(Options):
    """Checks, their severities, and what a selection keeps."""

    before_training: Literal["no", "tell", "drop"] = "no"
    """What a run does before it trains: nothing; audit its training data into `audit/` of the run
    folder; or also leave out rows with errors, each marked in the ledger."""

    only: list[str] = []
    """Run these checks alone (names, or patterns such as `*duplicate*`)."""

    skip: list[str] = []
    """Leave these checks out."""

    severity: dict[str, Literal["info", "warning", "error", "off"]] = {}
    """Severity of a check's findings in place of its own."""

    own: list[str] = []
    """Python files with checks of your own (relative to the recipe). They are run as code; so are
    those of `evaluate.own_constraints`, whose kinds rows may carry."""

    rules_only: bool = False
    """Leave out what needs embeddings."""

    language: str | None = None
    """Language that responses are in (ISO 639-1); null takes each prompt's, or the
    one that it asks for."""

    redact: bool = False
    """In a cleaned copy, replace personal data by the name of its kind."""

    near_duplicate: float = Field(default=0.6, gt=0, le=1)
    """Share of words in common (Jaccard similarity of bags of words) from which two rows are
    near-duplicates; one word in five replaced leaves 0.67."""

    semantic_duplicate: float = Field(default=0.8, gt=0, le=1)
    """Cosine similarity of embeddings from which two prompts that have most of their rarer words
    in common ask the same."""

    select: int | None = Field(default=None, ge=1)
    """Choose so many rows, of good quality and unlike one another, into `selected` of the audit's
    folder, with the reason for each; a run trains on all rows all the same."""

    select_by: str = "facility_location"
    """How they are chosen: `facility_location` (rows that stand for many others), `k_centre` (rows
    that differ most), `ifd` (rows that the audit's `model` has most to learn from) or `random` (the
    control)."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of everything drawn: samples, clusters, maps, selection."""

    bias_reference: str | None = None
    """An evaluation set, as given to `--against`, that is a reference corpus: who appears is
    compared with it."""

    model: str | None = None
    """A decoder-only model that scores every row's response, as in `model.base`: its loss with the
    prompt and without, their ratio (IFD), and perplexity."""

    judge: JudgeOptions = JudgeOptions()
    """A model behind an endpoint that judges rows; asked by `tutelage audit` alone, never by a run
    before it trains."""
