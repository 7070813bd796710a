"""Decoder-only language models.

Between hidden states and logits, transformers' causal models (all 173 modelling files of 5.23
were read) do one of four things after the matrix product: nothing, scale (Cohere multiplies,
Granite divides, Falcon-H1 has a multiplier), or cap softly (Gemma 2 and later, NanoChat,
RecurrentGemma). MiniCPM3 divides the hidden states, which is the same as dividing the logits.
A model that does anything else is not guessed at: `probe` compares with the model's own forward
pass and refuses it.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.families import families
from tutelage.model.families.family import Head, output_head

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8}
"""Largest difference from the model's own logits, over their largest magnitude."""
ROUNDED = 2e-2
"""The same for 16-bit formats."""


class Causal:
    """The family of decoder-only models; see `Family` for what each method gives."""

    def backbone(self, model: PreTrainedModel) -> nn.Module:
        """The model without its head."""
        backbone: nn.Module = model.base_model
        return backbone

    def head(self, model: PreTrainedModel) -> Head:
        """The output embedding and what the architecture does after it."""
        output = output_head(model)
        if not isinstance(output, nn.Linear):
            raise _refused(model, "its output head is not one linear layer")
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
        """Compare with the model's own forward pass on a few tokens."""
        if "position_ids" not in inspect.signature(self.backbone(model).forward).parameters:
            raise _refused(model, "it takes no position ids, so examples cannot share a row")
        vocabulary = self.head(model).weight.shape[0]
        ids = torch.arange(1, 9, device=model.device).remainder(vocabulary)[None]
        positions = torch.arange(ids.shape[1], device=model.device)[None]
        training = model.training
        model.train(False)
        try:
            own = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0].float()
            ours = self.logits(model, self.hidden_states(model, ids, positions)).float()
        finally:
            model.train(training)
        if own.shape != ours.shape:
            raise _refused(model, f"its logits have shape {list(own.shape)}, not our head's")
        error = ((own - ours).abs().max() / own.abs().max()).item()
        if not error <= TOLERANCE.get(model.dtype, ROUNDED):
            raise _refused(model, f"its logits differ from hidden states times head by {error:.1g}")


def _transform(config: dict[str, Any]) -> tuple[float, float | None]:
    """Scale and soft cap of the logits, from the configuration's fields."""
    scale = config.get("logit_scale") or config.get("lm_head_multiplier") or 1.0
    if scaling := config.get("logits_scaling"):
        scale = scaling if config["model_type"] == "hyperclovax" else 1.0 / scaling
    softcap = config.get("final_logit_softcapping") or config.get("logits_soft_cap")
    return float(scale), None if softcap is None else float(softcap)


def _refused(model: PreTrainedModel, why: str) -> UserError:
    return UserError(
        f"the architecture {type(model).__name__} cannot be tuned here: {why}",
        where="model.base",
        fix="choose a model of another architecture, such as Llama, Qwen, Mistral or Gemma",
    )


causal = families.register("causal")(Causal())
