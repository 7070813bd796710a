"""JSON that no parser takes: in fences that say `json`, or where the prompt asks for JSON.

Excerpts ("…", comments) are for readers, not for parsers, and left alone. JSON Lines are taken.
"""

from __future__ import annotations

import re

import orjson
import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import FOUND
from tutelage.curate.text.fences import blocks

ASKED = r"(?i)(?-u:\b)json(?-u:\b)"
BEGINS = r"\A\s*[\[{]"
OBJECT = r"\A\s*\{\s*\"[^\"\n]*\"\s*:|\A\s*\[\s*\{\s*\"[^\"\n]*\"\s*:"
CODE_ASKED = (
    r"(?i)(?-u:\b)(?:python|javascript|typescript|dictionary|dict|schema|go|ruby|regex|code|latex"
    r"|mongo\w*)(?-u:\b)"
)

_EXCERPT = re.compile(r"\.\.\.|…|^\s*(?://|#|/\*)|,\s*//|<[a-z_ ]+>|\{\{", re.MULTILINE)


@CHECKS.register("broken_json")
class BrokenJson(Check):
    """JSON in a response that does not parse."""

    severity = "warning"
    title = "JSON does not parse"
    suggestion = "Mend the JSON, or drop the row."
    precision = "1.000 [0.976, 1.000] on JSON of ours"
    recall = "1.000 [0.976, 1.000] on JSON of ours"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a piece of JSON, the rest from where it breaks the evidence."""
        response, prompt = pl.col("response"), pl.col("instruction")
        fenced = response.str.contains(r"(?i)```\s?json")
        asked = prompt.str.contains(ASKED) & response.str.contains(BEGINS)
        plain = response.str.contains(OBJECT) & ~prompt.str.contains(CODE_ASKED)
        rows = batch.rows.filter(response.str.contains(r"[\[{]")).filter(fenced | asked | plain)
        lines = []
        for at, field, text in rows.select("at", "response_field", "response").iter_rows():
            parts = [(b.start, b.code) for b in blocks(text) if b.language.startswith("json")]
            for start, code in parts or [(0, text)]:
                broken = breaks_at(code)
                if broken is not None:
                    place, reason = broken
                    end = start + len(code)
                    lines.append((at, field, min(start + place, end), end, None, reason, None))
        return pl.DataFrame(lines, schema=FOUND, orient="row")


def breaks_at(code: str) -> tuple[int, str] | None:
    """Where JSON stops being JSON, and why; None where it parses or is an excerpt."""
    try:
        orjson.loads(code)
    except orjson.JSONDecodeError as error:
        if not code.strip() or _EXCERPT.search(code) or _is_lines(code):
            return None
        return error.pos, error.msg
    return None


def _is_lines(code: str) -> bool:
    """Whether each of several lines is JSON."""
    lines = [line for line in code.splitlines() if line.strip()]
    try:
        return len(lines) > 1 and all(orjson.loads(line) is not None for line in lines)
    except orjson.JSONDecodeError:
        return False
