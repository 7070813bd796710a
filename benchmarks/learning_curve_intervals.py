"""How often a learning curve's intervals hold the truth: made curves of known shape and noise.

Each made data set is four sizes (each twice the one before, up to 3,000) with some seeds, losses
E + A·n^−β and normal noise. Counted: intervals of the fall to twice and four times the largest
subset that hold the true one, self-checks that hold what was measured, and curves called flat.

    python benchmarks/learning_curve_intervals.py [--curves 400]
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from tutelage.statistics.learning_curve import learning_curve

LARGEST = 3000
CONFIDENCE = 0.95


class Made(NamedTuple):
    """A kind of made curve; `tail` draws the noise from Student's t with 3 degrees instead."""

    floor: float
    scale: float
    exponent: float
    noise: float
    seeds: int = 3
    tail: bool = False

    def at(self, examples: np.ndarray | float) -> np.ndarray:
        """The true loss."""
        return np.asarray(self.floor + self.scale * np.asarray(examples, float) ** -self.exponent)


KINDS = (
    Made(1.0, 4.0, 0.35, 0.01),
    Made(1.0, 4.0, 0.35, 0.03),
    Made(0.5, 4.0, 0.1, 0.01),
    Made(1.0, 100.0, 0.8, 0.01),
    Made(1.0, 4.0, 0.35, 0.01, seeds=2),
    Made(1.0, 4.0, 0.35, 0.01, seeds=5),
    Made(1.0, 4.0, 0.35, 0.01, tail=True),
    Made(1.0, 0.0, 0.3, 0.01),
)


def measure(kind: Made, curves: int) -> list[str]:
    """A row of the table."""
    sizes = np.repeat([LARGEST // 8, LARGEST // 4, LARGEST // 2, LARGEST], kind.seeds)
    counts = dict.fromkeys(("twice", "four times", "check"), 0)
    verdicts: list[str] = []
    widths = []
    for number in range(curves):
        random = np.random.default_rng((number, 1))
        drawn = random.standard_t(3, len(sizes)) if kind.tail else random.normal(size=len(sizes))
        losses = kind.at(sizes) + kind.noise * drawn
        found = learning_curve(
            sizes.tolist(), losses.tolist(), [2 * LARGEST], confidence=CONFIDENCE, draws=500,
            seed=number,
        )  # fmt: skip
        twice = min(found.drawn, key=lambda one: abs(one.examples - 2 * LARGEST))
        for name, one in (("twice", twice), ("four times", found.drawn[-1])):
            low, high = one.fall.interval
            counts[name] += low <= float(kind.at(LARGEST) - kind.at(one.examples)) <= high
        widths.append(high - low)
        counts["check"] += found.check.inside
        verdicts.append(found.verdict)
    told = ", ".join(
        f"{name} {verdicts.count(name) / curves:.1%}"
        for name in ("falling", "flat", "refuted", "vague")
        if name in verdicts
    )
    truth = f"{kind.floor:g} + {kind.scale:g}·n^−{kind.exponent:g}"
    noise = f"{kind.noise:g}{' (t, 3)' if kind.tail else ''}"
    shares = [f"{count / curves:.1%}" for count in counts.values()]
    return [truth, noise, str(kind.seeds), *shares, f"{np.median(widths):.3f}", told]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=400)
    arguments = parser.parse_args()
    print("| curve | noise | seeds | 2× held | 4× held | check held | 4× width | told |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        print(f"| {' | '.join(measure(kind, arguments.curves))} |", flush=True)


if __name__ == "__main__":
    main()
