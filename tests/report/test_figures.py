import re
from collections.abc import Sequence
from xml.etree import ElementTree

import made_run
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tutelage.report.figures import (
    Change,
    Curves,
    Segment,
    TaskCurve,
    changes,
    histogram,
    single_interval,
    stacked_bar,
    task_curves,
    training_curves,
)
from tutelage.report.figures.curves import running_mean, thinned
from tutelage.report.figures.svg import Scale, tick_text, ticks

HOSTILE = st.sampled_from(made_run.HOSTILE) | st.text(max_size=50)


def drawings(figure: Markup) -> list[ElementTree.Element]:
    """The wide and the narrow drawing, parsed as XML (which also proves them well formed)."""
    return list(ElementTree.fromstring(f"<both>{figure}</both>"))


def a_change(label: str, base: float = 0.2, tuned: float = 0.6) -> Change:
    gain = tuned - base
    return Change(label, "rougeL", base, tuned, gain, gain - 0.1, gain + 0.1, "better")


def every_figure(label: str) -> Sequence[Markup]:
    steps = [(float(step), 2.0 / step) for step in range(1, 40)]
    return [
        changes([(label, [a_change(label)]), (label, [a_change(label)] * 40)], 0.95),
        single_interval("one", label, (-0.1, 0.1, 0.3), "unclear", (label, label)),
        training_curves(Curves(steps, steps[::8], steps, [20.0, 39.0], 9.0)),
        task_curves([TaskCurve(label, steps, steps[::8]), TaskCurve("b", steps[:1], [])]),
        histogram("lengths", label, [3, 5, 5, 80]),
        stacked_bar("fates", label, [Segment(label, 3, "kept"), Segment("none", 0, "dropped")]),
    ]


@settings(max_examples=20, deadline=None)
@given(label=HOSTILE)
def test_every_figure_is_well_formed_whatever_the_data(label: str) -> None:
    for figure in every_figure(label):
        for drawing in drawings(figure):
            names = {element.tag for element in drawing.iter()}
            assert names <= {"svg", "title", "desc", "text", "line", "circle", "rect", "polyline"}
            attributes = {name for element in drawing.iter() for name in element.attrib}
            assert not [name for name in attributes if name.startswith("on") or "href" in name]


def test_each_task_has_a_panel_of_its_own_scale() -> None:
    falls = [(float(step), 10.0 / step) for step in range(1, 9)]
    stays = [(float(step), 0.5) for step in range(1, 9)]
    figure = task_curves([TaskCurve("falls", falls, falls[3:]), TaskCurve("stays", stays, [])])
    for drawing in drawings(figure):
        texts = [element.text for element in drawing.iter("text")]
        assert {"falls", "stays", "5"} <= set(texts)
        assert len(list(drawing.iter("polyline"))) == 3
        assert len(list(drawing.iter("circle"))) == len(falls[3:])
        described = drawing.find("desc")
        assert described is not None and "stays from 0.500 to 0.500" in str(described.text)


def test_every_figure_names_and_describes_itself() -> None:
    ids = []
    for figure in every_figure("task"):
        for drawing in drawings(figure):
            title, description = drawing[0], drawing[1]
            assert drawing.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
            assert title.text
            assert description.text
            ids += [title.get("id"), description.get("id")]
    assert len(ids) == len(set(ids))


def test_marks_stay_inside_the_drawing() -> None:
    for figure in every_figure("a name " * 30):
        for drawing in drawings(figure):
            width = float(drawing.get("width", 0))
            height = float(drawing.get("height", 0))
            for element in drawing.iter():
                for name, limit in (("x1", width), ("x2", width), ("cx", width), ("x", width),
                                    ("y1", height), ("y2", height), ("cy", height)):  # fmt: skip
                    assert 0 <= float(element.get(name, 0)) <= limit, (element.tag, name)
                points = re.findall(r"([\d.-]+),([\d.-]+)", element.get("points", ""))
                assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)


def test_dots_lie_at_their_scores() -> None:
    wide, _ = drawings(changes([("Trained", [a_change("a", 0.0, 1.0), a_change("b", 0.5)])], 0.95))
    tipped = [circle for circle in wide.iter("circle") if len(circle)]
    (a_base, a_tuned, a_gain, b_base, *_) = [float(circle.get("cx", 0)) for circle in tipped]
    assert b_base == pytest.approx((a_base + a_tuned) / 2, abs=0.1)
    assert a_base < a_tuned < a_gain


def test_a_long_list_of_tasks_is_drawn_briefly() -> None:
    def height(tasks: int) -> float:
        figure = changes([("Trained", [a_change(str(n)) for n in range(tasks)])], 0.95)
        return float(drawings(figure)[0].get("height", 0))

    assert height(100) < 2.4 * height(30)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-6, 1e6), about=st.integers(1, 9))
def test_ticks_are_round_and_inside(low: float, span: float, about: int) -> None:
    found = ticks(low, low + span, about)
    assert len(found) <= about + 1
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in found)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (-0.5, "−0.5"), (2000.0, "2,000"), (1.5e-4, "1.5e−4"), (2e-5, "2e−5")],
)
def test_ticks_are_written_shortly(value: float, shown: str) -> None:
    assert tick_text(value) == shown


def test_a_scale_keeps_what_is_beyond_its_ends_at_the_end() -> None:
    scale = Scale(0.0, 10.0, 100.0, 200.0)
    assert [scale(value) for value in (-5, 0, 5, 10, 99)] == [100, 100, 150, 200, 200]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=60))
def test_a_histogram_counts_every_row_once(lengths: list[int]) -> None:
    for drawing in drawings(histogram("lengths", "Lengths", lengths)):
        tips = [bar[0].text or "" for bar in drawing.iter("rect")]
        counted = [int(tip.split(": ")[1].split()[0].replace(",", "")) for tip in tips]
        assert sum(counted) == len(lengths)


def test_a_part_of_a_whole_is_seen_however_small() -> None:
    figure = stacked_bar(
        "f", "t", [Segment("kept", 999_999, "kept"), Segment("lost", 1, "dropped")]
    )
    for drawing in drawings(figure):
        assert all(float(bar.get("width", 0)) >= 1 for bar in drawing.iter("rect"))


def test_thinning_keeps_the_mean_and_the_limit() -> None:
    points = [(float(step), float(step % 7)) for step in range(1000)]
    short = thinned(points, 100)
    assert len(short) == 100
    assert sum(y for _, y in short) / 100 == pytest.approx(sum(y for _, y in points) / 1000)
    assert thinned(points, 5000) == points
    assert thinned([], 10) == []


def test_a_running_mean_of_a_constant_is_that_constant() -> None:
    assert running_mean([(step, 2.0) for step in range(50)]) == [(step, 2.0) for step in range(50)]


def test_a_single_step_can_be_drawn() -> None:
    drawings(training_curves(Curves([(1.0, 2.0)], [], [(1.0, 0.0)], [], None)))
