"""The commented recipe that `tutelage init` writes, generated from the types.

Every key is there with its documentation: the few that most runs decide are set, the rest stand at
their defaults behind a `#` without a space, so that removing that one character is all it takes.
Nothing is written by hand but what each purpose sets, and a test loads every line of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.options import Options
from tutelage.purpose import Purpose
from tutelage.recipe.recipe import Recipe
from tutelage.recipe.schema import ANY_NAME, KeyPath, Kind, dotted, meaning
from tutelage.recipe.writing import yaml_lines
from tutelage.rundir import write_text

_WIDTH = 96


@dataclass(frozen=True)
class _Plan:
    """What a purpose sets, and why its metrics.

    Args:
        title: what the recipe is for.
        metrics: the first one is primary.
        max_new_tokens: longest answer worth waiting for.
        settings: further keys and values.
    """

    title: str
    metrics: tuple[str, ...]
    max_new_tokens: int
    settings: dict[str, Any] = field(default_factory=dict)


_PLANS = {
    Purpose.CHAT: _Plan(
        "conversations: open answers, where overlap with a reference is a weak hint",
        ("rougeL", "chrf"),
        256,
        {"prompt.loss_on": "assistant"},
    ),
    Purpose.CLASSIFY: _Plan(
        "classification: the answer is a label",
        ("classification_f1", "exact_match"),
        16,
    ),
    Purpose.EXTRACT: _Plan(
        "extraction: the answer is a list, a table or JSON",
        ("exact_match", "token_f1"),
        256,
    ),
    Purpose.SUMMARIZE: _Plan(
        "summaries: long prompts, short answers",
        ("rougeL", "rouge1", "rouge2", "rougeLsum"),
        128,
        {"prompt.max_tokens": 2048, "prompt.over_long": "truncate_prompt"},
    ),
    Purpose.QA: _Plan(
        "question answering: short answers that are right or wrong (SQuAD's two metrics)",
        ("exact_match", "token_f1"),
        64,
    ),
    # chrF agrees with people on code better than BLEU does (Evtikhiev et al. 2023).
    Purpose.CODE: _Plan(
        "code: chrF compares with the reference; whether it runs is for your tests to say",
        ("chrf", "exact_match"),
        512,
        {"prompt.max_tokens": 2048},
    ),
}

_ALWAYS_SET = (
    "model.base",
    "model.method",
    "model.lora.rank",
    "data.validation",
    "data.test",
    "prompt.max_tokens",
    "prompt.over_long",
    "train.epochs",
    "train.batch_size",
)

_HEADER = """\
For {title}.

Set data.train to your file, then:
  tutelage check {file}           (is all well? costs no training)
  tutelage run {file} --out RUN   (tune, evaluate, report)

A line that begins with # and no space is a setting at its default: remove the # to change it.
Relative paths start from this file. Any setting can be given as --set train.epochs=1 too."""


def init(
    purpose: Purpose = Purpose.CHAT, out: Path = Path("recipe.yaml"), force: bool = False
) -> Path:
    """Write a commented recipe.

    Args:
        purpose: what the model is to be tuned for.
        out: where to write it.
        force: overwrite a file that is there.

    Raises:
        UserError: there is a file already, or it cannot be written.
    """
    if out.is_dir():
        raise UserError("expected a file to write, found a folder", where=str(out))
    if out.exists() and not force:
        raise UserError(
            "the file exists", where=str(out), fix="overwrite it with --force, or name another"
        )
    try:
        write_text(out, template(purpose, out.name))
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(out)) from error
    return out


def to_tune(path: str | Path) -> str:
    """What to do with a file where a model that was tuned is wanted."""
    if Path(path).suffix in (".yaml", ".yml"):
        return f"to tune one here: tutelage run {path} --out RUN"
    return (
        "to tune one on such data, name it in data.train of a recipe (`tutelage init` writes one)"
    )


def template(purpose: Purpose, file: str = "recipe.yaml") -> str:
    """The commented recipe for a purpose, as text.

    Args:
        purpose: what the model is to be tuned for.
        file: the recipe's name, for the commands in its header.
    """
    plan = _PLANS[purpose]
    settings: dict[str, Any] = {
        "name": str(purpose),
        "data.train.0.path": "train.jsonl",
        "evaluate.metrics": list(plan.metrics),
        "evaluate.decode.max_new_tokens": plan.max_new_tokens,
        **plan.settings,
    }
    header = _HEADER.format(title=plan.title, file=file).splitlines()
    lines = [f"# {line}".rstrip() for line in header]
    return "\n".join([*lines, *_section(Recipe, (), settings)]) + "\n"


def _section(options: type[Options], path: KeyPath, settings: dict[str, Any]) -> Iterator[str]:
    """The lines of one section, indented by its depth."""
    for name, info in options.model_fields.items():
        if not path:
            yield ""
        kind = Kind.of(info)
        yield from _comment(meaning(info), kind, "  " * len(path))
        yield from _entry((*path, name), kind, info.get_default(), settings)


def _entry(key: KeyPath, kind: Kind, default: Any, settings: dict[str, Any]) -> Iterator[str]:
    """The lines of one setting; those of a section follow its name."""
    indent, name = "  " * (len(key) - 1), str(key[-1])
    named = kind.step(ANY_NAME)
    if kind.section:
        # What is in an entry that is only an example is commented out with it.
        in_example = ANY_NAME in key or (0 in key and key[:2] != ("data", "train"))
        yield f"{indent}#{name}:" if in_example else f"{indent}{name}:"
        yield from _section(kind.section, key, settings)
    elif kind.item and kind.item.section and default is PydanticUndefined:
        yield f"{indent}{name}:"
        yield from _as_item(_section(kind.item.section, (*key, 0), settings))
    elif kind.item and kind.item.section and kind.item.section is not SourceOptions:
        yield f"{indent}#{name}:"
        yield from _as_item(_section(kind.item.section, (*key, 0), settings))
    elif named and named.section:
        yield f"{indent}#{name}:"
        yield f"{indent}  #{ANY_NAME}:"
        yield from _section(named.section, (*key, ANY_NAME), settings)
    else:
        value = list(default) if isinstance(default, tuple) else default
        (line,) = yaml_lines({name: settings.get(dotted(key), value)})
        is_set = dotted(key) in settings or dotted(key) in _ALWAYS_SET
        yield f"{indent}{line}" if is_set else f"{indent}#{line}"


def _as_item(lines: Iterator[str]) -> Iterator[str]:
    """The lines of a section as one item of a list: its first setting gets the dash."""
    for line in lines:
        if line.lstrip().startswith("# "):
            yield line[2:]
        else:
            setting = line.lstrip()
            indent = " " * (len(line) - len(setting) - 2)
            mark, setting = ("#", setting[1:]) if setting.startswith("#") else ("", setting)
            yield f"{indent}{mark}- {setting}"
            break
    yield from lines


def _comment(text: str, kind: Kind, indent: str) -> list[str]:
    """The setting's documentation, with its choices if there is a closed set of them."""
    if kind.is_choice:
        text += f" [{kind.words()}]"
    mark = f"{indent}# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False
    )
