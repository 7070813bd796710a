"""The model card: what the hub reads, what a person reads, and what strangers' strings may do."""

from __future__ import annotations

import ast
import itertools
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from made_run import HOSTILE, evaluated, trained
from markdown_it import MarkdownIt
from markdown_it.token import Token
from test_suites_on_page import found

from tutelage.report import text
from tutelage.report.card import Asking, Exported, card, escaped, fenced, local
from tutelage.report.evidence import read_evidence
from tutelage.rundir import RunFolder, read_json, write_json

MARKDOWN = MarkdownIt("commonmark").enable("table")
EXPORTED = Exported(
    form="merged",
    software="transformers",
    loader="AutoModelForCausalLM",
    generates=True,
    asking=Asking(
        [{"role": "system", "content": 'Say "yes".'}, {"role": "user", "content": "Why?"}],
        "<|im_start|>user\nWhy?<|im_end|>\n",
        "template",
        [2, 7],
        64,
    ),
    prompts=4,
    greedy_tokens=88,
    logit_difference=1.2e-6,
    recipe="name: demo\n",
)


def card_of(run: RunFolder, exported: Exported = EXPORTED, **metrics: Any) -> str:
    write_json(run.metrics, read_json(run.metrics) | metrics)
    return card(read_evidence(run), exported)


@pytest.fixture(scope="module", params=["plain", "hostile"])
def hostile(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "hostile")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, hostile: bool) -> RunFolder:
    made = evaluated(tmp_path_factory.mktemp("card") / "run", hostile=hostile)
    write_json(made.metrics, read_json(made.metrics) | {"suites": found(HOSTILE[2] * hostile)})
    return made


def tokens(markdown: str) -> list[Token]:
    parsed = MARKDOWN.parse(markdown)
    return [one for token in parsed for one in (token, *(token.children or ()))]


def test_the_hub_reads_every_primary_measure(run: RunFolder) -> None:
    metrics = read_json(run.metrics)
    read: Any = ModelCard(card_of(run), ignore_metadata_errors=False).data
    tasks = {
        text.visible(row["task"]): row
        for row in metrics["comparison"]
        if row["primary"] and row["task"] != "overall"
    }
    suites = {row["suite"]: row for row in metrics["suites"]["measures"] if row["primary"]}
    assert read.eval_results and len(read.eval_results) == len(tasks) + len(suites)
    for one in read.eval_results:
        row = tasks[one.dataset_config] if one.dataset_config else suites[one.dataset_type]
        assert one.metric_type == row["metric"]
        assert one.metric_value == pytest.approx(row["tuned"], abs=1e-4)
        assert text.interval(row["interval"], 3) in str(one.metric_name)
        assert text.number(row["base"], 3) in str(one.metric_name)
    assert (read.library_name, read.pipeline_tag) == ("transformers", "text-generation")
    assert read.tags and {"tutelage", "lora"} <= set(read.tags)


def test_what_is_unknown_is_left_out(run: RunFolder) -> None:
    front = ModelCard(card_of(run)).data.to_dict()
    assert front.keys().isdisjoint(("license", "base_model", "datasets", "language"))
    known = replace(
        EXPORTED,
        base="org/model",
        licence={"license": "mit"},
        datasets=["org/rows"],
        form="adapter",
    )
    read: Any = ModelCard(card_of(run, known)).data
    assert (read.base_model, read.license, read.datasets) == ("org/model", "mit", ["org/rows"])
    assert read.to_dict()["base_model_relation"] == "adapter"


def test_it_says_what_the_report_says(run: RunFolder, hostile: bool) -> None:
    metrics = read_json(run.metrics)
    written = card_of(run)
    assert f"**{metrics['verdict']['sentence']}**" in written
    shown = [token.content for token in tokens(written.partition("\n# ")[2])]
    for row in metrics["comparison"]:
        if row["primary"]:
            for value, bounds in (
                (text.number(row["base"]), row["base_interval"]),
                (text.number(row["tuned"]), row["tuned_interval"]),
                (text.signed(row["difference"]), row["interval"]),
            ):
                assert f"{value} ({text.interval(bounds)})" in shown
    assert any("2.914 to 2.941" in one for one in shown)  # the loss on general text
    for one in metrics["suites"]["suites"]:
        assert text.visible(one["suite"]) in shown
    assert any(one.startswith("skipped: no file") for one in shown)
    assert "660 rows read" in written
    assert "Not measured by any suite: instruction following, tasks" in written


