"""What changed between base and tuned model, metric by metric and task by task.

Each task declares one primary metric, and the verdict goes by those alone. Three families of
hypotheses are corrected by Holm's procedure, each for itself: the primary metrics of the tasks
(trained and held-out together), their means over the tasks of either side, and all the other
metrics, which only help to understand a change.

Trained and held-out tasks are never mixed: a rise over both would say neither that the model
learned its tasks nor that it generalises.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tutelage.errors import UserError
from tutelage.evaluate.change import Change, corrected
from tutelage.evaluate.gates import OVERALL, figure
from tutelage.evaluate.options import EvaluateOptions
from tutelage.evaluate.scoring import AnswerScores, Group, Item, grouped, score_answers
from tutelage.evaluate.verdict import Verdict, judge
from tutelage.metrics import METRICS, Metric, Scores
from tutelage.statistics import (
    Comparison,
    Measurement,
    PairedDraws,
    average,
    paired_draws,
)

PRIMARY_MEAN = "primary"
"""What the mean of the tasks' primary metrics is called in place of a metric."""


@dataclass(frozen=True, slots=True)
class AnswerComparison:
    """Everything that the answers of two models to the same items show.

    Attributes:
        changes: tasks in order of appearance with the primary metric first, then all tasks
            together.
        verdict: what may be said in a sentence, and which tasks it rests on.
        base: scores of the base model's answers.
        tuned: scores of the tuned model's answers.
    """

    changes: list[Change]
    verdict: Verdict
    base: AnswerScores
    tuned: AnswerScores


def compare_answers(
    items: Sequence[Item],
    base_answers: Sequence[str],
    tuned_answers: Sequence[str],
    options: EvaluateOptions,
) -> AnswerComparison:
    """Compare two models by their answers.

    Args:
        items: what was asked, in order.
        base_answers: the base model's answer to each item.
        tuned_answers: the tuned model's.
        options: metrics by task, extraction, confidence, resamples and seed.

    Raises:
        UserError: there are no items.
    """
    if not items:
        raise UserError("there are no items to compare the models on")
    base = score_answers(items, base_answers, options)
    tuned = score_answers(items, tuned_answers, options)
    tasks: list[Change] = []
    others: list[Change] = []
    primaries: dict[Group, PairedDraws] = {}
    for group, base_scores in base.groups.items():
        draws = _draws(group, base_scores, tuned.groups[group], options)
        for position, (name, draw) in enumerate(draws.items()):
            scores = (base_scores[name], tuned.groups[group][name])
            change = _change(group, METRICS.get(name), scores, draw.summary(options.confidence))
            if position == 0 and group.task != OVERALL:
                tasks.append(replace(change, primary=True))
                primaries[group] = _as_share(draw, METRICS.get(name))
            else:
                others.append(change)
    means = _means(tasks, primaries, options.confidence)
    families = [corrected(family, options.confidence) for family in (tasks, means, others)]
    order = {group: place for place, group in enumerate(base.groups)}
    changes = sorted(
        (change for family in families for change in family),
        key=lambda change: (
            change.task == OVERALL,
            change.held_out,
            order.get(Group(change.task, change.held_out), 0),
            not change.primary,
        ),
    )
    return AnswerComparison(changes, judge(families[0]), base, tuned)


def measures_of(items: Sequence[Item], options: EvaluateOptions) -> list[str]:
    """What conditions may call the measures that a comparison on these items will have."""
    groups = grouped(items, options)
    measures = [(group, name) for group, (names, _) in groups.items() for name in names]
    sides = dict.fromkeys(group.held_out for group in groups)
    measures += [(Group(OVERALL, held_out), PRIMARY_MEAN) for held_out in sides]
    named = (figure(group.task, name, held_out=group.held_out) for group, name in measures)
    return list(dict.fromkeys(named))


def _draws(
    group: Group,
    base: dict[str, Scores],
    tuned: dict[str, Scores],
    options: EvaluateOptions,
) -> dict[str, PairedDraws]:
    """Resample all metrics of a group together, in a stream that other groups do not disturb."""
    seed = [options.seed, zlib.crc32(repr(group).encode())]

    def measured(scores: dict[str, Scores]) -> list[Measurement]:
        return [
            Measurement(found.statistics, metric.aggregate, bounds=(0, metric.scale))
            for metric, found in ((METRICS.get(name), found) for name, found in scores.items())
        ]

    draws = paired_draws(measured(base), measured(tuned), resamples=options.resamples, seed=seed)
    return dict(zip(base, draws, strict=True))


def _change(
    group: Group, metric: Metric, scores: tuple[Scores, Scores], found: Comparison
) -> Change:
    """A row that is not primary, and whose p-value is not corrected yet."""
    base, tuned = scores
    return Change.of(
        found,
        task=group.task,
        held_out=group.held_out,
        metric=metric.name,
        items=len(base.per_item),
        scale=metric.scale,
        higher_is_better=metric.higher_is_better,
        signature=base.signature,
        details=(base.details, tuned.details),
    )


def _as_share(draws: PairedDraws, metric: Metric) -> PairedDraws:
    """Values as shares of the metric's scale, turned so that more is better."""
    if metric.higher_is_better:
        return draws.rescaled(1 / metric.scale, 0)
    return draws.rescaled(-1 / metric.scale, 1)


def _means(
    tasks: Sequence[Change], primaries: dict[Group, PairedDraws], confidence: float
) -> list[Change]:
    """The mean over the tasks of each side: every task counts the same, whatever its items."""
    rows = []
    for held_out in (False, True):
        side = [change for change in tasks if change.held_out is held_out]
        if not side:
            continue
        mean = average([draw for group, draw in primaries.items() if group.held_out is held_out])
        rows.append(
            Change.of(
                mean.summary(confidence),
                task=OVERALL,
                held_out=held_out,
                metric=PRIMARY_MEAN,
                primary=True,
                items=sum(change.items for change in side),
                scale=1,
                higher_is_better=True,
                signature=f"primary|mean over {len(side)} tasks|each as a share of its scale",
            )
        )
    return rows
