"""Rows that a model has most to learn from: the highest instruction-following difficulty below 1.

Li et al. (2023) tune on the tenth of Alpaca with the highest IFD, without the rows at 1 and above,
whose prompts do not help to foretell the response, and report better models than on all of it. It
is multiplied by quality, for what is broken is difficult too.
"""

from __future__ import annotations

import numpy as np

from tutelage.curate.check import Dataset
from tutelage.curate.selection import METHODS, Method, Picks, Quality
from tutelage.errors import UserError


@METHODS.register("ifd")
class Ifd(Method):
    """Rows whose response a local model finds hard to foretell, though the prompt helps."""

    scored = True

    def pick(self, data: Dataset, quality: Quality, count: int) -> Picks:
        """By IFD times quality, the highest first; equal ones in the order of the data.

        Raises:
            UserError: fewer rows have an IFD below 1.
        """
        found = data.columns("model")["ifd"].cast(float).fill_null(np.inf).to_numpy()
        fit = np.flatnonzero((found < 1) & (quality > 0))
        if len(fit) < count:
            raise UserError(
                f"{count:,} rows are to be selected, and {len(fit):,} without errors have an IFD "
                "below 1",
                where="data.audit.select",
                fix="select fewer, or by something else",
            )
        places = fit[np.argsort(-(found * quality)[fit], kind="stable")][:count]
        return Picks(places, [f"IFD {found[at]:.3f}; quality {quality[at]:.2g}" for at in places])
