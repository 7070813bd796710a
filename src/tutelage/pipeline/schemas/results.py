"""The shape of a suite evaluation's `results.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from tutelage.evaluate.calibration import ReliabilityBin
from tutelage.evaluate.change import Change
from tutelage.evaluate.curves import Curve
from tutelage.evaluate.suite import Area
from tutelage.evaluate.suite_comparison import SuiteValue


class Reliability(TypedDict):
    """How many choices by likelihood are right, by how sure the model was, bin by bin.

    Attributes:
        base: of the one model of two.
        tuned: of the other.
        model: of a model alone.
    """

    base: NotRequired[list[ReliabilityBin]]
    tuned: NotRequired[list[ReliabilityBin]]
    model: NotRequired[list[ReliabilityBin]]


class SuiteStatus(TypedDict):
    """What became of a suite that was to be asked.

    Attributes:
        suite: what it is called here.
        kind: what it is called in the list of suites.
        area: what it tells about.
        title: what it asks.
        options: how it was used, as in a recipe.
        metrics: of a suite that names none itself.
        status: whether it was asked.
        reason: why not, or how it broke off.
        items: how many questions were asked and answered.
        left_out: how many a model at an endpoint gave no answer to, with those of their sources.
        notes: what makes its figures less than they seem, in words.
        seconds: that asking took, of both models.
        judge: who judged the answers, where somebody did, and how far judges may be believed.
        curves: which of the measures lie along an axis.
        reliability: how far each model's sureness of its choices can be believed.
    """

    suite: str
    kind: str
    area: Area
    title: str
    options: dict[str, Any]
    metrics: list[str]
    status: Literal["run", "skipped", "failed"]
    reason: NotRequired[str]
    items: NotRequired[int]
    left_out: NotRequired[int]
    notes: NotRequired[list[str]]
    seconds: NotRequired[float]
    judge: NotRequired[dict[str, Any]]
    curves: NotRequired[list[Curve]]
    reliability: NotRequired[Reliability]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRow(Change):
    """One measure of a suite, or of a part of it (`task`), for both models.

    Attributes:
        suite: which suite.
        area: what it tells about.
    """

    suite: str
    area: Area


class Results(TypedDict):
    """What suites found of one model or of two.

    Attributes:
        schema: the version of this form.
        folder: where the replies are.
        models: what is called `base` and `tuned`; or `model` alone.
        contents: by the same names, digests of all that makes the models who they are.
        renderers: by the same names, digests of what made token ids of conversations (template,
            tokenizer, system prompt); null of a model elsewhere. Of a later comparison neither is
            known.
        confidence: the level of the intervals and tests.
        suites: what became of every suite.
        measures: what was measured, with intervals; of one model alone just its values.
        failed: conditions that hold, suites that broke off, and that nothing was asked.
    """

    schema: Literal[1]
    folder: str
    models: dict[str, str]
    contents: dict[str, str]
    renderers: dict[str, str | None]
    confidence: float
    suites: list[SuiteStatus]
    measures: list[SuiteRow] | list[SuiteValue]
    failed: list[str]
