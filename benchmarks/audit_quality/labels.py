"""Labels changed at random in classifications of public data."""

from __future__ import annotations

import random
from collections.abc import Sequence

from audit_quality.source import DATA, SOURCES, Half, Labelled, MissingDataError, read

LIMIT = 6000


def _lines(path: str, encoding: str = "utf-8") -> list[str]:
    if not (DATA / path).exists():
        raise MissingDataError(path)
    return (DATA / path).read_text(encoding).splitlines()


def _banking(half: Half) -> list[tuple[str, str]]:
    rows = half.of("banking77/train.csv", read("banking77/train.csv"))
    return [(row["text"], row["category"]) for row in rows]


def _trec(half: Half) -> list[tuple[str, str]]:
    lines = [line for line in _lines("trec/train.txt", "latin-1") if half.has("trec", line)]
    return [(line.split(" ", 1)[1], line.split(":", 1)[0]) for line in lines]


def _sst2(half: Half) -> list[tuple[str, str]]:
    lines = [line for line in _lines("sst2/train.tsv") if half.has("sst2", line)]
    pairs = [line.rsplit("\t", 1) for line in lines if "\t" in line]
    return [(text, "positive" if label == "1" else "negative") for text, label in pairs]


READERS = {"banking77": _banking, "trec": _trec, "sst2": _sst2}


def _changed(pairs: Sequence[tuple[str, str]], rate: float, note: str, seed: int = 0) -> Labelled:
    """Rows of which a share has another label, drawn from all others alike."""
    draw = random.Random(seed)
    labels = sorted({label for _, label in pairs})
    rows, wrong = [], []
    for place, (text, label) in enumerate(pairs[:LIMIT]):
        given = label
        if draw.random() < rate:
            given = draw.choice([other for other in labels if other != label])
            wrong.append(place)
        rows.append({"instruction": text, "output": given})
    return Labelled("label_error", rows, wrong, note=note)


def _register(name: str, rate: float) -> None:
    note = f"{rate:.0%} of labels changed at random; what was wrong before counts as false"

    @SOURCES.register(f"label_error/{name}-{round(rate * 100)}")
    def source(half: Half) -> Labelled:
        return _changed(READERS[name](half), rate, note)


for _name in READERS:
    for _rate in (0.05, 0.1):
        _register(_name, _rate)
