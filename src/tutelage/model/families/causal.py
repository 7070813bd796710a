"""Decoder-only language models.

Between hidden states and logits, transformers' causal models (all 173 modelling files of 5.23
were read) do one of four things after the matrix product: nothing, scale (Cohere multiplies,
Granite divides, Falcon-H1 has a multiplier), or cap softly (Gemma 2 and later, NanoChat,
RecurrentGemma). MiniCPM3 divides the hidden states, which is the same as dividing the logits.
A model that does anything else is not guessed at: `probe` finds and refuses it.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tutelage.errors import UserError
from tutelage.model.attention import TreeLayout, using
from tutelage.model.attention.tree import paths
from tutelage.model.families import families
from tutelage.model.families.family import Head, decoder, output_head
from tutelage.prompt.tree import Segment

PROBE = (Segment(0, 6, -1), Segment(6, 11, 0), Segment(11, 16, 0), Segment(16, 21, -1))
"""A forest with all that one can have: a prefix, two branches and a second root."""
TOLERANCE = 1e-4
"""Largest distance from the model's own logits, over their norm. Measured for SmolLM2-135M,
Gemma 3 270M and a 15M Llama: up to 4e-6, and from 0.2 on where examples see each other."""
ROUNDED = 0.1
"""The same in 16 bits, where rounding alone was measured to make up to 0.07."""


class Causal:
    """The family of decoder-only models; see `Family` for what each method gives."""

    def backbone(self, model: PreTrainedModel) -> nn.Module:
        """The model without its head."""
        return decoder(model)

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
        """Compare a small forest of tokens with the model's own forward pass on each path alone.

        The model's own is taken with eager attention, the architecture's definition. So a head
        that is not understood is found, attention that means something else (sinks, biases by
        distance), and anything that lets the examples of a row see each other (recurrences).
        """
        row = self._row(model, torch.linspace(0, 1, PROBE[-1].end))
        training, attention = model.training, model.config._attn_implementation
        model.train(False)
        try:
            with using(TreeLayout(PROBE, model.device)):
                ours = self.logits(model, self.hidden_states(model, *row))
            model.set_attn_implementation("eager")
            for path in paths(PROBE):
                ids, positions = (torch.cat([part[:, cut] for cut in path], 1) for part in row)
                own = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0]
                _compare(model, torch.cat([ours[cut] for cut in path]), own)
        except NotImplementedError as error:
            raise _refused(model, str(error)) from None
        finally:
            model.set_attn_implementation(attention)
            model.train(training)

    def _row(self, model: PreTrainedModel, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids from all over the vocabulary, shuffled, and their positions, each (1, n)."""
        if "position_ids" not in inspect.signature(self.backbone(model).forward).parameters:
            raise _refused(model, "it takes no position ids, so examples cannot share a row")
        vocabulary = self.head(model).weight.shape[0]
        order = torch.randperm(len(spread), generator=torch.Generator().manual_seed(0))
        ids = (spread * (vocabulary - 1)).long()[order]
        depths = torch.empty_like(ids)
        for segment, path in zip(PROBE, paths(PROBE), strict=True):
            above = sum(cut.stop - cut.start for cut in path[:-1])
            depths[segment.start : segment.end] = torch.arange(segment.end - segment.start) + above
        return ids[None].to(model.device), depths[None].to(model.device)


def _compare(model: PreTrainedModel, ours: Tensor, own: Tensor) -> None:
    if own.shape != ours.shape:
        shapes = f"{list(own.shape)}, not {list(ours.shape)}"
        raise _refused(model, f"its logits have shape {shapes}")
    error = ((own.float() - ours.float()).norm() / own.float().norm()).item()
    if not error <= (TOLERANCE if model.dtype.itemsize > 2 else ROUNDED):
        raise _refused(model, f"packed, its logits differ from its own by {error:.1g}")


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
