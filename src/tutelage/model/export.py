"""Write a tuned model for others to load, and prove that it is the same model there.

`merged` is a plain transformers folder, `adapter` a PEFT folder. Before the folder gets its name,
plain transformers or plain PEFT loads it, and must give the same logits and the same greedy text
as the tuned model in memory, and the same token ids; or there is no export. The proof is made in
float32: in bfloat16 rounding alone moves logits by a hundred times the tolerance.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from tutelage.errors import UserError
from tutelage.model.attention import NAME, using
from tutelage.model.attention.prefix import prefixes_of
from tutelage.model.families import Family
from tutelage.model.families.family import set_attention
from tutelage.model.fused import unfuse
from tutelage.model.methods import methods
from tutelage.model.methods.structure import Plain
from tutelage.model.new_folder import new_folder
from tutelage.model.quiet import quiet_transformers

TOLERANCE = 1e-4
"""Largest difference of a logit, over the largest logit of the prompt."""
GREEDY_TOKENS = 24
"""Length of the texts compared."""

Form = Literal["merged", "adapter"]


@dataclass(frozen=True)
class Parity:
    """How well an export agreed with the model in memory.

    Attributes:
        prompts: how many were compared.
        logit_difference: the largest, over the largest logit of its prompt.
        greedy_tokens: tokens of text compared, all equal.
    """

    prompts: int
    logit_difference: float
    greedy_tokens: int


@dataclass(frozen=True)
class Behaviour:
    """What a model does with one prompt: logits (tokens, vocabulary) and greedy answer (n,)."""

    logits: Tensor
    answer: Tensor


def export(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    method: str,
    form: Form,
    base_folder: Path,
    template: str,
    stop_token_ids: Sequence[int],
    prompts: Sequence[Sequence[int]],
    family: Family,
    opening: Sequence[int] = (),
    readme: Callable[[Path, Parity], str] | None = None,
) -> Parity:
    """Write a tuned model into a new folder and prove it there.

    Args:
        model: the tuned model in float32; its own modules are put back in place of fused ones.
            `merged` uses it up: it is merged in place.
        tokenizer: its tokenizer; left as it is.
        folder: what to make; must not exist yet, or be empty.
        method: the name of the method it was tuned by.
        form: `merged` for one plain model, `adapter` for what was tuned alone.
        base_folder: the base model's files, for the proof of an adapter.
        template: the chat template to save with it.
        stop_token_ids: every token that ends an answer.
        prompts: token ids to compare on; at least one, none empty.
        family: the model's kind.
        opening: what a decoder reads before its answer, if an encoder reads the prompt.
        readme: gives the text of the folder's `README.md`, told what was written and how it agreed;
            without it there is none.

    Raises:
        UserError: the folder is taken, the method has no such form, the extra `peft` is missing,
            or the reloaded model is not the same; then nothing is left behind.
    """
    _check_possible(model, folder, method, form)
    unfuse(model)  # so that what is written is held against the architecture's definition
    expected = [_behave(model, prompt, opening, stop_token_ids) for prompt in prompts]
    with new_folder(folder) as made, quiet_transformers():
        if form == "merged":
            methods.get(method).merge(model)
            model.save_pretrained(made)
            if model.can_generate():
                _write_generation(made, stop_token_ids, opening)
        else:
            methods.get(method).save(model, made)
        _write_tokenizer(tokenizer, template, made, prompts)
        reloaded = _reload(made, form, method, base_folder, family)
        found = [_behave(reloaded, prompt, opening, stop_token_ids) for prompt in prompts]
        parity = compare(expected, found)
        if readme is not None:
            (made / "README.md").write_text(readme(made, parity), encoding="utf-8")
        return parity


def compare(expected: Sequence[Behaviour], found: Sequence[Behaviour]) -> Parity:
    """Agreement of two models on the same prompts.

    Raises:
        UserError: they do not agree.
    """
    worst = 0.0
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        scale = ours.logits.abs().max()
        difference = ((ours.logits - theirs.logits).abs().max() / scale).item()
        if not difference <= TOLERANCE:  # NaN is no agreement either
            raise _not_the_same(f"its logits differ by {difference:.1g} on prompt {number}")
        worst = max(worst, difference)
        if not torch.equal(ours.answer, theirs.answer):
            raise _not_the_same(f"its greedy answer to prompt {number} is another one")
    return Parity(len(expected), worst, sum(len(one.answer) for one in expected))


def _check_possible(model: PreTrainedModel, folder: Path, method: str, form: Form) -> None:
    if model.dtype != torch.float32:
        raise ValueError(f"an export is proven in float32, but the model is {model.dtype}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("the export's folder is taken", where=str(folder), fix="name a new one")
    if form == "adapter" and not methods.get(method).keeps_base:
        what = f"a model tuned by the method {method} has no adapter"
        raise UserError(what, fix="export it with --to merged")


@torch.no_grad()
def _behave(
    model: Any, prompt: Sequence[int], opening: Sequence[int], stop_token_ids: Sequence[int]
) -> Behaviour:
    """Logits and greedy answer in eager attention, the architecture's own definition.

    Where an encoder reads the prompt, logits are those of the opening and then the prompt's tokens
    once more, for want of an answer: any would do. Our attention takes the place of the eager one
    where there are prefixes: only it knows them.
    """
    ids = torch.tensor([list(prompt)], device=model.device)
    start = torch.tensor([list(opening)], dtype=torch.long, device=model.device)
    beside = {"decoder_input_ids": torch.cat([start, ids], dim=1)} if opening else {}
    training, attention = model.training, model.config._attn_implementation
    prefixed = bool(prefixes_of(model))
    model.train(False)
    set_attention(model, NAME if prefixed else "eager")
    try:
        with quiet_transformers(), using(Plain()):
            if not model.can_generate():  # a masked language model: the likeliest at each place
                logits = model(input_ids=ids).logits[0]
                return Behaviour(logits.cpu(), logits.argmax(dim=1).cpu())
            logits = model(input_ids=ids, use_cache=False, **beside).logits[0]
            answer = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=GREEDY_TOKENS,
                use_cache=not prefixed,
                do_sample=False,
                num_beams=1,
                forced_bos_token_id=opening[1] if len(opening) > 1 else None,
                eos_token_id=list(stop_token_ids),
                pad_token_id=stop_token_ids[0],
            )
    finally:
        set_attention(model, attention)
        model.train(training)
    read = 1 if opening else ids.shape[1]
    return Behaviour(logits.cpu(), answer[0, read:].cpu())


def _write_generation(folder: Path, stop_token_ids: Sequence[int], opening: Sequence[int]) -> None:
    """Make every stop token one for `generate` and for vLLM, and the opening's second token the
    one that it begins with; keep the rest of the file."""
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    settings["eos_token_id"] = list(stop_token_ids)
    if len(opening) > 1:
        settings["forced_bos_token_id"] = opening[1]
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def _write_tokenizer(
    tokenizer: Tokenizer, template: str, folder: Path, prompts: Sequence[Sequence[int]]
) -> None:
    ours = copy.deepcopy(tokenizer)
    ours.chat_template = template
    ours.save_pretrained(folder)
    again: Tokenizer = AutoTokenizer.from_pretrained(folder)
    if again.chat_template != template:
        raise _not_the_same("its chat template is another one")
    for prompt in prompts:
        text = ours.decode(list(prompt))
        if ours.encode(text) != again.encode(text):
            raise _not_the_same(f"its tokenizer gives other ids for {text!r:.60}")


def _reload(folder: Path, form: Form, method: str, base_folder: Path, family: Family) -> Any:
    """The model as somebody without Tutelage loads it."""
    source = folder if form == "merged" else base_folder
    plain = family.loader.from_pretrained(
        source, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    return plain if form == "merged" else methods.get(method).loaded_elsewhere(plain, folder)


def _not_the_same(why: str) -> UserError:
    return UserError(
        f"the export was undone: reloaded by other software, {why}",
        fix="please report this with the model's name: it is a fault of Tutelage or of the model",
    )
