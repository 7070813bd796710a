"""Defects of instructions put into clean rows: vague, dangling, fused, misplaced and so on.

As in `tests/defects.py`. Rows have the fields `instruction`, `input` and `output`. The phrases are
ours, written from what people ask rather than from the patterns of the checks, so that recall says
something.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from defects import Injected, Row, drawn

NO_INPUTS = (
    *("no input", "No Input", "NO INPUT", "<no input>", "<noinput>", "(no input)", "[No input]"),
    *("noinput", "No input.", "No input required", "no input needed.", "N/A", "n/a", "N.A.", "NA"),
    *("None", "none.", "<none>", "null", "NULL", "nil", "Not applicable", "not applicable."),
    *("- none -", "empty", "(empty)", "No context", "no data", "No text provided", "<No Input>."),
    *("No input provided", "[none]", "NaN", "Not provided", "(blank)", "No additional input"),
)

DANGLING = (
    "Summarise the following article in two sentences.",
    "Describe what happens in the picture.",
    "Translate the sentence below into Polish.",
    "What is the mood of this poem?",
    "Answer the question using the attached report.",
    "Read the passage and name its main idea.",
    "Count the adjectives in the following paragraph.",
    "Explain the chart above to a newcomer.",
    "Find the errors in this code.",
    "Who is the narrator of this story?",
    "Using the table below, find the cheapest flight.",
    "Proofread this email.",
    "Write a caption for the attached photo.",
    "Decide whether the following review is positive or negative.",
    "What does the text say about the harbour?",
    "Rank these films by how well they were received.",
    "Put the following words in alphabetical order.",
    "Suggest a better title for this essay.",
    "Identify the speaker in the given dialogue.",
    "List the ingredients mentioned in the recipe above.",
    "Turn the conversation into indirect speech.",
    "What breed is the dog in this image?",
    "Extract all dates from the document.",
    "Rewrite this paragraph so that a child understands it.",
    "Solve the following equation.",
    "Give feedback on the enclosed cover letter.",
)

VAGUE = (
    *("Write.", "Explain it.", "Do it again.", "Summarize this.", "Help me.", "Tell me more."),
    *("Write an essay.", "Write a story.", "Make a list.", "Generate some text.", "Fix it."),
    *("Create a table.", "Give me an example.", "Write a letter.", "Draft an email.", "Continue."),
    *("Describe something.", "Write about a topic.", "Explain the concept.", "Make it better."),
    *("Come up with a title.", "Write code.", "Write a program.", "Compare them.", "Edit this."),
    *("Give advice.", "Translate.", "Classify these.", "Write a good article.", "Improve it."),
    *("Analyze the topic.", "Create a short quiz.", "Discuss this subject in detail."),
    *("Write a review of the product.", "Say something about it.", "Do something with this."),
    *("Provide a description.", "Rewrite it in a different way.", "Generate a response."),
    *("Find the answer.", "Give some information about a given topic.", "Complete the task."),
    *("Write three paragraphs on a subject.", "Design something.", "Explain how it works."),
    *("Answer the question.", "Prepare a presentation.", "Suggest a few things."),
)

UNDERSPECIFIED = (
    "Summarize the following text.",
    "Summarise this article.",
    "Give me a summary of the passage.",
    "Please summarize the story below.",
    "Can you summarise this report?",
    "Write an essay about honesty.",
    "Compose an article on the history of tea.",
    "Write a report on noise in cities.",
    "Write a story about a lighthouse keeper.",
    "Write a blog post on houseplants.",
    "Write a persuasive speech about voting.",
    "Rewrite the following sentence.",
    "Edit this paragraph.",
    "Improve the text below.",
    "Revise the given passage.",
    "Analyse the following poem.",
    "Evaluate this argument.",
    "Review the essay.",
    "Classify the following items.",
    "Categorize these words.",
    "Rate the following story.",
    "Change this sentence.",
    "Provide a summary of the conversation.",
    "Generate a report about the harvest.",
)

CONTRADICTIONS = (
    ("Be brief.", "Explain every point in full detail."),
    ("Use a formal tone.", "Write in a casual way."),
    ("Answer in one word.", "Give a detailed explanation."),
    ("Keep it serious.", "Be funny throughout."),
    ("Write it in the first person.", "Use the third person."),
    ("Use the past tense.", "Keep to the present tense."),
    ("Write in prose.", "Make every line rhyme."),
    ("Sort the points in ascending order.", "Sort them in descending order."),
    ("Stay neutral.", "Take a clear side."),
    ("Use simple words.", "Use highly technical academic vocabulary."),
    ("Do not give any examples.", "Include several examples."),
    ("Answer only in English.", "Answer in French."),
    ("Do not use bullet points.", "Present it as a bulleted list."),
    ("Sound optimistic.", "Be pessimistic about the outcome."),
    ("Keep it very short.", "Write at great length."),
    ("Use British spelling.", "Use American spelling."),
    ("Do not mention any numbers.", "Give exact figures."),
)

LINKS = (
    "https://www.example-news.com/2021/03/harbour-plan",
    "http://blog.example.org/posts/1284",
    "www.example-museum.net/collection/item?id=77",
    "Link: https://docs.example.com/reports/q3.pdf",
    "https://en.wikipedia.example/wiki/Lighthouse",
    "![photo](https://images.example.com/a/b/c.jpg)",
    "Article URL: https://journal.example.edu/v12/i3/p45.html",
)

REFERS = r"(?i)\b(?:the following|this|these|the given|the provided|below)\b(?! (?:task|day|year))"
OF_MATERIAL = r"(?i)\b(?:article|passage|text|paragraph|story|poem|essay|document|excerpt|review)\b"

Change = Callable[[Row, random.Random], dict[str, str]]


def inject_placeholder_input(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Empty inputs say that there is none."""
    return _changed(
        rows,
        rate,
        seed,
        lambda row: not row["input"],
        lambda _, draw: {"input": draw.choice(NO_INPUTS)},
    )


