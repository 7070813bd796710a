"""Defects of form put into clean rows (see `defects`): cut off, looping, refused, broken.

Rows have the fields `instruction`, `input` and `output`. The phrases are ours; where a defect calls
for other text, it is another row's.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from defects import Injected, Row

Change = Callable[[dict[str, str], random.Random], str | None]
"""Gives a row's output with a defect, None where this row cannot have it."""


def changed(rows: Sequence[Row], rate: float, seed: int, change: Change) -> Injected:
    """Rows of which a share has another output, drawn among those that can have it."""
    draw = random.Random(seed)
    whole = [dict(row) for row in rows]
    broken: set[int] = set()
    order = draw.sample(range(len(rows)), len(rows))
    wanted = max(1, round(rate * len(rows)))
    for place in order:
        if len(broken) == wanted:
            break
        output = change(whole[place], draw)
        if output is not None and output != whole[place]["output"]:
            whole[place]["output"] = output
            broken.add(place)
    return Injected(whole, broken)


def inject_truncated_response(
    rows: Sequence[Row], rate: float, seed: int, prose: bool = True
) -> Injected:
    """Outputs cut off behind their first third, within a sentence.

    Args:
        rows: clean ones.
        rate: share to break.
        seed: of the draw.
        prose: cut only paragraphs, behind their first sentence; else cut lists and code as well.
    """

    def cut(row: dict[str, str], draw: random.Random) -> str | None:
        text = row["output"]
        if len(text) < 120 or (prose and ("\n" in text or len(re.findall(r"\w{3}\. ", text)) < 2)):
            return None
        first = re.search(r"\w{3}\. ", text)
        earliest = max(len(text) // 3, first.end() + 12 if prose and first else 0)
        kept = text[: draw.randrange(earliest, len(text) - 10)].rstrip()
        return kept if kept and kept[-1].isalnum() and len(kept) >= 60 else None

    return changed(rows, rate, seed, cut)


def inject_repetition(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs that end in a loop of a word, of a phrase, or of a sentence."""

    def loop(row: dict[str, str], draw: random.Random) -> str | None:
        text = row["output"].strip()
        words = text.split()
        if len(words) < 20 or "\n" in text:
            return None
        kind = draw.randrange(3)
        if kind == 0:
            return f"{text} {' '.join([draw.choice(words)] * draw.randint(10, 60))}"
        if kind == 1:
            at = draw.randrange(len(words) - 5)
            phrase = " ".join(words[at : at + draw.randint(2, 5)])
            return f"{text} {' '.join([phrase] * draw.randint(8, 30))}"
        last = re.split(r"(?<=[.!?]) ", text)[-1]
        return " ".join([text, *[last] * draw.randint(4, 15)]) if len(last.split()) > 3 else None

    return changed(rows, rate, seed, loop)


def inject_copy_of_prompt(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs that are the instruction, the input, or the instruction before the output."""

    def copy(row: dict[str, str], draw: random.Random) -> str | None:
        kind = draw.randrange(3)
        if kind == 0:
            return row["instruction"]
        if kind == 1:
            return row["input"] if len(row["input"].split()) >= 4 else None
        return f"{row['instruction']}\n\n{row['output']}" if len(row["instruction"]) >= 35 else None

    return changed(rows, rate, seed, copy)


REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot assist you with this request.",
    "Sorry, I am not able to answer that question.",
    "I apologize, but I'm unable to provide that information.",
    "Unfortunately, I can't do that for you. Is there something else you would like?",
    "I am afraid I cannot comply with what you ask.",
    "I won't be able to write this. Please ask me something else.",
    "As an AI language model, I cannot fulfil this request.",
    "I do not feel comfortable answering this.",
    "I must decline to answer. It would go against what I was made for.",
    "It is not appropriate for me to discuss this topic.",
    "I'm not able to create that content, but I am happy to help with something else.",
    "I can’t provide guidance on this.",
    "No, I can't help you do this.",
    "My apologies, but this is something I will not do.",
    "I'm really sorry, but I won't assist with that.",
    "I can not give you an answer to that.",
    "I refuse to answer this question.",
    "That's not something I can help with.",
    "I don't think I should answer that.",
)


def inject_refusal(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Refusals in place of outputs."""
    return changed(rows, rate, seed, lambda _, draw: draw.choice(REFUSALS))


BOILERPLATE = (
    "As an AI language model, I have no experiences of my own, but {}",
    "As an artificial intelligence, let me say this: {}",
    "{} Please note that I am just an AI and may be mistaken.",
    "I don't have personal opinions, but here is what is often said. {}",
    "My knowledge cutoff is some years ago, so this may have changed. {}",
    "{} I was trained by OpenAI and may get details wrong.",
    "As a large language model I can only say this. {}",
    "{} However, I do not have access to real-time information.",
    "As of my last update, this holds: {}",
    "I'm an AI, so take this with care: {}",
    "As an AI assistant, I would put it so. {}",
    "{} Remember that I'm a language model and not a person.",
)


def inject_ai_boilerplate(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs with a phrase in which an assistant speaks of itself."""
    return changed(
        rows, rate, seed, lambda row, draw: draw.choice(BOILERPLATE).format(row["output"])
    )


PLACEHOLDERS = (
    *("TODO", "...", "N/A", "n/a", "None", "null", "[placeholder]", "<noinput>", "TBD", "nan", "-"),
    *("No output", "Your answer here", "(to be added)", "See above.", "Lorem ipsum dolor sit amet"),
    *("Output:", "???", "Not applicable.", "[insert response here]", "undefined", "asdf", "N.A."),
)


def inject_placeholder_response(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Placeholders in place of outputs of some length."""

    def put(row: dict[str, str], draw: random.Random) -> str | None:
        return draw.choice(PLACEHOLDERS) if len(row["output"]) > 40 else None

    return changed(rows, rate, seed, put)


TURNS = (
    *("\n\n### Instruction:\n{}", "\n### Human: {}", "\nUser: {}", "\n\nHuman: {}\n\nAssistant:"),
    *("\n\n7. Instruction: {}\n7. Input:\n<noinput>", "\n<|im_start|>user\n{}", "\n[INST] {}"),
    *("\n\n### Input:\n{}\n\n### Response:", "\n\nQuestion: {}", "\nQ: {}\nA:", "\n\nUSER: {}"),
    *("\n\n**User:** {}", "\nInstruction: {}", "\n\n## Question: {}"),
)


def inject_next_turn(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs that run on into another row's instruction."""

    def run_on(row: dict[str, str], draw: random.Random) -> str:
        other = rows[draw.randrange(len(rows))]["instruction"]
        return row["output"] + draw.choice(TURNS).format(other)

    return changed(rows, rate, seed, run_on)


CONTROLS = "\x01\x07\x08\x0b\x0c\x1b\x1f\x7f"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202e\u2066\U000e0041"


def inject_characters(rows: Sequence[Row], rate: float, seed: int, among: str) -> Injected:
    """Outputs with one to five of these characters somewhere within."""

    def strew(row: dict[str, str], draw: random.Random) -> str:
        text = row["output"]
        for _ in range(draw.randint(1, 5)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(among) + text[at:]
        return text

    return changed(rows, rate, seed, strew)


def inject_mojibake(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs whose UTF-8 was read as Windows-1252, Latin-1 or Mac Roman, quotes curled before."""

    def misread(row: dict[str, str], draw: random.Random) -> str | None:
        text = re.sub(r"(?<=\w)'(?=\w)", "’", row["output"]).replace(" - ", " – ")
        if text.isascii():
            return None
        encoding = draw.choice(["cp1252", "latin-1", "mac-roman"])
        try:
            return text.encode().decode(encoding)
        except UnicodeDecodeError:
            return None

    return changed(rows, rate, seed, misread)


def inject_special_tokens(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs that end in, or hold, a marker of a template or a tokenizer."""
    markers = ["<|endoftext|>", "</s>", "<|im_end|>", "[/INST]", "<|eot_id|>", "<end_of_turn>"]
    markers += ["<pad>", "[SEP]", "<|end|>", "<</SYS>>", "<unk>", "<eos>", "// end of output //"]

    def mark(row: dict[str, str], draw: random.Random) -> str:
        at = draw.choice([len(row["output"]), draw.randrange(len(row["output"]) + 1)])
        return row["output"][:at] + draw.choice(markers) + row["output"][at:]

    return changed(rows, rate, seed, mark)


def inject_markup_remains(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs with tags, entities, citation marks or wiki markup."""

    def spoil(row: dict[str, str], draw: random.Random) -> str | None:
        text = row["output"]
        words = text.split(" ")
        if len(words) < 12 or re.search(r"```|[;{]\s*$", text, re.MULTILINE):
            return None
        at = draw.randrange(2, len(words) - 2)
        word = words[at]
        if not re.fullmatch(r"[A-Za-z]{3,}[.,]?", word):
            return None
        bare = word.rstrip(".,")
        words[at] = draw.choice(
            [
                *(
                    f"<b>{bare}</b>",
                    f"{word}<br>",
                    f"{word}&nbsp;",
                    f"{bare} &amp; more",
                    f"{word}[3]",
                ),
                *(f"[[{bare}]]", f"{bare}[citation needed]", f'<a href="x.html">{bare}</a>'),
                *(f"&quot;{bare}&quot;", f"{{{{cite web|url=x.org|title={bare}}}}} {word}"),
                *(f"<p>{word}</p>", f"{bare}<sup>2</sup>", f"{word}[12][13]", f"<i>{bare}</i>"),
            ]
        )
        return " ".join(words)

    return changed(rows, rate, seed, spoil)


def inject_broken_markdown(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs with an open fence, a ragged table or half a link."""

    def break_up(row: dict[str, str], draw: random.Random) -> str:
        text = row["output"].replace("```", "")
        rule = "| --- | --- | --- |"
        return draw.choice(
            [
                f"```\n{text}",
                f"{text}\n\n```python\nprint(1)",
                f"| a | b | c |\n{rule}\n| 1 | 2 | 3 |\n| 4 | 5 |\n\n{text}",
                f"| a | b |\n{rule}\n| 1 | 2 |\n\n{text}",
                f"{text}\n\nMore in [this guide](https://example.com/guide",
                f"{text}\n\nSee [here]().",
                f"{text}\n\nSee [the guide] (https://example.com/guide).",
            ]
        )

    return changed(rows, rate, seed, break_up)


def inject_broken_code(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Python functions that lack a bracket, a colon, a quote or an indent; or are cut off."""

    def damage(row: dict[str, str], draw: random.Random) -> str | None:
        code = row["output"]
        if not re.match(r"\s*def \w+\(.*\):\n\s+", code):
            return None
        kind = draw.randrange(4)
        if kind == 0:
            places = [match.start() for match in re.finditer(r"[()\[\]]", code)]
            at = draw.choice(places)
            return code[:at] + code[at + 1 :]
        if kind == 1:
            return code.replace("):\n", ")\n", 1)
        if kind == 2:
            return re.sub(r":\n[ \t]+", ":\n", code, count=1)
        at = code.rindex("(")
        return code[: at + 1] if code.count("\n") > 2 else None

    return changed(rows, rate, seed, damage)


def inject_broken_json(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """JSON asked for and given, of which a share lacks a quote, a comma or its end, or has more.

    What is sound is made as well, so that there is something to tell apart.
    """
    draw = random.Random(seed)
    whole, broken = [], set()
    for place, row in enumerate(rows):
        first, last = (
            re.sub(r"[^a-z ]", "", row["instruction"].lower())[at]
            for at in (slice(0, 20), slice(-20, None))
        )
        sound = f'{{"first": "{first}", "numbers": [1, 2, {place}], "inner": {{"last": "{last}"}}}}'
        fenced = f"Here it is:\n\n```json\n{sound}\n```"
        text = draw.choice([sound, fenced])
        if draw.random() < rate:
            old, new = draw.choice(
                [
                    (": ", " "),
                    (', "', ' "'),
                    ("}}", "}"),
                    ("]", ""),
                    ('"inner"', "inner"),
                    ("{", "{,"),
                ]
            )
            text = text.replace(old, new, 1) if old != ": " else text.replace('": ', '" ', 1)
            broken.add(place)
        whole.append({"instruction": f"Give this as JSON: {first}", "input": "", "output": text})
    return Injected(whole, broken)


FOREIGN = {
    "fr": "Il faut choisir un bon livre, puis s'asseoir au calme et lire une heure chaque soir.",
    "es": "Primero hay que elegir un buen libro y después sentarse a leer todas las noches.",
    "de": "Zuerst sollte man ein gutes Buch wählen und sich dann jeden Abend hinsetzen.",
    "it": "Prima bisogna scegliere un buon libro, poi sedersi con calma e leggere ogni sera.",
    "pt": "Primeiro é preciso escolher um bom livro e depois ler com calma todas as noites.",
    "nl": "Eerst kies je een goed boek, daarna ga je elke avond rustig een uur zitten lezen.",
    "ru": "Сначала нужно выбрать хорошую книгу, а потом каждый вечер спокойно читать по часу.",
    "pl": "Najpierw trzeba wybrać dobrą książkę, a potem co wieczór spokojnie czytać.",
    "tr": "Önce iyi bir kitap seçmeli, sonra her akşam sakin bir yerde bir saat okumalısın.",
    "zh": "首先要选一本好书，然后每天晚上安静地坐下来读一个小时。",
    "ja": "まず良い本を選び、それから毎晩静かに座って一時間読むことが大切です。",
    "ar": "أولاً يجب اختيار كتاب جيد ثم الجلوس بهدوء والقراءة لمدة ساعة كل مساء.",
    "hi": "पहले एक अच्छी किताब चुननी चाहिए और फिर हर शाम एक घंटा शांति से पढ़ना चाहिए।",
}


def inject_wrong_language(
    rows: Sequence[Row], rate: float, seed: int, texts: Sequence[str] = tuple(FOREIGN.values())
) -> Injected:
    """Outputs in another language than English."""
    return changed(rows, rate, seed, lambda _, draw: draw.choice(texts))


def inject_outlying_length(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Outputs of a page: thirty to sixty times the usual length, made of other rows' outputs."""
    usual = sorted(len(row["output"]) for row in rows)[len(rows) // 2]

    def grow(row: dict[str, str], draw: random.Random) -> str:
        text = row["output"]
        while len(text) < usual * draw.randint(30, 60):
            text += "\n\n" + rows[draw.randrange(len(rows))]["output"]
        return text

    return changed(rows, rate, seed, grow)
