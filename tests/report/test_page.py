import base64
import hashlib
import itertools
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import made_run
import pytest

from tutelage.errors import UserError
from tutelage.report import build
from tutelage.report.text import visible
from tutelage.rundir import RunFolder, read_json, write_json

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page's tags with their attributes, and its text without the style sheet."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def page(run: RunFolder) -> Page:
    return Page(build(run).read_text(encoding="utf-8"))


def test_it_is_one_file_that_runs_and_loads_nothing(evaluated: RunFolder) -> None:
    source = build(evaluated).read_text(encoding="utf-8")
    found = Page(source)
    tags = Counter(tag for tag, _ in found.tags)
    assert not tags.keys() & {"script", "iframe", "object", "embed", "img", "form", "base"}
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#")[:1] == "#" or attributes[name] == "data:,"
    assert "url(" not in source
    assert "@import" not in source


def test_the_policy_allows_this_style_sheet_and_nothing_else(evaluated: RunFolder) -> None:
    source = build(evaluated).read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    policy = next(a for tag, a in Page(source).tags if a.get("http-equiv"))["content"] or ""
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_it_is_balanced_and_its_links_lead_somewhere(evaluated: RunFolder) -> None:
    found = page(evaluated)
    assert found.unbalanced == []
    assert found.open == []
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in found.tags:
        if (attributes.get("href") or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids
        for reference in (attributes.get("aria-labelledby") or "").split():
            assert reference in ids


def test_headings_descend_by_one(evaluated: RunFolder) -> None:
    levels = [int(tag[1]) for tag, _ in page(evaluated).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in itertools.pairwise(levels))


def test_every_part_is_told(evaluated: RunFolder) -> None:
    text = " ".join(page(evaluated).text.split()).replace("\u00a0", " ")
    for expected in (
        "Six of eight trained tasks improved significantly",
        "smollm2-135m-instruct was tuned with LoRA on 20,700 supervised tokens of 363 examples",
        "660 rows read = 642 kept + 9 changed + 2 truncated + 7 dropped",
        "+0.670 0.517 to 0.823",
        "exact duplicate of an earlier row",
        "It predicts general text worse: +2.7% perplexity",
        "The lowest validation loss, 1.129, came at step 56",
        "not readable here",
        "pip install tutelage==0.1.0 torch==2.13.0 transformers==5.23.0",
        "31 answers in all were cut off",
        "exact_match|version:tutelage-0.1.0",
    ):
        assert expected in text


def test_trained_and_held_out_tasks_stand_apart(evaluated: RunFolder) -> None:
    text = page(evaluated).text
    held_out = text.index("Held-out tasks, never seen in training")
    table = text.index("Primary metric of every task")
    assert table < text.index("date_to_iso", table) < held_out < text.index("paraphrase", held_out)


def test_hostile_data_is_shown_and_stays_text(hostile: RunFolder) -> None:
    found = page(hostile)
    assert found.unbalanced == []
    assert not {tag for tag, _ in found.tags} & {"script", "img", "iframe"}
    shown = visible(found.text)
    assert shown == found.text
    for sample in made_run.HOSTILE:
        assert visible(sample) in found.text


def test_templates_in_data_are_not_evaluated(hostile: RunFolder) -> None:
    assert "{{ 7 * 7 }}" in page(hostile).text


PARTS = [
    ("metrics.json", "has not been compared"),
    ("log.jsonl", "There is no training log yet"),
    ("environment.json", "How to repeat it"),
    ("predictions", "What changed"),
    ("recipe.yaml", "What changed"),
]


@pytest.mark.parametrize(
    "missing", [s for n in (1, 2, 5) for s in itertools.combinations(PARTS, n)]
)
def test_missing_parts_are_said_to_be_missing(
    a_run: RunFolder, missing: tuple[tuple[str, str], ...]
) -> None:
    for name, _ in missing:
        part = a_run.path / name
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    found = page(a_run)
    assert found.unbalanced == []
    assert all(expected in found.text for _, expected in missing)


def test_a_run_that_was_only_trained_says_so(tmp_path: Path) -> None:
    text = page(made_run.trained(tmp_path / "run")).text
    assert "Trained, but not yet compared with the base model." in text
    assert f"tutelage eval {tmp_path / 'run'}" in text
    assert "In its own words" not in text


def test_a_run_that_is_still_training_says_so(tmp_path: Path) -> None:
    run = made_run.trained(tmp_path / "run")
    run.metrics.unlink()
    assert "Training has not ended: 69 steps so far." in page(run).text


@pytest.mark.parametrize("part", ["training", "evaluation", "forgetting", "cost", "data", "model"])
def test_any_part_of_the_metrics_may_be_absent_or_null(a_run: RunFolder, part: str) -> None:
    metrics = read_json(a_run.metrics)
    write_json(a_run.metrics, {**metrics, part: None})
    assert page(a_run).unbalanced == []
    write_json(a_run.metrics, {key: value for key, value in metrics.items() if key != part})
    assert page(a_run).unbalanced == []


def test_a_number_that_could_not_be_computed_is_a_dash(a_run: RunFolder) -> None:
    metrics = read_json(a_run.metrics)
    metrics["comparison"][0] |= {
        "base": None, "base_interval": [None, None], "tuned": None, "tuned_interval": [None, None],
        "difference": None, "interval": [None, None], "p_value": None, "p_corrected": None,
        "significant": False,
    }  # fmt: skip
    metrics["forgetting"] |= {"difference": None, "tuned": None, "interval": [None, None]}
    metrics["training"]["final_loss"] = metrics["training"]["tokens_per_second"] = None
    write_json(a_run.metrics, metrics)
    assert page(a_run).text.count("–") >= 5


def test_rows_that_do_not_add_up_are_pointed_out(a_run: RunFolder) -> None:
    metrics = read_json(a_run.metrics)
    metrics["data"]["counts"]["kept"] -= 1
    write_json(a_run.metrics, metrics)
    assert "some rows are unaccounted for" in page(a_run).text


def test_scores_of_which_less_is_better_are_judged_by_their_direction(a_run: RunFolder) -> None:
    metrics = read_json(a_run.metrics)
    metrics["comparison"][0] |= {
        "metric": "ter", "scale": 100, "higher_is_better": False,
        "base": 90.0, "base_interval": [85.0, 95.0], "tuned": 60.0, "tuned_interval": [55.5, 64.5],
        "difference": -30.0, "interval": [-40.0, -20.0], "significant": True,
    }  # fmt: skip
    write_json(a_run.metrics, metrics)
    text = " ".join(page(a_run).text.split())
    assert "ter less is better" in text
    assert "90.0 85.0 to 95.0 60.0 55.5 to 64.5 ▲significantly better −30.0 −40.0 to −20.0" in text


def test_another_schema_is_refused_with_the_way_out(a_run: RunFolder) -> None:
    write_json(a_run.metrics, {"schema": 2})
    with pytest.raises(UserError, match="expected schema 1, found 2") as caught:
        build(a_run)
    assert "tutelage eval" in str(caught.value)


def test_thousands_of_long_answers_make_a_page_of_ordinary_size(tmp_path: Path) -> None:
    run = made_run.evaluated(tmp_path / "run", items=300, steps=5000)
    assert build(run).stat().st_size < 400_000


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_and_marks_have_contrast_enough_in_light_dark_and_print() -> None:
    style = resources.files("tutelage.report").joinpath("templates/style.css").read_text("utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 3
    for scheme in schemes:
        colours = {
            name: colour if len(colour) == 7 else "#" + "".join(2 * c for c in colour[1:])
            for name, colour in re.findall(r"--([\w-]+): (#[0-9a-f]+);", scheme)
        }
        for text in ("ink", "soft", "better", "worse"):
            assert contrast(colours[text], colours["paper"]) >= 4.5
            assert contrast(colours[text], colours["raised"]) >= 4.5
        assert contrast(colours["ink"], colours["mark"]) >= 4.5
        assert contrast(colours["soft"], colours["mark"]) >= 4.5
        assert contrast(colours["base"], colours["paper"]) >= 3