def inject_lost_input(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instructions that point at their input have lost it."""

    def points(row: Row) -> bool:
        text = row["instruction"]
        alone = not re.search(r"[\"“':\n]|\d", text)
        return bool(row["input"].strip()) and alone and re.search(REFERS, text) is not None

    return _changed(rows, rate, seed, points, lambda *_: {"input": ""})


def inject_dangling_reference(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instructions of ours that point at what is not there."""
    return _replaced(rows, rate, seed, DANGLING)


def inject_vague_instruction(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instructions that name nothing."""
    return _replaced(rows, rate, seed, VAGUE)


def inject_underspecified_instruction(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instructions that leave length, focus or criteria open; inputs stay."""
    return _changed(
        rows,
        rate,
        seed,
        lambda row: True,
        lambda _, draw: {"instruction": draw.choice(UNDERSPECIFIED)},
    )


def inject_fused_tasks(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instructions with that of another row behind them, some as a numbered list."""

    def is_task(row: Row) -> bool:
        return not row["input"] and "\n" not in row["instruction"]

    others = [row for row in rows if is_task(row)]

    def fuse(row: Row, draw: random.Random) -> dict[str, str]:
        other = draw.choice(others)
        first, second = (_ended(each["instruction"]) for each in (row, other))
        form = draw.choice(["{} {}", "{}\n{}", "1. {} 2. {}", "1. {}\n2. {}", "{} Also, {}"])
        if "Also" in form:
            second = second[0].lower() + second[1:]
        return {
            "instruction": form.format(first, second),
            "output": f"{row['output']}\n\n{other['output']}",
        }

    return _changed(rows, rate, seed, is_task, fuse)


def inject_merged_rows(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Responses that go on with another row in one of the forms of generated lists."""

    def merge(row: Row, draw: random.Random) -> dict[str, str]:
        other = draw.choice(rows)
        form = draw.choice(
            [
                "{0}\n\n\n{n}. Instruction: {1}\n{n}. Input:\n{2}\n{n}. Output:\n{3}",
                "{0}\n\nInstruction: {1}\nInput: {2}",
                "{0}\n\nTask: {1}\nOutput: {3}",
                "{0}\n\n{n}) Instruction: {1}",
            ]
        )
        values = (row["output"], other["instruction"], other["input"], other["output"])
        return {"output": form.format(*values, n=draw.randint(2, 20))}

    return _changed(rows, rate, seed, lambda row: True, merge)


def inject_contradictory_demands(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instructions with two demands that exclude each other."""

    def contradict(row: Row, draw: random.Random) -> dict[str, str]:
        return {"instruction": " ".join([_ended(row["instruction"]), *draw.choice(CONTRADICTIONS)])}

    return _changed(rows, rate, seed, lambda row: not row["input"], contradict)


def inject_misplaced_instruction(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Instruction and input, or question and answer, in each other's place."""

    def can(row: Row) -> bool:
        text = row["instruction"].strip()
        return bool(row["input"].strip()) or (text.endswith("?") and len(row["output"]) > 20)

    def misplace(row: Row, draw: random.Random) -> dict[str, str]:
        if not row["input"].strip():
            return {"instruction": row["output"], "output": row["instruction"]}
        return {"instruction": row["input"], "input": row["instruction"]}

    return _changed(rows, rate, seed, can, misplace)


def inject_unreachable_link(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Links in place of the texts that instructions are about."""

    def has_text(row: Row) -> bool:
        about = re.search(OF_MATERIAL, row["instruction"]) is not None
        return about and len(row["input"].split()) >= 15

    return _changed(rows, rate, seed, has_text, lambda _, draw: {"input": draw.choice(LINKS)})


def _replaced(rows: Sequence[Row], rate: float, seed: int, by: Sequence[str]) -> Injected:
    return _changed(
        rows,
        rate,
        seed,
        lambda _: True,
        lambda _, draw: {"instruction": draw.choice(by), "input": ""},
    )


def _changed(
    rows: Sequence[Row], rate: float, seed: int, can: Callable[[Row], bool], change: Change
) -> Injected:
    """Change fields of a share of those rows that can be changed."""
    whole = [dict(row) for row in rows]
    able = [place for place, row in enumerate(rows) if can(row)]
    draw = random.Random(seed)
    broken = {able[number] for number in drawn([rows[place] for place in able], rate, seed)}
    for place in sorted(broken):
        whole[place].update(change(rows[place], draw))
    return Injected(whole, broken)


def _ended(text: str) -> str:
    """A sentence with its full stop."""
    text = text.strip()
    return text if text[-1:] in ".?!" else f"{text}."


def inject_unrelated_response(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Responses exchanged with those of other rows."""
    return _changed(
        rows, rate, seed, lambda _: True, lambda _, draw: {"output": draw.choice(rows)["output"]}
    )


def inject_answer_outside_options(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Choices answered with the answer to another choice, which is none of the options."""

    def chooses(row: Row) -> bool:
        answer = row["output"].strip(" .\n\"'").lower()
        asked = re.search(r"(?i)\b(?:as|into|or|either|is|whether)\b.*\bor\b.*", row["instruction"])
        return asked is not None and 0 < len(answer.split()) <= 3 and answer in asked[0].lower()

    answers = sorted({row["output"] for row in rows if chooses(row)})

    def answer(row: Row, draw: random.Random) -> dict[str, str]:
        asked = row["instruction"].lower()
        strange = [one for one in answers if one.strip(" .\n\"'").lower() not in asked]
        return {"output": draw.choice(strange)}

    return _changed(rows, rate, seed, chooses, answer)


def inject_unsupported_number(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Numbers of responses that stand in the input changed to ones that do not."""
    number = re.compile(r"(?<![\d.,])\d[\d,]*(?:\.\d+)?(?![\d,]*\d)")

    def taken(row: Row) -> list[re.Match[str]]:
        given = set(number.findall(row["input"]))
        return [one for one in number.finditer(row["output"]) if one[0] in given]

    def falsify(row: Row, draw: random.Random) -> dict[str, str]:
        one = draw.choice(taken(row))
        digits = list(one[0])
        place = draw.choice([at for at, sign in enumerate(digits) if sign.isdigit()])
        digits[place] = draw.choice([sign for sign in "123456789" if sign != digits[place]])
        text = row["output"]
        return {"output": f"{text[: one.start()]}{''.join(digits)}{text[one.end() :]}"}

    return _changed(rows, rate, seed, lambda row: bool(taken(row)), falsify)
