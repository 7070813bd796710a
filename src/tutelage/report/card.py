"""The model card of an export: `README.md` in the hub's form, written from what was measured.

Front matter for the hub (its `model-index` holds primary measures, each with interval and base
value in its name), then Markdown that says the same as the report and in its words. Nothing stands
there that is not in the run: what is unknown is left out, and what was not measured is listed as
such. A card is published, so folders of this machine are cut down to the last name. Every string
of data passes one function where expressions are printed, which leaves no character of it that
Markdown or HTML could act on.

Form: https://huggingface.co/docs/hub/model-cards and huggingface_hub's own classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import jinja2
from huggingface_hub import EvalResult, ModelCardData
from markupsafe import Markup

from tutelage.evaluate.suite import AREAS
from tutelage.report import text
from tutelage.report.evidence import Comparison, Evidence
from tutelage.report.view import versions, view

_FOLDERS = re.compile(r"(?<![\w/.:~<])~?/(?:[^\s/:,;'\"]+/)*([^\s/:,;'\"]+)")
# Whatever can begin a construct of Markdown, HTML, GFM or the hub's mathematics.
_ACTIVE = re.compile(r"[\\`*\[\]<>|~$#&!@]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.I)


@dataclass(frozen=True)
class Asking:
    """How a question is put to the exported model.

    Attributes:
        messages: its turns.
        prompt: the text that the model reads of them.
        by: what gives exactly these tokens in plain transformers: the chat template, or the
            tokenizer called with the last turn; None where neither does.
        stop_token_ids: every token that ends an answer.
        longest: tokens of the longest answer in the evaluation.
    """

    messages: Sequence[Mapping[str, str]]
    prompt: str
    by: Literal["template", "tokenizer"] | None
    stop_token_ids: Sequence[int]
    longest: int


@dataclass(frozen=True)
class Exported:
    """What an export wrote, where a run folder does not tell.

    Attributes:
        form: one plain model, or the adapter alone.
        software: that loads the form: `transformers`, `peft`, or `attach` for the file that lies
            beside an adapter of ours.
        loader: transformers' class that loads the model, such as `AutoModelForCausalLM`.
        generates: whether it writes answers, and does not fill places in.
        asking: how it is asked.
        prompts: that the reloaded model was compared on.
        greedy_tokens: of text compared, all equal.
        logit_difference: the largest, over the largest logit.
        recipe: of the run as text, without defaults and the folders of this machine.
        base: the base model's name on the hub, if it has one.
        licence: what the base model's own card says, by the hub's names of such fields.
        datasets: names of the training data on the hub.
    """

    form: Literal["merged", "adapter"]
    software: Literal["transformers", "peft", "attach"]
    loader: str
    generates: bool
    asking: Asking
    prompts: int
    greedy_tokens: int
    logit_difference: float
    recipe: str
    base: str | None = None
    licence: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[str] = ()


def card(evidence: Evidence, exported: Exported) -> str:
    """The card as text.

    Args:
        evidence: of the run.
        exported: what the folder that it stands in holds.
    """
    shown = view(evidence)
    asked = {
        area.name for area in shown["areas"] if any(one.status == "run" for one in area.suites)
    }
    body = _templates().get_template("card.md.jinja")
    written = body.render(
        **shown,
        exported=exported,
        missing=[area for area in AREAS if area not in asked],
        versions=versions(evidence),
    )
    return f"---\n{_front_matter(shown, exported)}---\n\n{written}"


def local(name: str) -> str:
    """A text with folders of this machine cut down to their last name."""
    return _FOLDERS.sub(r"\1", name)


def escaped(value: object) -> Markup:
    """A string of data on one line, without anything that Markdown or HTML acts on."""
    line = re.sub(r"\s+", " ", text.visible(str(value)))
    return Markup(_ACTIVE.sub(lambda match: _entity(match.group()), line))


def _entity(character: str) -> str:
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(character, f"&#{ord(character)};")


def code(value: str) -> Markup:
    """A string of data as a span of code, outside of tables."""
    line = " ".join(text.visible(value).split())
    ticks = _ticks(line, at_least=1)
    space = " " if "`" in line else ""
    return Markup(f"{ticks}{space}{line}{space}{ticks}")


def fenced(lines: str, language: str = "") -> Markup:
    """Text in a block of code that nothing in it can end; what hides is shown."""
    lines = text.visible(lines)
    ticks = _ticks(lines, at_least=3)
    return Markup("\n".join([f"{ticks}{language}", lines.rstrip("\n"), ticks]))


def _ticks(content: str, at_least: int) -> str:
    """More backticks than stand together in a text."""
    return "`" * max(at_least, 1 + max(map(len, re.findall("`+", content)), default=0))


def _front_matter(shown: Mapping[str, Any], exported: Exported) -> str:
    training = shown["training"] or {}
    results = [*_task_results(shown, exported), *_suite_results(shown, exported)]
    relation = {"merged": "finetune", "adapter": "adapter"}[exported.form]
    tags = ["tutelage", *(training[each] for each in ("method", "objective") if each in training)]
    known: dict[str, Any] = {**exported.licence}
    if exported.base:
        known |= {"base_model": exported.base, "base_model_relation": relation}
    data = ModelCardData(
        library_name=None if exported.software == "attach" else exported.software,
        pipeline_tag=_task_type(exported),
        datasets=list(exported.datasets) or None,
        tags=tags,
        metrics=sorted({one.metric_type for one in results}) or None,
        model_name=_plain(shown["name"]) if results else None,
        eval_results=results or None,
        **known,
    )
    return f"{data.to_yaml()}\n"


def _task_type(exported: Exported) -> str:
    return "text-generation" if exported.generates else "fill-mask"


def _task_results(shown: Mapping[str, Any], exported: Exported) -> list[EvalResult]:
    """The primary metric of every task of the run's own."""
    lines = [(group, line.row) for group in shown["groups"] for line in group.lines]
    return [
        EvalResult(
            task_type=_task_type(exported),
            dataset_type=_plain(shown["name"]),
            dataset_name=f"{_plain(row.task)} ({'held-out task' if group.held_out else 'test'}, "
            f"{row.items} items)",
            dataset_config=_plain(row.task),
            dataset_split="test",
            **_measured(row, shown["percent"]),
        )
        for group, row in lines
        if row.tuned is not None
    ]


def _suite_results(shown: Mapping[str, Any], exported: Exported) -> list[EvalResult]:
    """The primary measures of every suite that was asked."""
    return [
        EvalResult(
            task_type=_task_type(exported),
            dataset_type=_plain(suite.name),
            dataset_name=f"{_plain(suite.title)} ({row.items} items)",
            **_measured(row, shown["percent"]),
        )
        for area in shown["areas"]
        for suite in area.suites
        for row in suite.primary
        if row.tuned is not None
    ]


def _measured(row: Comparison, percent: str) -> dict[str, Any]:
    name, digits = _plain(row.metric), row.digits
    change = f"{text.signed(row.difference, digits)} ({text.interval(row.interval, digits)})"
    before = text.number(row.base, digits)
    return {
        "metric_type": name,
        "metric_name": f"{name}, base {before}, difference {change}, {percent} interval",
        "metric_value": round(row.tuned or 0.0, 4),
    }


def _plain(value: str) -> str:
    """A string of data for YAML: on one line, nothing hidden."""
    return " ".join(text.visible(value).split())


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tutelage.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value if isinstance(value, Markup) else escaped(value),
    )
    environment.filters |= text.FILTERS
    environment.filters |= {"local": local, "fenced": fenced, "code": code}
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment
