"""The demo's hand-written rows, half A: sentiment, contacts, headlines, short answers, topics.

With 24 test items a task, one wrong row costs four points. So each answer is checked against its
own row (label listed, value copied, format kept), labels are balanced and mixed, and duplicates
are looked for across every file of the folder. The general prose has to stay unlike the tasks, or
it would measure learning where forgetting is meant.
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest
from rapidfuzz import fuzz, process

DEMO = files("tutelage") / "demo"
FOLDER = DEMO / "instructions"
SIZES = {
    "sentiment": 75,
    "contact_to_json": 75,
    "headline": 75,
    "short_answer": 75,
    "topic": 24,
}
LABELS = {
    "sentiment": {"positive": 25, "negative": 25, "mixed": 25},
    "topic": {"sports": 6, "science": 6, "business": 6, "arts": 6},
}


def rows(task: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def tasks_present() -> list[str]:
    names = [entry.name for entry in FOLDER.iterdir()]
    return sorted(name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl"))


def paragraphs() -> list[str]:
    lines = (DEMO / "general.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert all(list(row) == ["text"] for row in found)
    return [row["text"] for row in found]


def normalised(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", plain))


def is_verbatim(span: str, text: str) -> bool:
    """Whether `span` occurs in `text` as whole words, case included."""
    return re.search(rf"(?<!\w){re.escape(span)}(?!\w)", text) is not None


@pytest.mark.parametrize("task", SIZES)
def test_each_task_has_its_rows_with_the_four_keys_and_clean_text(task: str) -> None:
    found = rows(task)
    assert len(found) == SIZES[task]
    for row in found:
        assert list(row) == ["instruction", "input", "output", "task"]
        assert row["task"] == task
        for key in ("instruction", "input", "output"):
            assert row[key]
            assert row[key] == row[key].strip()
            assert "  " not in row[key]
            assert row[key].isascii(), "straight quotes and plain letters only"


@pytest.mark.parametrize("task", SIZES)
def test_questions_and_answers_are_short(task: str) -> None:
    """Characters stand in for tokens: the longest answer is 23 of the embedded model's tokens."""
    found = rows(task)
    lengths = [len(f"{row['instruction']} {row['input']}".split()) for row in found]
    assert max(lengths) <= 45
    assert sum(lengths) / len(lengths) <= 37
    assert max(len(row["output"]) for row in found) <= 90


@pytest.mark.parametrize("task", SIZES)
def test_eight_phrasings_share_the_rows_evenly(task: str) -> None:
    counts = Counter(row["instruction"] for row in rows(task))
    assert len(counts) == 8
    assert max(counts.values()) - min(counts.values()) <= 1


def test_no_row_repeats_another_in_any_file() -> None:
    names = [
        (task, row["input"] or row["instruction"]) for task in tasks_present() for row in rows(task)
    ]
    texts = [normalised(text) for _, text in names]
    assert not [text for text, count in Counter(texts).items() if count > 1]
    for index, (task, text) in enumerate(names):
        if task not in SIZES:
            continue
        alike = process.extract(texts[index], texts, scorer=fuzz.ratio, score_cutoff=75, limit=None)
        assert [found for _, _, found in alike] == [index], f"{text!r} is too like {alike}"


@pytest.mark.parametrize("task", LABELS)
def test_labels_are_balanced_mixed_and_listed_in_the_instruction(task: str) -> None:
    found = rows(task)
    answers = [row["output"] for row in found]
    assert Counter(answers) == LABELS[task]
    assert max(len(list(run)) for _, run in itertools.groupby(answers)) <= 3
    for row in found:
        assert set(normalised(row["instruction"]).split()) >= set(LABELS[task])
        assert not set(normalised(row["input"]).split()) & set(LABELS[task]), "the label leaks"


@pytest.mark.parametrize("task", LABELS)
def test_no_phrasing_gives_the_label_away(task: str) -> None:
    pairs = Counter((row["instruction"], row["output"]) for row in rows(task))
    per_phrasing = SIZES[task] / 8
    assert max(pairs.values()) <= max(3, 0.6 * per_phrasing)


def test_contacts_are_compact_json_of_values_copied_from_the_sentence() -> None:
    found = rows("contact_to_json")
    keys = ["name", "company", "city"]
    for row in found:
        contact = json.loads(row["output"])
        assert list(contact) == keys
        assert row["output"] == json.dumps(contact, separators=(",", ":"))
        for value in contact.values():
            assert is_verbatim(value, row["input"])
        named = [word for word in re.findall(r"\w+", row["instruction"]) if word in keys]
        assert named == keys
    for key in keys:
        values = [json.loads(row["output"])[key] for row in found]
        assert len(set(values)) == len(values), f"a {key} occurs twice"


def test_headlines_keep_the_house_style() -> None:
    for row in rows("headline"):
        headline = row["output"]
        words = headline.split()
        assert 4 <= len(words) <= 8, headline
        assert headline[0].isupper() or headline[0].isdigit()
        assert headline[-1].isalnum()
        assert words[0].lower() not in {"a", "an", "the"}
        assert not {"will", "has", "have", "was", "were"} & set(words), "present tense"
        # Sentence case: past the first word, a capital is there only if the notice has it too.
        for word in words[1:]:
            assert word.islower() or is_verbatim(word, row["input"]), headline
        assert re.search(r"\b(8|eight)\b", row["instruction"])
        assert "present" in row["instruction"].lower()


def test_headlines_say_what_the_notice_says() -> None:
    """At least half of a headline's longer words share their first four letters with the notice."""
    for row in rows("headline"):
        stems = {word[:4] for word in normalised(row["input"]).split()}
        content = [word for word in normalised(row["output"]).split() if len(word) > 3]
        assert sum(word[:4] in stems for word in content) >= len(content) / 2, row["output"]


def test_short_answers_are_bare_words_of_the_passage() -> None:
    for row in rows("short_answer"):
        passage, question = row["input"].split("\nQuestion: ")
        answer = row["output"]
        assert question.endswith("?")
        assert "\n" not in passage
        assert is_verbatim(answer, passage), answer
        assert not is_verbatim(answer, question), answer
        assert 1 <= len(answer.split()) <= 3
        assert not re.match(r"(a|an|the|at|in|on|by|from|to)\b", answer, re.IGNORECASE)
        assert answer[-1].isalnum()


def test_general_prose_is_sixty_different_paragraphs_of_ordinary_length() -> None:
    texts = paragraphs()
    assert len(texts) == 60
    for text in texts:
        assert 50 <= len(text.split()) <= 80
        assert text.isascii()
        assert "\n" not in text
    openings = Counter(" ".join(text.split()[:3]) for text in texts)
    assert max(openings.values()) == 1
    for index, text in enumerate(texts):
        alike = process.extract(
            text, texts, scorer=fuzz.token_set_ratio, score_cutoff=75, limit=None
        )
        assert [found for _, _, found in alike] == [index]


def test_general_prose_holds_no_sentence_of_the_tasks() -> None:
    prose = [normalised(text) for text in paragraphs()]
    for task in tasks_present():
        for row in rows(task):
            text = normalised(row["input"] or row["instruction"])
            best = process.extractOne(text, prose, scorer=fuzz.partial_ratio)
            assert best[1] < 75, f"{row['input']!r} is too like {best[0]!r}"
