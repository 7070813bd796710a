"""The report tells how large a change is and how small a one could have been seen."""

from tutelage.report import build
from tutelage.rundir import RunFolder, read_json, write_json

HEADING = "How large, and how small a change could have been seen"


def page(run: RunFolder) -> str:
    return build(run).read_text(encoding="utf-8")


def test_effect_sizes_stand_beside_their_task(a_run: RunFolder) -> None:
    metrics = read_json(a_run.metrics)
    first, second = metrics["comparison"][:2]
    first |= {
        "detectable": 0.173,
        "effects": {
            "cohens_d": {"value": 0.614, "interval": [0.21, None]},
            "cliffs_delta": {"value": 0.5, "interval": [0.25, 0.75]},
            "<b>bold</b>": {"value": -1.25, "interval": [-2.0, -0.5]},
        },
    }
    second |= {"detectable": None, "effects": {}}
    write_json(a_run.metrics, metrics)
    text = page(a_run)
    assert HEADING in text
    assert "Cohen’s d +0.61" in text
    assert "Cliff’s delta +0.50 (0.25 to 0.75)" in text
    assert ">0.173<" in text
    assert "<b>bold</b>" not in text and "&lt;b&gt;bold&lt;/b&gt; −1.25" in text


def test_runs_from_before_effect_sizes_are_shown_without(a_run: RunFolder) -> None:
    assert "effects" not in read_json(a_run.metrics)["comparison"][0]
    assert HEADING not in page(a_run)
