"""Rows drawn at random: the control that any other selection must beat."""

from __future__ import annotations

import numpy as np

from tutelage.curate.check import Dataset
from tutelage.curate.selection import METHODS, Method, Picks, Quality


@METHODS.register("random")
class Random(Method):
    """Rows drawn at random from all, with errors as they come."""

    takes_broken = True

    def pick(self, data: Dataset, quality: Quality, count: int) -> Picks:
        """Rows drawn without regard to anything."""
        draw = np.random.default_rng(self.options.seed)
        places = draw.choice(data.count, count, replace=False)
        return Picks(places, [f"drawn at random; quality {quality[at]:.2g}" for at in places])
