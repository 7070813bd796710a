"""What is vague, dangling, fused, contradictory or misplaced in a prompt is found; what is clear is
left alone."""

from __future__ import annotations

import pytest

from in_memory import findings
from tutelage.curate.check import CHECKS
from tutelage.data.audit_options import AuditOptions

FOUND: dict[str, list[tuple[str, str, str]]] = {
    "vague_instruction": [
        ("Write an essay.", "", "Once."),
        ("Explain it.", "", "It is so."),
        ("Suggest a name for the product.", "", "Foo"),
        ("Make it better.", "", "Better."),
    ],
    "underspecified_instruction": [
        ("Summarise this article.", "A long article about boats.", "Boats."),
        ("Rewrite the following sentence.", "He went.", "He left."),
        ("Write an essay about honesty.", "", "Honesty…"),
    ],
    "dangling_reference": [
        ("Summarise the following article.", "", "It is about boats."),
        ("What does the picture show? Describe what is in the image.", "", "A boat."),
        ("Find the errors in this code.", "n/a", "Line 3."),
        ("How could this logo be better?", "[Image of a logo]", "Larger."),
        ("Sort these words by length.", "", "a, bb"),
    ],
    "unreachable_link": [
        ("Summarise the article.", "https://news.example.org/a/1", "It is about boats."),
        ("Summarise this page: https://news.example.org/a/1", "", "It is about boats."),
    ],
    "placeholder_input": [
        ("Name a bird.", "No input", "Wren"),
        ("Name a bird.", "<noinput>", "Wren"),
        ("Name a bird.", "N/A", "Wren"),
    ],
    "fused_tasks": [
        ("Write a poem about spring. What is the capital of Chile?", "", "…"),
        ("1. Translate 'tree' into French. 2. List three planets.", "", "…"),
    ],
    "merged_rows": [
        ("Name a bird.", "", "Wren\n\n\n6. Instruction: Name a fish.\n6. Input:"),
    ],
    "contradictory_demands": [
        ("Write a formal and casual letter to my landlord.", "", "Hi"),
        ("Explain tides. Be brief. Go into full detail.", "", "Tides…"),
    ],
    "misplaced_instruction": [
        ("The harbour was built in 1901 by two brothers.", "Translate this into Spanish.", "…"),
        ("Paris has been the capital for centuries.", "", "What is the capital of France?"),
    ],
}

