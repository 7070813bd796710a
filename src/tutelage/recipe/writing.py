"""Options as YAML that reads back as the same options.

One writer serves the resolved recipe of a run folder and the values of a commented template, so
that both are read by the same rules. It is ours because ruamel's loses some texts on the way
(U+0085, for one, comes back as spaces) and folds long lines, which a template comments out one by
one. A text is plain where nothing in it could mean anything else, in double quotes otherwise.
"""

from __future__ import annotations

import re
from typing import Any

_PLAIN = re.compile(r"[^\W\d][\w./*@+ -]*(?::[\w./*@+-]+)*|/[\w./*@+-]*")
_NOT_TEXT = frozenset({"null", "true", "false"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def yaml_lines(values: dict[str, Any], indent: str = "") -> list[str]:
    """The values as lines of YAML 1.2.

    Args:
        values: plain values, as `model_dump(mode="json")` gives them; finite numbers.
        indent: put before every line.
    """
    lines: list[str] = []
    for key, value in values.items():
        name = f"{indent}{_scalar(key)}:"
        if _is_block(value):
            lines += [name, *yaml_lines(value, f"{indent}  ")]
        elif isinstance(value, list) and value and all(_is_block(item) for item in value):
            lines.append(name)
            for item in value:
                first, *rest = yaml_lines(item, f"{indent}    ")
                lines += [f"{indent}  - {first.lstrip()}", *rest]
        else:
            lines.append(f"{name} {_flow(value)}")
    return lines


def _is_block(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(inner)}' for key, inner in value.items())}}}"
    return _scalar(value)


def _scalar(value: str | int | float | bool | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if _PLAIN.fullmatch(value) and not value.endswith(" ") and value.lower() not in _NOT_TEXT:
        return value
    return f'"{"".join(map(_escaped, value))}"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"
