"""Question and answer, with a context where there is one; SQuAD's files among them.

The context comes before the question, in one user turn. Several acceptable answers become the
references, the first of them the response. SQuAD nests questions in paragraphs in articles; each
question is a row. A multiple-choice row is refused: its answer is a number or letter that says
nothing without the choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.data.conversation import assistant, joined, system_turn, user
from tutelage.data.fates import Reason
from tutelage.data.format import FORMATS, Draft, Format, refolded
from tutelage.data.options import SourceOptions
from tutelage.data.rows import BadRow, Row, wrong

CHOICES = re.compile(r"choices?(_?[0-9a-z])?|options?(_?[0-9a-z])?", re.IGNORECASE)


def unfold(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The questions of a SQuAD article; any other record is a row itself."""
    if "paragraphs" not in record:
        return [record]
    paragraphs = record["paragraphs"]
    try:
        return [
            {"title": record.get("title"), "context": paragraph["context"], **question}
            for paragraph in paragraphs
            for question in paragraph["qas"]
        ]
    except (TypeError, KeyError) as error:
        raise wrong(
            "paragraphs", paragraphs, "a list of {context, qas: [{question, …}]}"
        ) from error


def fold(
    record: Mapping[str, Any], rows: Sequence[Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    """The article with the questions that are left, as they are now."""
    if "paragraphs" not in record:
        return rows[0]
    left = list(rows)
    paragraphs = []
    for paragraph in record["paragraphs"]:
        own, left = left[: len(paragraph["qas"])], left[len(paragraph["qas"]) :]
        questions = refolded(paragraph["qas"], own)
        if questions:
            paragraphs.append({**paragraph, "qas": questions})
    return {**record, "paragraphs": paragraphs} if paragraphs else None


def read(row: Row, options: SourceOptions) -> Draft:
    """Read one row; `context` and `system` may be missing."""
    _refuse_choices(row)
    prompt = joined(row.optional_text("context"), row.text("question"))
    answers = _answers(row)
    messages = (*system_turn(row), user(prompt), assistant(answers[0]))
    return Draft(messages, references=answers if len(answers) > 1 else ())


def _refuse_choices(row: Row) -> None:
    for field in row.values:
        if CHOICES.fullmatch(field) and row.get(field) is not None:
            fix = "write question and choices as one text, and the answer in words"
            raise wrong(field, row.get(field), "a question with a free answer", fix)


def _answers(row: Row) -> tuple[str, ...]:
    """The distinct answers: a text, a list of them, or SQuAD's `{"text": […]}`."""
    field = "answers" if row.get("answers") is not None else "answer"
    value = row.get(field)
    if isinstance(value, Mapping) and "text" in value:
        value = value["text"]
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not listed:
        raise BadRow(Reason.EMPTY_FIELD, field, "an empty list", "at least one answer")
    texts = [
        item["text"] if isinstance(item, Mapping) and "text" in item else item for item in listed
    ]
    return tuple(dict.fromkeys(row.as_text(text, field) for text in texts))


FORMATS.register("question_answer")(
    Format(
        "question_answer",
        (
            frozenset({"question", "answer"}),
            frozenset({"question", "answers"}),
            frozenset({"paragraphs"}),
        ),
        read,
        unfold,
        fold,
    )
)