def test_nothing_of_a_stranger_acts(run: RunFolder, hostile: bool) -> None:
    body = card_of(run).partition("\n# ")[2]
    kinds = [(token.type, token.content.strip()) for token in tokens(f"# {body}")]
    ours = {"<details>\n<summary>recipe.yaml</summary>", "</details>"}
    assert {content for kind, content in kinds if kind.startswith("html")} == ours
    acting = {"link_open", "image", "em_open", "s_open", "hardbreak"}
    assert not acting & {kind for kind, _ in kinds}
    # Tables keep their columns: every row has as many cells as its head.
    for table in re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
    headings = [token for token in tokens(f"# {body}") if token.type == "heading_open"]
    assert len(headings) == 1 + body.count("\n## ")


@given(
    st.text(max_size=80) | st.sampled_from(HOSTILE) | st.from_regex(r"[#*_`|<>!\[\]()&~$-]{1,9}")
)
def test_an_escaped_text_reads_as_itself(value: str) -> None:
    (paragraph,) = [t for t in MARKDOWN.parse(f"so {escaped(value)}, it is") if t.type == "inline"]
    shown = "".join(child.content for child in paragraph.children or ())
    assert {child.type for child in paragraph.children or ()} <= {"text", "text_special"}
    assert shown == "so " + re.sub(r"\s+", " ", text.visible(value)) + ", it is"


@given(st.text(alphabet="`~a \n<", max_size=30))
def test_a_block_of_code_ends_where_it_is_to(value: str) -> None:
    fence, after, _ = MARKDOWN.parse(f"{fenced(value)}\n\nafter")[:3]
    assert fence.type == "fence" and after.type == "paragraph_open"
    assert fence.content.rstrip("\n") == value.rstrip("\n")


def test_a_run_that_was_not_evaluated_says_so(tmp_path: Path) -> None:
    written = card_of(trained(tmp_path / "run"))
    assert "Not compared with the base model" in written
    assert "What changed" not in written
    read: Any = ModelCard(written).data
    assert read.eval_results is None


LOADERS = ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM")
SOFTWARE: tuple[Literal["transformers", "peft", "attach"], ...] = ("transformers", "peft", "attach")
WAYS: tuple[Literal["template", "tokenizer"], ...] = ("template", "tokenizer")


def test_every_snippet_is_python(run: RunFolder) -> None:
    for loader, software, by in itertools.product(LOADERS, SOFTWARE, WAYS):
        asking = replace(EXPORTED.asking, by=by)
        written = card_of(run, replace(EXPORTED, loader=loader, software=software, asking=asking))
        (snippet,) = re.findall(r"```python\n(.*?)```", written, re.DOTALL)
        ast.parse(snippet)
        assert "eos_token_id=[2, 7]" in snippet
    unknown = replace(EXPORTED, asking=replace(EXPORTED.asking, by=None))
    assert "```python" not in card_of(run, unknown)


def test_folders_of_this_machine_are_not_published(run: RunFolder, tmp_path: Path) -> None:
    copied = RunFolder(Path(shutil.copytree(run.path, tmp_path / "copy")))
    model = read_json(copied.metrics)["model"] | {"base": "/home/me/models/small", "notes": []}
    skipped = found()
    skipped["suites"][2]["reason"] = "no data: /home/me/sets/gsm8k is not there"
    written = card_of(copied, model=model, suites=skipped)
    assert "/home/me" not in written and str(copied.path) not in written
    assert "no data: gsm8k is not there" in written
    assert local("https://example.org/a/b, org/model and 1/2") == (
        "https://example.org/a/b, org/model and 1/2"
    )
