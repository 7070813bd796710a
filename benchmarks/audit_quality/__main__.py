"""Precision and recall of the checks of an audit, on labelled data.

`python benchmarks/audit_quality [PATTERN…]` measures the sources whose name (`check/data`) or check
matches a pattern, all of them by default, on the half that was held back before any check was
written, and prints a Markdown table. Behind each share stands its 95 % interval (Wilson 1927),
which says how far it may be trusted where rows are few.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parent), str(FOLDER.parents[1] / "tests")]

from audit_quality import SOURCES, Half, Labelled, MissingDataError  # noqa: E402
from in_memory import findings  # noqa: E402

NORMAL_975 = 1.959964


class Share(NamedTuple):
    """How many of how many."""

    part: int
    whole: int

    def __str__(self) -> str:
        if self.whole == 0:
            return "none to judge"
        low, high = self.interval()
        return f"{self.part / self.whole:.3f} [{low:.3f}, {high:.3f}]"

    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the share at 95 %."""
        share, z2 = self.part / self.whole, NORMAL_975**2
        middle = share + z2 / (2 * self.whole)
        spread = NORMAL_975 * (share * (1 - share) / self.whole + z2 / (4 * self.whole**2)) ** 0.5
        scale = 1 + z2 / self.whole
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


class Measured(NamedTuple):
    """A check on a source."""

    rows: int
    wrong: int
    precision: Share
    recall: Share
    false: list[int]
    missed: list[int]


def measure(source: Labelled) -> Measured:
    """Compare what a check finds with what is known."""
    found = findings(source.check, source.rows, source.against, source.options)
    unjudged = set(source.unjudged)
    rows, wrong = set(found["at"].to_list()) - unjudged, set(source.wrong) - unjudged
    right = len(rows & wrong)
    return Measured(
        rows=len(source.rows) - len(unjudged),
        wrong=len(wrong),
        precision=Share(right, len(rows)),
        recall=Share(right, len(wrong)),
        false=sorted(rows - wrong),
        missed=sorted(wrong - rows),
    )


def table(names: list[str], half: Half, show: bool) -> Iterator[str]:
    """Lines of the table."""
    yield "| check | data | rows | wrong | precision | recall | note |"
    yield "| --- | --- | ---: | ---: | --- | --- | --- |"
    for name in names:
        check, _, data = name.partition("/")
        try:
            source = SOURCES.get(name)(half)
        except MissingDataError as missing:
            yield f"| {check} | {data} | | | | | not measured: no {missing} |"
            continue
        got = measure(source)
        yield (
            f"| {check} | {data} | {got.rows:,} | {got.wrong:,} | {got.precision} | {got.recall} "
            f"| {source.note} |"
        )
        if show and not half.is_held_back:
            yield f"false: {got.false}\nmissed: {got.missed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--half", choices=("held-back", "developed"), default="held-back")
    parser.add_argument(
        "--show", action="store_true", help="positions of mistakes (developed half)"
    )
    given = parser.parse_args()
    names = [
        name
        for name in SOURCES.names()
        if any(
            fnmatchcase(name, pattern) or name.partition("/")[0] == pattern
            for pattern in given.patterns
        )
    ]
    for line in table(names, Half(given.half == "held-back"), given.show):
        print(line, flush=True)


if __name__ == "__main__":
    main()
