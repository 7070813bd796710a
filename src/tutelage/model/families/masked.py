"""Encoders with a masked-language head, tuned to write answers at masked places.

What the head does before its matrix product (a linear layer, an activation and a norm, in each
architecture under other names) counts as part of the hidden states, so that the product itself,
with its 30 to 250 thousand rows, goes through the same chunks as every other family's. Sequences
share a row without seeing each other, so they share nothing but as a whole; positions are those of
each sequence by itself, and begin where the architecture begins them (RoBERTa: behind the
padding's). `probe` proves all of it against the model's own forward pass on each sequence alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from tutelage.errors import UserError
from tutelage.model.attention import BidirectionalLayout, Layout, using
from tutelage.model.attention.kernels import Kernel
from tutelage.model.context import context_length, first_position
from tutelage.model.families import families
from tutelage.model.families.family import Head, output_head, set_attention
from tutelage.model.families.proof import check_apart, check_logits, probing, refused, spread_ids
from tutelage.prompt.form import MakeForm
from tutelage.prompt.masked_answer import MaskedAnswer
from tutelage.prompt.tree import Forest

PROBED = (7, 160, 12)
"""Lengths of the probe's sequences; the second is longer than ModernBERT's windows reach."""
INSTEAD = "BERT, RoBERTa, DistilBERT, ModernBERT or ALBERT"


def _bert(model: Any, hidden: Tensor) -> Tensor:
    states: Tensor = model.cls.predictions.transform(hidden)
    return states


def _roberta(model: Any, hidden: Tensor) -> Tensor:
    head = model.lm_head
    states: Tensor = head.layer_norm(F.gelu(head.dense(hidden)))
    return states


def _distilbert(model: Any, hidden: Tensor) -> Tensor:
    states: Tensor = model.vocab_layer_norm(model.activation(model.vocab_transform(hidden)))
    return states


def _modernbert(model: Any, hidden: Tensor) -> Tensor:
    states: Tensor = model.head(hidden)
    return states


def _albert(model: Any, hidden: Tensor) -> Tensor:
    head = model.predictions
    states: Tensor = head.LayerNorm(head.activation(head.dense(hidden)))
    return states


TRANSFORMS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "albert": _albert,
    "bert": _bert,
    "camembert": _roberta,
    "distilbert": _distilbert,
    "modernbert": _modernbert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
}
"""By `model_type`, what the masked-language head does before its matrix product."""


class Masked:
    """The family of encoders with a masked-language head; see `Family` for each method."""

    loader: Any = AutoModelForMaskedLM

    def builds(self, config: Mapping[str, Any]) -> bool:
        """Whether transformers builds it as a masked language model."""
        expected = MODEL_FOR_MASKED_LM_MAPPING_NAMES.get(config["model_type"])
        architecture = next(iter(config.get("architectures") or [expected]))
        return expected is not None and architecture == expected

    def form(self, model: PreTrainedModel) -> MakeForm:
        """The conversation as one text with places for the answer."""
        return MaskedAnswer

    def layout(self, model: PreTrainedModel, forest: Forest, kernel: Kernel) -> Layout:
        """Each sequence sees itself, in both directions."""
        if kernel not in ("auto", "segments"):
            raise UserError(
                f"masked language models train with segments, not with {kernel}",
                where="train.attention",
                fix="leave it out",
            )
        return BidirectionalLayout([end - start for start, end, _ in forest.segments])

    def forest_states(self, model: PreTrainedModel, forest: Forest) -> Tensor:
        """The forest as one packed row."""
        ids, positions = (
            torch.from_numpy(values)[None].to(model.device)
            for values in (forest.ids, forest.positions)
        )
        return self.hidden_states(model, ids, positions)

    def backbone(self, model: PreTrainedModel) -> nn.Module:
        """The encoder; what the head does before its matrix product is not part of it."""
        module: nn.Module = model.base_model
        return module

    def head(self, model: PreTrainedModel) -> Head:
        """The matrix product of the masked-language head."""
        output = output_head(model)
        if not isinstance(output, nn.Linear):
            raise refused(model, "its output head is not one linear layer", INSTEAD)
        return Head(output.weight, output.bias)

    def hidden_states(
        self, model: PreTrainedModel, input_ids: Tensor, position_ids: Tensor, **attention: Any
    ) -> Tensor:
        """What the head multiplies, (tokens, width), for one packed row (1, tokens)."""
        output = self.backbone(model)(
            input_ids=input_ids, position_ids=position_ids + first_position(model), **attention
        )
        return self._transform(model)(model, output.last_hidden_state[0])

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, width)."""
        return self.head(model).logits(hidden)

    @torch.no_grad()
    def probe(self, model: PreTrainedModel) -> None:
        """Compare a small pack with the model's own forward pass on each sequence alone.

        The model's own is taken with eager attention and its own positions. So a head that is not
        understood is found, and positions or windows that mean something else; and that nothing of
        one sequence reaches another is seen by changing one.
        """
        self._transform(model)
        lengths = [min(length, context_length(model) or length) for length in PROBED]
        ids = self._ids(model, sum(lengths))
        positions = torch.cat([torch.arange(length) for length in lengths]).to(model.device)
        other = torch.cat([ids[: lengths[0]].flip(0), ids[lengths[0] :]])
        with probing(model, INSTEAD):
            with using(BidirectionalLayout(lengths)):
                hidden = self.hidden_states(model, ids[None], positions[None])
                moved = self.hidden_states(model, other[None], positions[None])
            check_apart(model, moved[lengths[0] :], hidden[lengths[0] :], INSTEAD)
            ours = torch.split(self.logits(model, hidden), lengths)
            set_attention(model, "eager")
            for mine, part in zip(ours, torch.split(ids, lengths), strict=True):
                check_logits(model, mine, model(input_ids=part[None]).logits[0], INSTEAD)

    def _transform(self, model: PreTrainedModel) -> Callable[[Any, Tensor], Tensor]:
        kind = model.config.model_type
        if kind not in TRANSFORMS:
            raise refused(model, "its masked-language head is not known", INSTEAD)
        return TRANSFORMS[kind]

    def _ids(self, model: PreTrainedModel, count: int) -> Tensor:
        """Token ids (count,) from all over the vocabulary, shuffled, none of them padding."""
        vocabulary = self.head(model).weight.shape[0]
        ids = spread_ids(count, vocabulary).to(model.device)
        padding = model.config.pad_token_id  # RoBERTa does not count it
        return ids if padding is None else torch.where(ids == padding, vocabulary // 2, ids)


masked = families.register("masked")(Masked())