LEFT_ALONE: dict[str, list[tuple[str, str, str]]] = {
    "vague_instruction": [
        ("Write an essay about bees.", "", "Bees."),
        ("Summarize this.", "A text about bees that is here.", "Bees."),
        ("Explain gravity.", "", "It pulls."),
        ("Write a SQL query that returns the name of the product.", "", "SELECT 1"),
    ],
    "underspecified_instruction": [
        ("Summarise this article in two sentences.", "Boats.", "Boats."),
        ("Rewrite the following sentence in the past tense.", "He goes.", "He went."),
        ("Write a short story about a dog.", "", "Rex."),
    ],
    "dangling_reference": [
        ("Write a poem about the following: the sea at night.", "", "Waves."),
        ("Which of the following is a fruit? Apple, spoon, car.", "", "Apple"),
        ('Translate this sentence: "I am here."', "", "Estoy aquí."),
        ("Correct this sentence:\nHe go home.", "", "He goes home."),
        ("Write a function that reverses the given string.", "", "def f(s): ..."),
        ("Write a story. In this story, a dog speaks.", "", "Woof."),
        ("Describe a day for someone following a vegan diet.", "", "Oats."),
        ("Name a tree. Repeat the sentence above first.", "", "Name a tree. Oak."),
        ("Sort the numbers in this list: 3, 1, 2", "", "1, 2, 3"),
    ],
    "unreachable_link": [
        ("Write an HTML link.", "https://example.com", "<a>"),
        ("What domain is this URL in?", "https://example.com/a", "example.com"),
        ("Summarise.", f"{'Boats sail well. ' * 20} Source: https://example.org", "Boats sail."),
    ],
    "placeholder_input": [
        ("Name a bird.", "", "Wren"),
        ("Translate the word.", "empty", "leer"),
        ("Continue.", "No input from users was ever stored.", "…"),
    ],
    "fused_tasks": [
        ("Name a bird. Explain your choice.", "", "Wren"),
        ("Imagine you are a baker. Describe your morning.", "", "Dough."),
        ("Write a poem about the sea. Use rhyme.", "", "…"),
        ("Name a river in Peru. Please give exactly two different responses.", "", "…"),
        ("Write a resume for a nurse. Highlight at least 3 sections in markdown.", "", "…"),
        ("Who wrote Emma? When was it published?", "", "1815"),
        ("Make JSON of this customer.\n\nName: Ann Lee, Age: 27", "", '{"name": "Ann Lee"}'),
    ],
    "merged_rows": [
        (
            "Make an example task with instruction and input.",
            "",
            "A task:\n\nInstruction: Add 1 and 2",
        ),
        ("List steps.", "", "1. Input the code.\n2. Output appears."),
    ],
    "contradictory_demands": [
        ("Is this letter formal or informal?", "Dear Sir", "Formal"),
        ("Change the sentence from past tense to present tense.", "He went.", "He goes."),
        ("Compare formal and casual dress.", "", "…"),
    ],
    "misplaced_instruction": [
        ("Answer the question.", "What is the capital of France?", "Paris"),
        ("Turn this statement into a question: He is here.", "", "Is he here?"),
        ("Classify the following.", "Write a poem about the sea.", "imperative"),
    ],
}


@pytest.mark.parametrize("check", FOUND)
def test_what_is_wrong_is_found(check: str) -> None:
    rows = [dict(zip(("instruction", "input", "output"), row, strict=True)) for row in FOUND[check]]
    found = findings(check, rows)
    assert sorted(found["at"].unique().to_list()) == list(range(len(rows)))
    for at, field, start, end in found.select("at", "field", "start", "end").iter_rows():
        assert field in rows[at]
        if start is not None:
            assert rows[at][field][start:end].strip()


@pytest.mark.parametrize("check", LEFT_ALONE)
def test_what_is_clear_is_left_alone(check: str) -> None:
    names = ("instruction", "input", "output")
    rows = [dict(zip(names, row, strict=True)) for row in LEFT_ALONE[check]]
    assert [rows[at]["instruction"] for at in findings(check, rows)["at"]] == []


def test_a_summary_is_told_to_name_length_and_focus() -> None:
    row = {"instruction": "Summarise this article", "input": "Boats sail.", "output": "Boats."}
    finding = findings("underspecified_instruction", [row]).row(0, named=True)
    assert "length" in finding["detail"]
    assert "focus" in finding["detail"]
    assert finding["score"] == pytest.approx(1 - 0.5 * 0.7)
    assert finding["suggestion"].startswith("Name length and focus: `Summarise this article`")


def test_fixes_leave_what_is_right() -> None:
    merged = CHECKS.get("merged_rows")(AuditOptions())
    assert merged.fix("Wren\n\n\n6. Instruction: Name a fish.") == "Wren"
    assert merged.fix("\n\n6. Instruction: Name a fish.") is None
    assert CHECKS.get("placeholder_input")(AuditOptions()).fix("No input") == ""


def test_a_question_after_earlier_turns_may_point_back() -> None:
    turns = [
        ("user", "Here is a poem: …"),
        ("assistant", "Nice."),
        ("user", "Summarize this poem."),
    ]
    messages = [{"role": role, "content": text} for role, text in [*turns, ("assistant", "So.")]]
    assert findings("dangling_reference", [{"messages": messages}]).is_empty()
    assert findings("vague_instruction", [{"messages": messages}]).is_empty()
