"""Decoder-only language models.

After the matrix product with the output embedding, nearly all causal models of transformers 5.23
(their 173 files were searched) do one of three things: nothing, scale (Cohere multiplies, Granite
divides, Falcon-H1 has a multiplier), or cap softly (Gemma 2 and later, NanoChat, RecurrentGemma).
A model that does anything else is not guessed at, nor is one whose examples cannot share a row:
`probe` finds and refuses it. Of 150 architectures built in miniature 76 pass; most others carry
state from token to token, take no position ids, or compute attention in a way of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tutelage.model.attention import TreeLayout, using
from tutelage.model.attention.kernels import Kernel, forest_layout
from tutelage.model.attention.layout import Layout
from tutelage.model.attention.tree import paths
from tutelage.model.families import families
from tutelage.model.families.family import Head, decoder, output_head, set_attention
from tutelage.model.families.proof import check_apart, check_logits, probing, refused, spread_ids
from tutelage.prompt.dialogue import Dialogue
from tutelage.prompt.form import MakeForm
from tutelage.prompt.tree import Forest, Segment

PROBE = (Segment(0, 6, -1), Segment(6, 11, 0), Segment(11, 16, 0), Segment(16, 21, -1))
"""A forest with all that one can have: a prefix, two branches and a second root."""
BRANCH = PROBE[1]
INSTEAD = "Llama, Qwen, Mistral or Gemma"


class Causal:
    """The family of decoder-only models; see `Family` for what each method gives."""

    loader: Any = AutoModelForCausalLM

    def builds(self, config: Mapping[str, Any]) -> bool:
        """Whether transformers builds it as a causal language model."""
        expected = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config["model_type"])
        architecture = next(iter(config.get("architectures") or [expected]))
        return expected is not None and architecture == expected

    def form(self, model: PreTrainedModel) -> MakeForm:
        """The conversation as one text."""
        return Dialogue

    def layout(self, model: PreTrainedModel, forest: Forest, kernel: Kernel) -> Layout:
        """Each token sees its own path."""
        return forest_layout(kernel, forest.segments, model.device)

    def forest_states(self, model: PreTrainedModel, forest: Forest) -> Tensor:
        """The forest as one packed row."""
        device = model.device
        ids, positions = (
            torch.from_numpy(values)[None].to(device) for values in (forest.ids, forest.positions)
        )
        return self.hidden_states(model, ids, positions)

    def backbone(self, model: PreTrainedModel) -> nn.Module:
        """The model without its head."""
        return decoder(model)

    def head(self, model: PreTrainedModel) -> Head:
        """The output embedding and what the architecture does after it."""
        output = output_head(model)
        if not isinstance(output, nn.Linear):
            raise refused(model, "its output head is not one linear layer", INSTEAD)
        scale, softcap = _transform(model.config.get_text_config().to_dict())
        return Head(output.weight, output.bias, scale, softcap)

    def hidden_states(
        self, model: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, **attention: Any
    ) -> Tensor:
        """Last hidden states (tokens, width) of one packed row (1, tokens)."""
        output = self.backbone(model)(
            input_ids=input_ids, position_ids=position_ids, use_cache=False, **attention
        )
        hidden: Tensor = output.last_hidden_state
        return hidden[0]

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, width)."""
        return self.head(model).logits(hidden)

    @torch.no_grad()
    def probe(self, model: PreTrainedModel) -> None:
        """Compare a small forest of tokens with the model's own forward pass on each path alone.

        The model's own is taken with eager attention, the architecture's definition. So a head
        that is not understood is found, and attention that means something else (sinks, biases by
        distance). Examples that see each other (recurrences, convolutions) are found exactly, in
        any precision: what one branch holds must not move the others.
        """
        row = self._row(model)
        with probing(model, INSTEAD):
            with using(TreeLayout(PROBE, model.device)):
                hidden = self.hidden_states(model, *row)
                moved = self.hidden_states(model, _other_branch(row[0]), row[1])
            rest = slice(BRANCH.end, None)
            check_apart(model, moved[rest], hidden[rest], INSTEAD)
            ours = self.logits(model, hidden)
            set_attention(model, "eager")
            for path in paths(PROBE):
                ids, positions = (torch.cat([part[:, cut] for cut in path], 1) for part in row)
                own = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0]
                check_logits(model, torch.cat([ours[cut] for cut in path]), own, INSTEAD)

    def _row(self, model: PreTrainedModel) -> tuple[Tensor, Tensor]:
        """Token ids from all over the vocabulary, shuffled, and their positions, each (1, n)."""
        if "position_ids" not in inspect.signature(self.backbone(model).forward).parameters:
            raise refused(
                model, "it takes no position ids, so examples cannot share a row", INSTEAD
            )
        length, vocabulary = PROBE[-1].end, self.head(model).weight.shape[0]
        ids = spread_ids(length, vocabulary)
        depths = torch.empty_like(ids)
        for segment, path in zip(PROBE, paths(PROBE), strict=True):
            above = sum(cut.stop - cut.start for cut in path[:-1])
            depths[segment.start : segment.end] = torch.arange(segment.end - segment.start) + above
        return ids[None].to(model.device), depths[None].to(model.device)


def _other_branch(ids: Tensor) -> Tensor:
    """The same row (1, n) with other tokens in one branch."""
    changed = ids.clone()
    changed[:, BRANCH.start : BRANCH.end] = ids[:, : BRANCH.end - BRANCH.start]
    return changed


def _transform(config: dict[str, Any]) -> tuple[float, float | None]:
    """Scale and soft cap of the logits, from the configuration's fields."""
    scale = config.get("logit_scale") or config.get("lm_head_multiplier") or 1.0
    if scaling := config.get("logits_scaling"):
        scale = scaling if config["model_type"] == "hyperclovax" else 1.0 / scaling
    softcap = config.get("final_logit_softcapping") or config.get("logits_soft_cap")
    return float(scale), None if softcap is None else float(softcap)


causal = families.register("causal")(Causal())
