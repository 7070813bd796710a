"""Any table, by a mapping from our fields to its columns (`columns:` of the source).

The instruction is a column's or the source's own `instruction`, which a table of inputs alone
needs; the input follows it after a blank line. With references and no response, the first
reference is the response.
"""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.data.conversation import assistant, joined, system_turn, user
from tutelage.data.format import FORMATS, Draft, Format
from tutelage.data.options import SourceOptions
from tutelage.data.rows import Row


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row by the source's mapping, which is known to be complete."""
    column = {field: name for field, name in options.columns.items() if isinstance(name, str)}
    references = _texts(row, options.columns.get("references"))
    answer = row.text(column["response"]) if "response" in column else next(iter(references), None)
    messages = [
        *(system_turn(row, column["system"]) if "system" in column else []),
        user(_prompt(row, column, options.instruction)),
        *([] if answer is None else [assistant(answer)]),
    ]
    return Draft(
        tuple(messages),
        negatives=_texts(row, options.columns.get("negative")),
        references=references,
        task=row.text(column["task"]) if "task" in column else None,
    )


def _prompt(row: Row, column: dict[str, str], instruction: str | None) -> str:
    """Instruction and input; the input may be empty only where there is an instruction."""
    if "instruction" in column:
        instruction = joined(instruction, row.text(column["instruction"]))
    if "input" not in column:
        return joined(instruction)
    if instruction is None:
        return row.text(column["input"])
    return joined(instruction, row.optional_text(column["input"]))


def _texts(row: Row, columns: str | list[str] | None) -> tuple[str, ...]:
    """The distinct texts in one or several columns, each a text or a list of them."""
    found: list[str] = []
    for name in [columns] if isinstance(columns, str) else columns or []:
        value = row.get(name)
        listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        found += [row.as_text(item, name) for item in listed]
    return tuple(dict.fromkeys(found))


FORMATS.register("columns")(Format("columns", (), read))
