"""Rows that differ: each is the one farthest from those before it, times its quality.

The greedy k-centre choice (Gonzalez 1985; for data, Sener and Savarese 2018) leaves no row
more than twice as far from a chosen one as the best choice could, where all are of one quality. It
reaches for what is rare, wrong rows too, which is why distance is weighed by quality. Distance is
that of the vectors' ends, √(2 - 2 cos), for which that bound holds. Work grows as rows times rows
chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tutelage.curate.check import Dataset
from tutelage.curate.selection import METHODS, Method, Picks, Quality


@METHODS.register("k_centre")
class KCentre(Method):
    """Rows that differ from one another, and are of good quality."""

    uses = ("embedding",)

    def pick(self, data: Dataset, quality: Quality, count: int) -> Picks:
        """The most central row, then always the one that lies farthest off."""
        vectors = data.feature("embedding")["vector"].to_numpy()
        places, gaps = farthest(vectors, quality, count)
        why = ["the most central row"]
        why += [f"cosine {1 - gap**2 / 2:.2f} to the nearest row before it" for gap in gaps[1:]]
        worth = (f"quality {quality[place]:.2g}" for place in places)
        return Picks(places, [f"{one}; {value}" for one, value in zip(why, worth, strict=True)])


def farthest(
    vectors: NDArray[np.float32], quality: Quality, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places by quality-weighted distance from those before them, and that distance unweighted.

    Args:
        vectors: (rows, width) of length 1.
        quality: of rows; those of 0 are never chosen.
        count: at most the rows above 0.

    Returns:
        (count,) places, and (count,) the distance to the nearest before (0 for the first).
    """
    central = (vectors @ vectors.mean(axis=0) + 2) * quality  # 2: a bad row is never central
    places, gaps = [int(central.argmax())], [0.0]
    distance = np.full(len(vectors), np.inf)
    taken = quality <= 0
    while len(places) < count:
        taken[places[-1]] = True
        apart = np.sqrt(np.maximum(2 - 2 * (vectors @ vectors[places[-1]]), 0))
        distance = np.minimum(distance, apart)
        place = int(np.where(taken, -1, distance * quality).argmax())
        places.append(place)
        gaps.append(float(distance[place]))
    return np.array(places, dtype=np.int64), np.array(gaps)
