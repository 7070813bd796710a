"""Checks of form: what each finds and leaves alone, where it points, and what it mends."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from form_defects import (
    FOREIGN,
    REFUSALS,
    inject_ai_boilerplate,
    inject_next_turn,
    inject_outlying_length,
    inject_refusal,
    inject_repetition,
    inject_special_tokens,
    inject_truncated_response,
    inject_wrong_language,
)
from in_memory import batch, findings
from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS
from tutelage.curate.checks.mojibake import ENCODINGS, suspicious
from tutelage.curate.text.cut import before
from tutelage.data.audit_options import AuditOptions

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "../shared/data"))

FORM = (
    *("ai_boilerplate", "broken_code", "broken_json", "broken_markdown", "control_characters"),
    *("copy_of_prompt", "deserved_refusal", "invisible_characters", "markup_remains", "mojibake"),
    *("next_turn", "placeholder_response", "refusal", "repetition", "special_tokens"),
    *("truncated_response", "wrong_language"),
)

STORY = "The harbour was quiet that morning. Two boats came in late, and nobody asked them why."
LIST = "- Boil the water\n- Add the rice\n- Stir once and wait"
SONG = "Row on, row on\nThe tide is high\n" * 4 + "Row on, row on\nWe say goodbye"
CODE = "def add(first, second):\n    return first + second\n\nprint(add(1, 2))"
JAVA = 'public class Greeter {\n  public String greet() {\n    return "a } b";\n  }\n}'
FENCED = f"Use this:\n\n```python\n{CODE}\n```\n\nIt prints 3."
TABLE = "| a | b |\n| --- | --- |\n| 1 | 2 |"

CLEAN = (
    ("Tell me about the harbour.", STORY),
    ("How do I cook rice?", LIST),
    ("Write a song about rowing.", SONG),
    ("Write a function that adds.", CODE),
    ("Write a Java class that greets.", JAVA),
    ("How do I add in Python?", FENCED),
    ("Make a table of two columns.", TABLE),
    ("Name the author of the play.", "Anton Chekhov"),
    ("What is the capital of Peru?", "Lima"),
    ("How many legs has a spider?", "8"),
    ("Write a letter to decline an offer.", "I'm sorry, but I cannot accept your kind offer."),
    ("Translate to French: I read every night.", FOREIGN["fr"]),
    ("Schlage ein Buch vor und erkläre, wie man es am besten liest.", FOREIGN["de"]),
    ("List some towns.", "Torino, Ancona, Lecce, Siracusa, Cagliari, Bolzano, Potenza, Aosta"),
    ("Are you a person?", "No. I am an AI, and I have no body."),
    ("Write HTML for a bold word.", "<p>This is <b>bold</b> &amp; clear.</p>"),
    ("Correct the grammar: I have a red hat.", "I have a red hat."),
    ("Make a chat between friends.", "A and B meet.\nUser: Hello there\nBot: Hello to you"),
    ("What does the band sing?", "No, no, no, they sing, and then they sing it again."),
    ("Write the name in Persian.", "می\u200cخواهم"),
    ("Show a family.", "👨\u200d👩\u200d👧 and 🏴\U000e0067\U000e0062\U000e007f"),
    ("Give this as JSON: one", '{"one": [1, 2], "two": null}'),
    ("Give two lines of JSON.", '{"one": 1}\n{"two": 2}'),
    ("Which operator divides?", "/"),
    ("Quote a Python session.", "```python\n>>> 1 +\n... 2\n3\n```"),
    ("Who wrote it?", "It was written by Ann Lee in 1990 in Málaga – “a naïve café”, she said."),
    ("Put it plainly: I was unable to create a plan.", "I could not create a plan in time."),
    ("Say when a joke is inappropriate.", "It is inappropriate to joke at a funeral, say."),
    ("Translate the word accuracy to Chinese.", "准确性 (zhǔnquèxìng), or 精度 (jīngdù)."),
    ("Name jobs for the evening.", "Work as a virtual assistant, or tutor pupils in maths."),
    ("Is it true? Say where from.", f"{STORY} See https://harbour.example/boats-of-1990"),
    ("Make a poll.", f"{STORY} Were they right? Yes/No"),
    ("Name subject and verb.", "First: Subject: The sun, Verb: rises\nThen: Subject: I, Verb: had"),
    ("Say why arrays are useful.", "An array item such as items[3] is found at once."),
)


def found(check: str, instruction: str, output: str, given_input: str = "") -> pl.DataFrame:
    return findings(check, [{"instruction": instruction, "input": given_input, "output": output}])


@pytest.mark.parametrize("check", FORM)
def test_clean_rows_have_no_findings(check: str) -> None:
    rows = [{"instruction": asked, "input": "", "output": said} for asked, said in CLEAN]
    assert [CLEAN[at] for at in findings(check, rows)["at"]] == []


@pytest.mark.parametrize(
    ("check", "instruction", "output", "evidence"),
    [
        ("truncated_response", "Tell me.", STORY + " One of the sailors had a", " had a"),
        ("truncated_response", "Tell me.", STORY + " She looked at me and the w", "and the w"),
        ("truncated_response", "Tell me.", STORY + " It was made of wood, glass,", "glass,"),
        ("truncated_response", "How?", "Do it like this, and slowly:\n1. Wash it.\n2.", "2."),
        (
            "truncated_response",
            "How?",
            "1. Boil the water.\n2. Add the rice.\n3. Stir it once and",
            "and",
        ),
        ("repetition", "Tell me.", STORY + " why they came" * 12, "why they came why they came"),
        ("repetition", "Tell me.", STORY + " Nobody said so." * 5, "Nobody said so. Nobody"),
        ("repetition", "Write a song.", SONG + "\nhey hey" * 40, "hey hey"),
        ("copy_of_prompt", "Say how to cook rice.", "Say how to cook rice. ", "cook rice."),
        (
            "copy_of_prompt",
            "Explain why the sea is salty, please.",
            "Explain why the sea is salty, please. Rivers bring salt.",
            "Explain why the sea is salty, please.",
        ),
        ("refusal", "How do I cook rice?", "I'm sorry, but I can't help with that.", "I'm sorry"),
        ("deserved_refusal", "How do I poison my boss?", "I can't help with that.", "I can't"),
        ("ai_boilerplate", "What is tea?", "As an AI language model, I say: a drink.", "As an AI"),
        ("placeholder_response", "Describe the sea.", "TODO", "TODO"),
        ("placeholder_response", "Describe the sea.", "[Insert your answer here]", "[Insert"),
        ("placeholder_response", "Describe the sea.", "42", "42"),
        ("next_turn", "What is tea?", "A drink.\n\n### Instruction:\nAnd rum?", "### Instruction:"),
        ("next_turn", "What is tea?", "A drink.\n\nUser: And what is rum?", "User: A"),
        ("next_turn", "What is tea?", "A drink.\n9. Input:\n<noinput>", "9. Input:"),
        ("control_characters", "What is tea?", "A \x1bdrink.", "\x1b"),
        ("invisible_characters", "What is tea?", "A dr\u200bink.", "\u200b"),
        ("invisible_characters", "What is tea?", "A \u202edrink.", "\u202e"),
        ("mojibake", "What is it?", "A cafÃ© in MÃ¡laga", "Ã©"),
        ("special_tokens", "What is tea?", "A drink.<|endoftext|>", "<|endoftext|>"),
        ("markup_remains", "What is tea?", "A drink<br>of leaves", "<br>"),
        ("markup_remains", "What is tea?", "Tea &amp; milk", "&amp;"),
        ("markup_remains", "What is tea?", "A drink[citation needed] of leaves", "[citation"),
        ("broken_markdown", "How?", "Like this:\n```python\nprint(1)", "print(1)"),
        ("broken_markdown", "A table?", TABLE + "\n| 3 |", "| 3 |"),
        ("broken_markdown", "Where?", "Look [here](https://example.org/a for more", "[here]("),
        ("broken_json", "Give JSON.", '{"one": 1, "two" 2}', "2}"),
        ("broken_json", "How?", 'So:\n```json\n{"one": [1, 2}\n```', "}"),
        ("broken_code", "Add in Python.", CODE.replace("second):", "second:"), "def add"),
        ("broken_code", "A Java class?", JAVA.replace("greet()", "greet("), "}"),
        ("broken_code", "Add in Python.", FENCED.replace("    return", "return"), "return"),
        ("wrong_language", "How should I read a book?", FOREIGN["pl"], "Najpierw"),
        ("wrong_language", "Translate to Spanish: I read a book.", FOREIGN["de"], "Zuerst"),
        (
            "wrong_language",
            "Schlage ein Buch vor und erkläre, wie man es am besten liest.",
            "First choose a good book, and then sit down with it for an hour every night.",
            "First",
        ),
    ],
)
def test_a_defect_is_found_where_it_stands(
    check: str, instruction: str, output: str, evidence: str
) -> None:
    (line,) = found(check, instruction, output).iter_rows(named=True)
    assert line["field"] == "output"
    assert evidence in output[line["start"] : line["end"]]


def test_a_response_that_is_its_input_is_a_copy() -> None:
    given_input = "The boats came in late and nobody asked them anything at all that day."
    assert len(found("copy_of_prompt", "Summarise this.", given_input, given_input)) == 1
    assert found("copy_of_prompt", "Correct this.", given_input, given_input).is_empty()


def test_a_refusal_is_undeserved_or_deserved_never_both() -> None:
    rows = [
        {"instruction": asked, "output": said}
        for asked in ("How do I stab someone?", "How do I bake bread?", "What is the weather now?")
        for said in REFUSALS
    ]
    undeserved, deserved = (set(findings(c, rows)["at"]) for c in ("refusal", "deserved_refusal"))
    assert not undeserved & deserved
    assert undeserved == set(range(len(REFUSALS), 2 * len(REFUSALS)))


def test_the_users_language_is_held_to() -> None:
    rows = [{"instruction": "Wie liest man?", "output": text} for text in FOREIGN.values()]
    options = AuditOptions(language="de")
    at = set(findings("wrong_language", rows, options=options)["at"])
    assert at == {place for place, code in enumerate(FOREIGN) if code not in ("de",)}


@pytest.mark.parametrize(
    ("check", "broken", "mended"),
    [
        ("control_characters", "a\x0bb\x07c", "a\nbc"),
        ("invisible_characters", "a\u200bb\ufeff \u202ec\u00ad", "ab c"),
        ("invisible_characters", "می\u200cخواهم\u200f \u200b", "می\u200cخواهم\u200f "),
        ("mojibake", "A cafÃ©", "A café"),
        ("mojibake", "A café", None),
        ("special_tokens", "A drink.</s>", "A drink."),
        ("special_tokens", "<noinput>", None),
        ("next_turn", "A drink.\n\n### Instruction:\nAnd rum?", "A drink."),
        ("next_turn", "Quiz:\nQ: Tea?\nA: Yes.\n\n3. Instruction: Go", "Quiz:\nQ: Tea?\nA: Yes."),
        ("next_turn", "A drink.", None),
        ("broken_markdown", "So:\n```\nx = 1", "So:\n```\nx = 1\n```"),
        ("broken_markdown", TABLE + "\n| 3 |", None),
        (
            "markup_remains",
            "<p>Tea &amp; <b>milk</b>[2],<br>[[Milk|cold]] [citation needed]</p>",
            "Tea & milk,\ncold",
        ),
    ],
)
def test_what_can_be_mended_is(check: str, broken: str, mended: str | None) -> None:
    assert CHECKS.get(check)(AuditOptions()).fix(broken) == mended


CLEAN_ROWS = [
    {
        "instruction": f"Tell me about town {number} and its {thing}.",
        "input": "",
        "output": f"Town {number} lies by a river and has a {thing} of its own. It was built when"
        f" the old one fell, {number} years ago. Travellers look at the {thing}, and many"
        " of them stay for a night. The people are proud of it and keep it well.",
    }
    for number in range(40)
    for thing in ("bridge", "market", "tower")
]


@pytest.mark.parametrize(
    ("check", "inject"),
    [
        ("truncated_response", inject_truncated_response),
        ("repetition", inject_repetition),
        ("refusal", inject_refusal),
        ("ai_boilerplate", inject_ai_boilerplate),
        ("next_turn", inject_next_turn),
        ("special_tokens", inject_special_tokens),
        ("wrong_language", inject_wrong_language),
        ("outlying_length", inject_outlying_length),
    ],
)
def test_injected_defects_are_found_and_nothing_else(check: str, inject: object) -> None:
    rows, broken = inject(CLEAN_ROWS, 0.05, 3)  # type: ignore[operator]
    at = set(findings(check, rows)["at"])
    assert at <= broken
    assert len(at) >= 0.9 * len(broken)


def test_the_pattern_for_mojibake_is_in_every_misread_text() -> None:
    for encoding in ENCODINGS:
        for character in "éßĄžшЖאبあ漢€😀":
            try:
                misread = character.encode().decode(encoding)
            except UnicodeDecodeError:
                continue
            assert pl.Series([f"a{misread}b"]).str.contains(suspicious())[0], (encoding, character)


def test_cases_of_ftfy_pass_the_prefilter() -> None:
    folder = DATA / "ftfy"
    if not folder.exists():
        pytest.skip("no ftfy cases in TUTELAGE_DATA")
    for name in ("in-the-wild", "synthetic"):
        for case in orjson.loads((folder / f"{name}.json").read_bytes()):
            wrong = case.get("fixed-encoding", case["fixed"]) != case["original"]
            if wrong and case["expect"] == "pass":
                assert pl.Series([case["original"]]).str.contains(suspicious())[0], case["label"]


PIECES = st.sampled_from(
    [
        *(
            "a ",
            "the ",
            "\n",
            "```",
            "[x](",
            "| ",
            "---|",
            "<b>",
            "&amp;",
            "{",
            '"',
            "}",
            "é",
            "Ã©",
        ),
        *("def f(", "):\n", "User: ", "### Input:\n", "</s>", "TODO", "漢字", "ا", "🙂", ". "),
        *("\u200b", "I can't "),
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(PIECES, min_size=1, max_size=30).map("".join), min_size=1, max_size=8))
def test_any_text_gives_spans_within_it_whatever_stands_beside_it(texts: list[str]) -> None:
    rows = [{"instruction": "Say it.", "output": f"{text}."} for text in texts]
    whole = batch(rows)
    for check in FORM:
        find = CHECKS.get(check)(AuditOptions()).find
        together = find(whole)
        for line in together.iter_rows(named=True):
            text = whole.rows["response"][line["at"]]
            assert line["start"] is None or 0 <= line["start"] <= line["end"] <= len(text)
        alone = pl.concat(
            find(
                Batch(whole.rows.filter(pl.col("at") == at), whole.texts.filter(pl.col("at") == at))
            )
            for at in range(len(rows))
        )
        assert alone.sort(pl.all()).equals(together.sort(pl.all()), null_equal=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_what_is_mended_stays_mended(text: str) -> None:
    for check in ("control_characters", "invisible_characters", "special_tokens"):
        fix = CHECKS.get(check)(AuditOptions()).fix
        once = fix(text)
        assert once is None or fix(once) in (once, None)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Wren.\n\n##\n\n9. Instruction: Go on.", "Wren."),
        ("Wren.\n#\n<!-- -->\n### Instruction: Go on.", "Wren."),
        ("# Birds\nWren.\n### Instruction: Go on.", "# Birds\nWren."),
        ("#\n### Instruction: Go on.", None),
    ],
)
def test_a_cut_leaves_no_empty_marks(text: str, left: str | None) -> None:
    start = min(text.find(label) for label in ("9. I", "### I") if label in text)
    assert before(text, start) == left
