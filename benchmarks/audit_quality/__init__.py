"""Labelled rows that the checks of an audit are measured on.

A source is a function in a file of this folder, filed under `check/data`; it is given a half of the
labelled data and returns rows with the positions of those that the check should find:

    @SOURCES.register("refusal/xstest")
    def refusals(half: Half) -> Labelled:
        rows = half.of("xstest", half.table("xstest/xstest_prompts.csv"))
        return Labelled("refusal", rows, wrong={...})

`make audit-quality` prints the table for the held-back half; `--half developed` measures on the
other one, on which patterns and thresholds may be made. See `tests/defects.py` for what breaks
clean rows and `tests/labelled.py` for the halves.
"""

from audit_quality.source import SOURCES, Half, Labelled, MissingDataError

__all__ = ["SOURCES", "Half", "Labelled", "MissingDataError"]
