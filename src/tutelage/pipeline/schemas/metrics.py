"""The shape of a run's `metrics.json`."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from tutelage.evaluate.change import Change
from tutelage.evaluate.forgetting import Forgetting
from tutelage.evaluate.verdict import Verdict
from tutelage.pipeline.schemas.results import Results


class ModelFigures(TypedDict):
    """The model that was tuned.

    Attributes:
        base: the base model, as the recipe names it.
        template_source: where the chat template comes from.
        stop_tokens: texts of the tokens that end an answer.
        dtype: of the weights in training.
        device: that it was trained on.
        notes: what was decided for the user, in words.
    """

    base: str
    template_source: str
    stop_tokens: list[str]
    dtype: str
    device: str
    notes: list[str]


class TrainingFigures(TypedDict):
    """How it was tuned.

    Attributes:
        method: of tuning.
        objective: what was minimised.
        processes: that trained together.
        learning_rate: its peak.
        steps: optimizer steps done.
        planned_steps: of the whole run.
        epochs: passes over the examples.
        supervised_tokens: that counted in the loss.
        tokens: trained on, prompts included.
        computed_tokens: of these, with shared prefixes counted once.
        seconds: of training.
        tokens_per_second: tokens over seconds.
        peak_memory_bytes: of the process, or of the GPU.
        final_loss: of the last step.
        best_validation_loss: the lowest; null without validation.
        best_step: where it was measured.
        handed_on_step: the step whose weights are the model.
        stopped_early: whether the validation loss no longer fell.
        trainable_parameters: how many were tuned.
        total_parameters: how many there are.
        predicted_memory_bytes: the peak that was predicted before.
        predicted_memory_parts: the same by what it is for.
    """

    method: str
    objective: str
    processes: int
    learning_rate: float
    steps: int
    planned_steps: int
    epochs: float
    supervised_tokens: int
    tokens: int
    computed_tokens: int
    seconds: float
    tokens_per_second: float | None
    peak_memory_bytes: int
    final_loss: float
    best_validation_loss: float | None
    best_step: int | None
    handed_on_step: int
    stopped_early: bool
    trainable_parameters: int
    total_parameters: int
    predicted_memory_bytes: int | None
    predicted_memory_parts: dict[str, int] | None


class Counts(TypedDict):
    """Fates of rows: those read are all the others together."""

    read: int
    kept: int
    changed: int
    truncated: int
    dropped: int


class Reason(TypedDict):
    """Why rows were not used as they were."""

    fate: str
    reason: str
    count: int


class SplitCounts(TypedDict):
    """Examples in each split."""

    train: int
    validation: int
    test: int


class DataFigures(TypedDict):
    """The rows.

    Attributes:
        counts: what became of them.
        reasons: and why.
        splits: examples to train on, validate with and ask.
        prompt_tokens: of each training sequence, where they are known.
        response_tokens: likewise.
        items_fingerprint: digest of what is asked.
    """

    counts: Counts
    reasons: list[Reason]
    splits: SplitCounts
    prompt_tokens: list[int]
    response_tokens: list[int]
    items_fingerprint: str


class CostFigures(TypedDict):
    """What it cost.

    Attributes:
        train_seconds: null where nothing was trained.
        evaluate_seconds: null before the evaluation.
        total_seconds: both.
        energy_joules: of training; null where no counter is readable.
        energy_source: the counter, or why there is none.
    """

    train_seconds: float | None
    evaluate_seconds: float | None
    total_seconds: float | None
    energy_joules: float | None
    energy_source: str | None


class TaskFigures(TypedDict):
    """What one task gave to training.

    Attributes:
        examples: how many there are.
        drawn: how often one was trained on, repetitions included.
        distinct: how many were trained on at all.
        tokens: of the drawn ones, prompts included.
        supervised_tokens: of these, those that counted in the loss.
        steps: that had one of them.
        share: of all that were drawn.
        passes: mean number of times that an example was trained on.
    """

    examples: int
    drawn: int
    distinct: int
    tokens: int
    supervised_tokens: int
    steps: int
    share: float
    passes: float


class MixtureFigures(TypedDict):
    """What each task gave.

    Attributes:
        strategy: how tasks were mixed.
        drawn: examples trained on, repetitions included.
        tasks: by name.
    """

    strategy: str
    drawn: int
    tasks: dict[str, TaskFigures]


class EvaluationFigures(TypedDict):
    """What the evaluation on the run's own items came to.

    Attributes:
        items: that both models answered.
        left_out: that one of them gave no answer to.
        decoded_tokens: of both models' answers.
        truncated_answers: of the tuned model's, those cut off at the longest answer.
        notes: what makes the scores less than they seem, in words.
        seconds: that it took.
    """

    items: int
    left_out: int
    decoded_tokens: int
    truncated_answers: int
    notes: NotRequired[list[str]]
    seconds: float


class FailedItem(TypedDict):
    """An item without an answer: where it was read, and what went wrong."""

    file: str
    row: int
    failed: str
    detail: str


class EndpointFigures(TypedDict):
    """What asking a model behind an endpoint came to.

    Attributes:
        model: that was asked for.
        url: where.
        answered_by: names under which answers came.
        items: that were asked.
        answered: of these.
        kept_from_before: answers that an earlier sitting left.
        finish_reasons: how many answers ended how.
        repeated: by reason, requests that were sent again.
        failures: by kind, items without an answer.
        failed_items: the first of these.
        prompt_tokens: as the endpoint counts them.
        answer_tokens: likewise.
        cost: by the recipe's prices; null without any.
        seconds: that asking took.
    """

    model: str
    url: str
    answered_by: list[str]
    items: int
    answered: int
    kept_from_before: int
    finish_reasons: dict[str, int]
    repeated: dict[str, int]
    failures: dict[str, int]
    failed_items: list[FailedItem]
    prompt_tokens: int
    answer_tokens: int
    cost: float | None
    seconds: float


class Metrics(TypedDict):
    """Every number of a run's report. What was not done yet has no entry.

    Attributes:
        schema: the version of this form.
        name: of the run.
        model: the base model; no entry where both models are at endpoints.
        training: how it was tuned; likewise.
        mixture: what each task gave; likewise.
        data: what became of the rows.
        cost: in time and energy.
        confidence: the level of intervals and tests.
        evaluation: of base and tuned model on the run's own items.
        verdict: what changed, by tasks; no entry where no item was set aside.
        comparison: every metric of every task, and of all together (`overall`); likewise.
        forgetting: the loss on general text; null where none is read.
        endpoints: by `base` and `tuned`, what was asked elsewhere.
        suites: what `suites/results.json` holds.
        failed: conditions that hold, suites that broke off, and that nothing was asked.
    """

    schema: Literal[1]
    name: str
    model: NotRequired[ModelFigures]
    training: NotRequired[TrainingFigures]
    mixture: NotRequired[MixtureFigures]
    data: DataFigures
    cost: CostFigures
    confidence: NotRequired[float]
    evaluation: NotRequired[EvaluationFigures]
    verdict: NotRequired[Verdict]
    comparison: NotRequired[list[Change]]
    forgetting: NotRequired[Forgetting | None]
    endpoints: NotRequired[dict[Literal["base", "tuned"], EndpointFigures]]
    suites: NotRequired[Results]
    failed: NotRequired[list[str]]
