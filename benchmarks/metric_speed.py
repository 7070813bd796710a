"""How fast are the metrics? ROUGE against rouge-score, and the resampling of twenty metrics.

    python benchmarks/metric_speed.py [--pairs 200]

ROUGE is timed on pairs of 300-token texts in three layouts: a text and a copy with 40 % of its
words replaced, as many short lines; the same as one paragraph; and two unrelated texts. Contenders
take turns on the same pairs, and every turn of ours begins with empty caches. Times are of the
processor, since other work may run beside. Resampling is timed by the clock: 10,000 resamples of
20 metrics on 2,000 items.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rouge_score.rouge_scorer import RougeScorer

from tutelage.metrics import METRICS, rouge
from tutelage.metrics.metric import mean_of_sums, mean_statistics
from tutelage.statistics import Measurement, bootstrap, compare

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[1] / "../shared/data"))
ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
TOKENS = 300
THEIR_PAIRS = 10
"""rouge-score gets so many of the pairs a turn: enough to average, few enough to wait for."""

Pairs = Sequence[tuple[str, str]]


def words(seed: int = 0) -> list[str]:
    """Running text with its line ends: Alpaca's answers, or words of Zipf's frequencies."""
    path = DATA / "alpaca_12k.json"
    if path.exists():
        outputs = [row["output"] for row in json.loads(path.read_text(encoding="utf-8"))]
        return re.findall(r"\S+\s*", "\n".join(outputs))
    draw = random.Random(seed)
    vocabulary = [
        "".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(20_000)
    ]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    drawn = draw.choices(vocabulary, weights, k=500_000)
    return [word + (" " if draw.random() < 0.93 else "\n") for word in drawn]


def layouts(count: int) -> dict[str, Pairs]:
    """Pairs of answer and reference."""
    text, draw = words(), random.Random(1)

    def piece() -> list[str]:
        start = draw.randrange(len(text) - TOKENS)
        return text[start : start + TOKENS]

    def copy(source: Sequence[str]) -> str:
        return "".join(word if draw.random() < 0.6 else draw.choice(text) for word in source)

    related = [(copy(source), "".join(source)) for source in (piece() for _ in range(count))]
    return {
        "edited copy, lines": related,
        "edited copy, one line": [(" ".join(a.split()), " ".join(b.split())) for a, b in related],
        "unrelated, lines": [("".join(piece()), "".join(piece())) for _ in range(count)],
    }


def ours(names: Sequence[str], pairs: Pairs) -> float:
    """Processor time a pair, caches empty at first."""
    rouge.tokenize.cache_clear()
    rouge._STEMS.clear()
    answers, references = [a for a, _ in pairs], [[b] for _, b in pairs]
    start = time.process_time()
    for name in names:
        METRICS.get(name).score(answers, references)
    return (time.process_time() - start) / len(pairs)


def theirs(scorer: RougeScorer, pairs: Pairs) -> float:
    """Processor time a pair."""
    start = time.process_time()
    for answer, reference in pairs:
        scorer.score(reference, answer)
    return (time.process_time() - start) / len(pairs)


def rouge_table(count: int, rounds: int) -> Table:
    table = Table("texts", "metric", title=f"ROUGE, {TOKENS}-token texts, processor time a pair")
    for heading in ("ours, ms", "rouge-score, ms", "ratio"):
        table.add_column(heading, justify="right")
    for layout, pairs in layouts(count).items():
        for names in (*((name,) for name in ROUGE), ROUGE):
            scorer = RougeScorer(list(names), use_stemmer=True)
            turns = [
                (ours(names, pairs), theirs(scorer, pairs[:THEIR_PAIRS])) for _ in range(rounds)
            ]
            mine, other = (1000 * statistics.median(side) for side in zip(*turns, strict=True))
            label = names[0] if len(names) == 1 else "all four"
            table.add_row(layout, label, f"{mine:.3f}", f"{other:.1f}", f"{other / mine:.0f}")
    return table


def resampling_table(rounds: int) -> Table:
    """BLEU, chrF, macro F1 of 20 classes, and 17 means."""
    draw = random.Random(2)
    vocabulary = [f"w{number}" for number in range(300)]
    references = [draw.choices(vocabulary, k=15) for _ in range(2000)]

    def measured(kept: float) -> list[Measurement]:
        answers = [
            [word if draw.random() < kept else draw.choice(vocabulary) for word in words]
            for words in references
        ]
        found = []
        for name, length in (("bleu", 15), ("chrf", 15), ("classification_f1", 1)):
            said = [" ".join(words[:length])[: 40 if length > 1 else 2] for words in answers]
            true = [[" ".join(words[:length])[: 40 if length > 1 else 2]] for words in references]
            metric = METRICS.get(name)
            found.append(Measurement(metric.score(said, true).statistics, metric.aggregate))
        values = np.random.default_rng(0).random((17, 2000)) + kept
        return found + [Measurement(mean_statistics(row), mean_of_sums) for row in values]

    base, tuned = measured(0.6), measured(0.62)
    sources = [f"text {item // 5}" for item in range(2000)]
    jobs: dict[str, Callable[[], object]] = {
        "intervals of one system": lambda: bootstrap(base, resamples=10_000, seed=0),
        "intervals and tests of two": lambda: compare(
            base, tuned, confidence=0.95, resamples=10_000, seed=0
        ),
        "the same, five items to a source": lambda: compare(
            base, tuned, confidence=0.95, resamples=10_000, seed=0, clusters=sources
        ),
    }
    table = Table("10,000 resamples × 20 metrics × 2,000 items", "seconds, best of rounds")
    for label, job in jobs.items():
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            job()
            taken.append(time.perf_counter() - start)
        table.add_row(label, f"{min(taken):.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of ROUGE and of resampling.")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    console = Console()
    console.print(rouge_table(arguments.pairs, arguments.rounds))
    console.print(resampling_table(arguments.rounds))


if __name__ == "__main__":
    main()
