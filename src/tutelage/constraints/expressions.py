"""Regular expressions that cannot hang us, whatever the expression and the text.

An expression may come from a data set, and Python's engine takes exponential time for some. Rust's,
which polars brings, takes time in proportion to the text; it knows neither look-around nor
back-references, and says so of an expression that asks for them.
"""

from __future__ import annotations

import polars as pl


def check(pattern: str) -> None:
    """Find out whether an expression can be used.

    Raises:
        ValueError: it cannot, in a sentence.
    """
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("error: ")
        raise ValueError(
            f"expected a regular expression (without look-around or back-references), found "
            f"{pattern!r}: {reason}"
        ) from None


def found(pattern: str, text: str) -> bool:
    """Whether an expression matches anywhere in a text."""
    return bool(_series(text).str.contains(pattern)[0])


def count(pattern: str, text: str) -> int:
    """How often an expression matches, none of the matches overlapping."""
    return int(_series(text).str.count_matches(pattern)[0])


def _series(text: str) -> pl.Series:
    """The text as polars holds it; half a surrogate pair, which it cannot hold, becomes `?`."""
    return pl.Series([text.encode("utf-8", "replace").decode()])
