"""Programs that cannot be: Python that does not parse, brackets that do not close.

Python is parsed (`ast`), never run. A response without fences is taken for Python where it begins
as Python does and either the prompt names Python or the response has its marks (`def f():`). Shell
sessions, notebooks' commands, Python 2 and excerpts are no mistakes. In other languages only
brackets are counted, outside of strings and comments, and only where more are opened than closed or
the other way round.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.text.fences import blocks

PYTHON = {"python", "py", "python3"}
BRACKETED = {
    *("javascript", "js", "typescript", "ts", "jsx", "tsx", "java", "c", "cpp", "c++", "csharp"),
    *("cs", "c#", "go", "rust", "kotlin", "swift", "scala", "php", "css", "scss", "dart", "r"),
}
UNFENCED = (
    r"\A\s*(?:def \w+\(|class \w+(?:\(.*\))?:|import \w|from \w[\w.]* import |#!.*python"
    r"|for \w+ in .*:|if __name__)"
)
NOT_PYTHON = r"(?m)[;{]\s*$|^\s*end\s*$|^\s*\}"
OTHER_UNFENCED = (
    r"\A\s*(?:public |private |function \w*\s?\(|const \w+|let \w+|var \w+|#include|using "
    r"namespace|package \w+;"
    r"|import java|int main)"
)

_SESSION = re.compile(r"^\s*(?:>>>|\.\.\. |In \[|[!%$]\s?\w)", re.MULTILINE)
_EXCERPT = re.compile(
    r"^\s*\.\.\.\s*\w|<[a-z_ ]{2,30}>|…|\[your|^\s*\.\.\.\s*$", re.MULTILINE | re.I
)
_PYTHON_2 = re.compile(
    r"^\s*(?:print\s+[^(=\s]|exec\s+['\"]|except \w+, ?\w+:|raise \w+, )|\bxrange\b", re.MULTILINE
)
_SIGNATURE = re.compile(r"\A\s*(?:def|class|for|while|if)\b[^\n]*:\s*\Z")
_PROSE = re.compile(
    r"^(?:#+ ?)?(?:output|result|explanation|note|example|the |this |here |in this |input)"
    r"[^\n=(]*(?::|\.)?.*\Z",
    re.I | re.M | re.S,
)
_SKIPPED = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"
    r"|(?<=[=(,:])\s*/(?![/*])(?:\\.|\[[^\]\n]*\]|[^/\\\n])+/[a-z]*",
    re.S,
)
PAIRS = {")": "(", "]": "[", "}": "{"}


@CHECKS.register("broken_code")
class BrokenCode(Check):
    """Code in a response that does not parse."""

    severity = "warning"
    title = "Code does not parse"
    suggestion = "Mend the code, or drop the row."
    precision = "0.852 [0.734, 0.923] on Code Alpaca with defects put in"
    recall = "0.920 [0.812, 0.968] on Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a block, from the offending line on."""
        response = pl.col("response")
        python = response.str.contains(UNFENCED)
        other = response.str.contains(OTHER_UNFENCED)
        fenced = response.str.contains("```", literal=True)
        rows = batch.rows.filter(fenced | python | other).with_columns(
            pl.when(fenced)
            .then(pl.lit(""))
            .when(
                python & ~other & ~response.str.contains(NOT_PYTHON)
                | pl.col("instruction").str.contains(r"(?i)python")
            )
            .then(pl.lit("python"))
            .otherwise(pl.lit("js"))
            .alias("language")
        )
        lines = []
        chosen = rows.select("at", "response_field", "response", "language")
        for at, field, text, language in chosen.iter_rows():
            for start, end, detail in broken(text, language):
                lines.append((at, field, start, end, None, detail, None))
        return pl.DataFrame(lines, schema=FOUND, orient="row")


def broken(text: str, language: str = "") -> list[tuple[int, int, str]]:
    """Spans of code that does not parse, with the reason.

    Args:
        text: a response.
        language: what it is written in; "" for one with fenced blocks that say so.
    """
    parts = (
        [(language, text, 0)]
        if language
        else [(b.language, b.code, b.start) for b in blocks(text) if b.closed]
    )
    found = []
    for name, code, start in parts:
        if name in PYTHON:
            reason = python_error(code, whole=not language)
        else:
            reason = bracket_error(code) if name in BRACKETED else None
        if reason is not None:
            place, detail = reason
            found.append((start + place, start + len(code), detail))
    return found


def python_error(code: str, whole: bool = True) -> tuple[int, str] | None:
    """Where Python stops being Python, and why; None where it parses or is not meant to.

    Args:
        code: the program.
        whole: it is all code; else what follows it in prose is left out.
    """
    if not code.strip() or _SESSION.search(code) or _PYTHON_2.search(code):
        return None
    error = _syntax_error(code)
    if error is not None and not whole:
        error = _syntax_error(_PROSE.sub("", code))
    if error is None or _EXCERPT.search(code) or _SIGNATURE.search(code):
        return None
    lines = code.splitlines(keepends=True)
    place = sum(map(len, lines[: (error.lineno or 1) - 1]))
    return min(place, max(len(code) - 1, 0)), f"Python: {error.msg} (line {error.lineno})"


def _syntax_error(code: str) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes parse
            ast.parse(textwrap.dedent(code.expandtabs(8)).strip("\n"))
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):  # a NUL, or nesting beyond the parser
        return None
    return None


def bracket_error(code: str) -> tuple[int, str] | None:
    """A bracket without its partner: its place and what is wrong; None where all have theirs."""
    if _EXCERPT.search(code):
        return None
    plain = _SKIPPED.sub(lambda match: " " * len(match[0]), code)
    opened: list[tuple[str, int]] = []
    for place, character in enumerate(plain):
        if character in "([{":
            opened.append((character, place))
        elif character in PAIRS:
            if not opened or opened[-1][0] != PAIRS[character]:
                return place, f"“{character}” closes nothing"
            opened.pop()
    if opened:
        character, place = opened[-1]
        return place, f"“{character}” is not closed"
    return None
