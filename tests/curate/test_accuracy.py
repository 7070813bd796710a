"""Answers: choices answered with none of the options, numbers that the source does not give,
responses that are about something else."""

from __future__ import annotations

import pytest

from in_memory import findings
from tutelage.curate.accuracy.options import is_outside, options

SOURCE = (
    "The harbour bridge was opened on 4 May 1932 by the mayor and carried 1,200 cars on its first"
    " day and twelve trams, while in 1954 the trams were replaced by buses, which cost 4.5 million."
)

OUTSIDE = [
    ("Classify the review as positive, negative or neutral.", "Banana"),
    ('Output "spam" or "ham".', "Rainbow"),
    ("Is this statement true or false? Output true or false.", "A fruit"),
    ("Output 1 for true and 0 for false.", "7"),
    ("Decide whether the animal is a mammal or a bird.", "Granite."),
]
INSIDE = [
    ("Classify the review as positive, negative or neutral.", "It is negative."),
    ("Classify the sentence as fact or opinion.", "Factual"),
    ('Output "spam" or "ham".', "Ham."),
    ("Answer yes or no.", "No, it is not."),
    ("Decide whether the animal is a mammal or a bird.", "Neither"),
    ("Write a story or a poem.", "Once upon a time"),
    ("Name one or two rivers.", "Rhine"),
    (
        "Classify the tone as formal or informal.",
        "The tone of it is, I would say after thought, odd.",
    ),
]


@pytest.mark.parametrize(("instruction", "response"), OUTSIDE)
def test_an_answer_outside_the_options_is_found(instruction: str, response: str) -> None:
    row = {"instruction": instruction, "input": "It was a long film.", "output": response}
    assert findings("answer_outside_options", [row])["field"].to_list() == ["output"]


@pytest.mark.parametrize(("instruction", "response"), INSIDE)
def test_an_answer_among_the_options_is_left_alone(instruction: str, response: str) -> None:
    assert not is_outside(response, options(instruction))


@pytest.mark.parametrize("summary", ["It opened in 1923.", "In 1932 some 1,300 cars passed."])
def test_a_number_copied_wrongly_is_found_with_its_place(summary: str) -> None:
    row = {"instruction": "Summarize the text.", "input": SOURCE, "output": summary}
    finding = findings("unsupported_number", [row]).row(0, named=True)
    assert summary[finding["start"] : finding["end"]] in {"1923", "1,300"}


@pytest.mark.parametrize(
    "summary",
    [
        "Opened in 1932, it carried 1200 cars and 12 trams.",
        "1. It opened.\n2. After 22 years, in 1954, buses came.",
        "It has 2 sides.",
    ],
)
def test_numbers_that_follow_from_the_source_are_left_alone(summary: str) -> None:
    row = {"instruction": "Summarize the text.", "input": SOURCE, "output": summary}
    assert findings("unsupported_number", [row]).is_empty()


def test_tasks_that_work_numbers_out_are_left_alone() -> None:
    row = {"instruction": "Calculate the total.", "input": SOURCE, "output": "3,486"}
    assert findings("unsupported_number", [row]).is_empty()


SUBJECTS = (
    *("volcanoes", "bread", "violins", "glaciers", "chess", "bicycles", "coral reefs", "elections"),
    *("vaccines", "tides", "cheese", "bridges", "beekeeping", "telescopes", "taxes", "dinosaurs"),
    *("tea", "earthquakes", "football", "photosynthesis", "railways", "pottery", "whales", "poker"),
    "mortgages",
)


def test_exchanged_responses_are_about_something_else() -> None:
    pytest.importorskip("wordllama")
    forms = [
        ("How would you explain {} to a beginner?", "People who know {} begin with what one sees."),
        ("Why do some people like {} so much?", "For many of them {} bring back their childhood."),
        ("Who studied {} first?", "Scholars wrote about {} long before there were schools."),
        ("What is hard to grasp about {}?", "Most find that {} are simpler than they look."),
    ]
    rows = [
        {"instruction": asked.format(subject), "output": said.format(subject)}
        for asked, said in forms
        for subject in SUBJECTS
    ]
    assert findings("unrelated_response", rows).is_empty()
    exchanged = list(range(0, len(rows), 10))
    for place, other in zip(exchanged, exchanged[1:] + exchanged[:1], strict=True):
        subject = SUBJECTS[(other + 3) % len(SUBJECTS)]
        rows[place]["output"] = f"The best {subject} come from the north, where {subject} abound."
    found = findings("unrelated_response", rows)
    assert set(found["at"]) <= set(exchanged)
    assert len(found) >= len(exchanged) / 2


def test_few_rows_are_not_judged() -> None:
    pytest.importorskip("wordllama")
    row = {"instruction": "How do volcanoes erupt?", "output": "A baker kneads dough at night."}
    assert findings("unrelated_response", [row]).is_empty()
