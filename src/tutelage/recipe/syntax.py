"""YAML's syntax errors in plain words.

The parser says `mapping values are not allowed here`; the person wants to know that there is a
second colon in the line. The table covers what people really get wrong; anything else keeps the
parser's own words.
"""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError

from tutelage.recipe.advice import WHOLE

_QUOTE = "put the value in quotes"
_INDENT = "indent the keys of one section by the same number of spaces"

_WORDS: tuple[tuple[str, str, str | None], ...] = (
    (r"'\\t' that cannot start", "a tab; YAML is indented with spaces only", "use spaces"),
    (r"found character '(.)' that", "a value cannot begin with {0}", _QUOTE),
    (
        r"mapping values are not allowed",
        "a ':' where no new key can begin: a second one in a line, or a key indented too far",
        f"{_QUOTE} if it has a colon, else {_INDENT}",
    ),
    (r"could not find expected ':'", "a key without ':'", "write `key: value`"),
    (r"sequence entries are not allowed", "a list cannot begin in the line of its key", None),
    (r"expected <block end>, but found '(\]|\})'", "a {0} that closes nothing", None),
    (r"expected <block end>", "the indentation does not match the lines above", _INDENT),
    (r"expected ',' or '(.)'", "the list or mapping that began {context} is not closed", None),
    (r"unexpected end of stream", "the quote that was opened {context} is not closed", None),
    (
        r"unknown escape character '(.)'",
        "\\{0} means nothing within double quotes",
        "use single quotes, or double the backslash",
    ),
    (r"undefined alias '(.*)'", "*{0} refers to an anchor that is not defined", _QUOTE),
    (r"alphabetic or numeric", "* and & have a meaning of their own in YAML", _QUOTE),
    (
        r"found '<stream end>'",
        "the file ends within a list or mapping that began {context}",
        "close it, or finish it",
    ),
    (
        r"expected '<document start>'",
        "a second value where the file should end",
        WHOLE,
    ),
    (r"another document", "a second document (---); a recipe is one", None),
    (r"incompatible YAML document", "expected YAML 1.2", "remove the %YAML line"),
)


def plain_words(error: MarkedYAMLError) -> tuple[str, str | None]:
    """What is wrong and how to fix it.

    Args:
        error: from ruamel's scanner, parser or composer.
    """
    problem = error.problem or "this is not YAML"
    mark = error.context_mark
    context = f"in line {mark.line + 1}" if mark else "before"
    for pattern, what, fix in _WORDS:
        if match := re.search(pattern, problem):
            return what.format(*match.groups(), context=context), fix
    return f"not valid YAML: {problem}", None
