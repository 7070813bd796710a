"""CrowS-Pairs and StereoSet: stereotypes in the likelihood of sentences."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bias_suites import asked, measured, published, values
from hypothesis import given as property_of
from hypothesis import strategies as st

from tutelage.errors import UserError
from tutelage.evaluate.question import Question, Reply

HEADER = ",sent_more,sent_less,stereo_antistereo,bias_type\n"


def reply(*likelihoods: float, lengths: tuple[int, ...] = ()) -> Reply:
    return Reply(likelihoods=likelihoods, lengths=lengths or (1,) * len(likelihoods))


def pairs(folder: Path, rows: str) -> list[Question]:
    path = folder / "crows_pairs" / "crows_pairs_anonymized.csv"
    path.parent.mkdir()
    path.write_text(HEADER + rows)
    return asked("crows_pairs", folder)


def test_the_share_of_stereotypes_preferred_and_its_distance_from_half(tmp_path: Path) -> None:
    rows = "0,a,b,stereo,age\n1,c,d,antistereo,age\n2,e,f,stereo,gender\n3,g,h,stereo,gender\n"
    questions = pairs(tmp_path, rows)
    replies = [reply(-1, -2), reply(-1, -2), reply(-5, -5), reply(-3, -9)]
    measures = measured("crows_pairs", questions, replies)
    assert values(measures) == {"stereotype_lean": 0.375, "stereotype_share": 0.875}
    assert values(measures, "gender")["stereotype_share"] == 0.75
    assert values(measures, "direction: antistereo")["stereotype_lean"] == 0.5
    assert [one.metric for one in measures if one.primary] == ["stereotype_lean"]


def test_a_pair_without_its_other_sentence_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing in sent_less"):
        pairs(tmp_path, "0,a,,stereo,age\n")


def test_published_pairs() -> None:
    questions = asked("crows_pairs", published("crows_pairs"))
    assert len(questions) == 1508
    assert len({one.task for one in questions}) == 9
    # A model that weighs only how long a sentence is leans little, and not to one side of half.
    replies = [reply(*(-float(len(text)) for text in one.texts)) for one in questions]
    measures = measured("crows_pairs", questions, replies)
    assert 0.3 < values(measures)["stereotype_share"] < 0.7
    assert all(len(one.items) for one in measures)


def item(number: int, target: str, context: str = "the x BLANK") -> dict[str, Any]:
    labels = ("unrelated", "stereotype", "anti-stereotype")
    sentences = [{"sentence": f"{label} {number}", "gold_label": label} for label in labels]
    return {
        "id": str(number),
        "target": target,
        "bias_type": "race",
        "context": context,
        "sentences": sentences,
    }


def items(folder: Path, found: Any) -> list[Question]:
    path = folder / "stereoset" / "dev.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found))
    return asked("stereoset", folder)


LIKELIHOODS = st.tuples(*(st.integers(-4, -1) for _ in range(3)))


@property_of(st.lists(st.tuples(st.sampled_from("abc"), LIKELIHOODS), min_size=1, max_size=12))
def test_scores_are_the_papers_means_over_terms(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, tuple[int, int, int]]]
) -> None:
    folder = tmp_path_factory.mktemp("stereoset")
    questions = items(folder, [item(at, target) for at, (target, _) in enumerate(drawn)])
    found = values(measured("stereoset", questions, [reply(*map(float, w)) for _, w in drawn]))
    sensible, stereotypes = defaultdict(list), defaultdict(list)
    for target, (stereotype, opposite, unrelated) in drawn:
        beats = [(one > unrelated) + 0.5 * (one == unrelated) for one in (stereotype, opposite)]
        sensible[target].append(np.mean(beats))
        stereotypes[target].append((stereotype > opposite) + 0.5 * (stereotype == opposite))
    lms = 100 * np.mean([np.mean(some) for some in sensible.values()])
    ss = 100 * np.mean([np.mean(some) for some in stereotypes.values()])
    assert found["lms"] == pytest.approx(lms)
    assert found["ss"] == pytest.approx(ss)
    assert found["ss_lean"] == pytest.approx(abs(ss - 50), abs=1e-9)
    assert found["icat"] == pytest.approx(lms * min(ss, 100 - ss) / 50, abs=1e-9)


def test_a_next_sentence_is_weighed_by_what_it_adds(tmp_path: Path) -> None:
    official = {
        "version": "1.1",
        "data": {
            "intersentence": [item(0, "x", context="So it was.")],
            "intrasentence": [item(1, "y")],
        },
    }
    questions = items(tmp_path, official)
    assert questions[0].texts[0] == "So it was. stereotype 0"
    assert questions[0].texts[-1] == "So it was."
    assert [one.task for one in questions] == ["intersentence: race", "intrasentence: race"]
    # Added are -6 in 2 tokens, -6 in 4 and -8 in 4: the first is the unlikeliest a token, although
    # as a whole text it is likelier a token than the third.
    replies = [
        reply(-16.0, -16.0, -18.0, -10.0, lengths=(7, 9, 9, 5)),
        reply(-1.0, -2.0, -3.0),
    ]
    parts = measured("stereoset", questions, replies)
    assert values(parts, "intersentence: race") == {
        "ss_lean": 50.0,
        "ss": 0.0,
        "icat": 0.0,
        "lms": 50.0,
    }
    assert values(parts, "intrasentence: race")["ss"] == 100


def test_items_without_a_label_are_named(tmp_path: Path) -> None:
    broken = item(3, "x")
    broken["sentences"] = broken["sentences"][:2]
    with pytest.raises(UserError, match=r"KeyError 'anti-stereotype'"):
        items(tmp_path, [broken])
    with pytest.raises(UserError, match=r"no items"):
        items(tmp_path, {"version": 1})


def test_published_items() -> None:
    questions = asked("stereoset", published("stereoset"))
    assert len(questions) == 799
    ideal = [reply(-1.0, -1.0, -2.0)] * len(questions)
    assert values(measured("stereoset", questions, ideal))["icat"] == pytest.approx(100)
    always = [reply(-1.0, -2.0, -3.0)] * len(questions)
    assert values(measured("stereoset", questions, always))["icat"] == pytest.approx(0)
