"""What a person probably meant: the nearest key, and the usual reason for a wrong value.

Names that other tools use for the same thing are known (`lr`, `per_device_train_batch_size`), since
most first recipes are written from memory of another one.
"""

from __future__ import annotations

import difflib
import json
from typing import Any, Literal, get_args, get_origin

from tutelage.errors import nearest
from tutelage.options import Options
from tutelage.recipe.schema import KeyPath, Kind, dotted, keys, kind_at

OTHER_TOOLS = {
    "lr": "train.learning_rate",
    "num_train_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "lr_scheduler": "train.schedule",
    "lr_scheduler_type": "train.schedule",
    "warmup_ratio": "train.warmup",
    "warmup_steps": "train.warmup",
    "max_grad_norm": "train.max_gradient_norm",
    "per_device_train_batch_size": "train.batch_size",
    "gradient_accumulation_steps": "train.micro_batch_tokens",
    "micro_batch_size": "train.micro_batch_tokens",
    "gradient_checkpointing": "train.activation_checkpointing",
    "eval_steps": "train.validate_every",
    "save_steps": "train.checkpoint_every",
    "save_total_limit": "train.keep_checkpoints",
    "early_stopping_patience": "train.patience",
    "report_to": "train.trackers",
    "adam_epsilon": "train.epsilon",
    "base_model": "model.base",
    "model_name_or_path": "model.base",
    "peft": "model.method",
    "torch_dtype": "model.precision",
    "bf16": "model.precision",
    "dtype": "model.precision",
    "r": "model.lora.rank",
    "lora_r": "model.lora.rank",
    "lora_rank": "model.lora.rank",
    "lora_alpha": "model.lora.alpha",
    "lora_dropout": "model.lora.dropout",
    "lora_target_modules": "model.lora.target_modules",
    "use_rslora": "model.lora.rank_stabilised",
    "use_dora": "model.lora.dora",
    "loraplus_lr_ratio": "model.lora.learning_rate_ratio",
    "num_virtual_tokens": "model.prefix.tokens",
    "encoder_hidden_size": "model.prefix.projection",
    "prefix_projection": "model.prefix.projection",
    "bottleneck_size": "model.adapter.width",
    "datasets": "data.train",
    "dataset": "data.train",
    "train_file": "data.train",
    "val_set_size": "data.validation",
    "test_size": "data.test",
    "chat_template": "prompt.template",
    "system_prompt": "prompt.system",
    "max_length": "prompt.max_tokens",
    "max_seq_length": "prompt.max_tokens",
    "sequence_len": "prompt.max_tokens",
    "cutoff_len": "prompt.max_tokens",
    "truncation": "prompt.over_long",
    "do_sample": "evaluate.decode.temperature",
}
"""Their name: our key."""

WHOLE = (
    "a recipe is one mapping of settings; a file of data is named in its data.train "
    "(`tutelage init` writes one)"
)
"""What to do where a whole file is no recipe."""

_CLOSE = 0.7


def found(value: Any) -> str:
    """A value in words: `"fast"`, `a list of 3`, `nothing (null)`."""
    match value:
        case None:
            return "nothing (null)"
        case str():
            text = value if len(value) <= 60 else f"{value[:60]}…"
            return f"the text {json.dumps(text, ensure_ascii=False)}"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"settings ({', '.join(list(value)[:3])})" if value else "empty settings ({})"
        case _:
            return json.dumps(value)


def advice(kind: Kind, value: Any) -> str | None:
    """How a value of the wrong kind is probably set right; None if there is nothing to add."""
    wanted = [branch.annotation for branch in kind.branches]
    if isinstance(value, str):
        return _advice_on_text(wanted, value)
    if isinstance(value, float) and int in wanted and value.is_integer():
        return f"write {value:.0f}"
    if value is None:
        return "give a value, or remove the line to keep the default"
    if str in wanted and isinstance(value, bool | int | float):
        return f'write it in quotes: "{found(value)}"'
    if str in wanted and isinstance(value, dict):
        return "put a text that has a colon in quotes"
    return None


def _advice_on_text(wanted: list[Any], text: str) -> str | None:
    for choice in wanted:
        if choice is bool and text.lower() in ("yes", "on", "y", "true"):
            return f"write true: YAML 1.2 reads {text} as text"
        if choice is bool and text.lower() in ("no", "off", "n", "false"):
            return f"write false: YAML 1.2 reads {text} as text"
        if choice in (int, float) and _is_number(text):
            return f"remove the quotes: {text}"
        if choice in (int, float) and _is_number(text.replace(",", ".", 1)):
            return f"write a point: {text.replace(',', '.', 1)}"
        if get_origin(choice) is list:
            return f"write a list: [{text}]"
        if get_origin(choice) is Literal:
            close = nearest(text, map(str, get_args(choice)), limit=1)
            return f"did you mean {close[0]}?" if close else None
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def likely_keys(path: KeyPath, options: type[Options]) -> list[KeyPath]:
    """The valid keys that an unknown one probably stands for, best first.

    A key of the same section wins over an equally close one elsewhere, and what another tool calls
    by this name wins over both.
    """
    name, above = str(path[-1]), path[:-1]
    scores = {(*above, key): _likeness(name, key) + 0.1 for key in siblings(path, options)}
    for key in keys(options):
        scores[key.path] = max(scores.get(key.path, 0.0), _likeness(name, str(key.path[-1])))
        if key.dotted == OTHER_TOOLS.get(name):
            scores[key.path] = 2.0
    best = max(scores.values())
    close = [key for key, score in scores.items() if score >= max(_CLOSE, best - 0.05)]
    return sorted(close, key=lambda key: -scores[key])[:3]


def siblings(path: KeyPath, options: type[Options]) -> list[str]:
    """The valid keys beside the one at `path`."""
    sections = (branch.section for branch in kind_at(options, path[:-1]).branches)
    return [name for section in sections if section for name in section.model_fields]


def suggestion(path: KeyPath, options: type[Options]) -> str:
    """What to write in place of an unknown key, and what that key expects."""
    likely = likely_keys(path, options)
    if not likely:
        return f"expected one of {', '.join(siblings(path, options))}"
    best = likely[0]
    wanted = f"{dotted(best)} ({kind_at(options, best).words()})"
    if len(likely) == 1 and best[-1] == path[-1]:
        return f"it belongs under {dotted(best[:-1])}: {wanted}"
    return f"did you mean {' or '.join([wanted, *map(dotted, likely[1:])])}?"


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
