"""Encoder-decoders: T5 and its relatives, BART and its relatives (mBART, Marian, Pegasus …).

A pack has two rows. The encoder reads each distinct source once, every token seeing its whole
source; the decoder reads the answers as token trees, each segment attending exactly its own
source. So several answers share one encoding of their prompt, and nothing is padded. Places are
given through hooks (see `places`), since these models count along the row.

The head of T5's first version scales its input by the width's root (in transformers the weight is
left as it is, so the logits are scaled instead); BART's relatives add a fixed bias to the logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from tutelage.errors import UserError
from tutelage.model.attention import EncoderDecoderLayout, Layout, using
from tutelage.model.attention.kernels import Kernel
from tutelage.model.attention.tree import paths
from tutelage.model.families import families
from tutelage.model.families.family import Head, decoder, output_head, set_attention, stacks
from tutelage.model.families.places import placed, takes_places
from tutelage.model.families.proof import check_apart, check_logits, probing, refused, spread_ids
from tutelage.prompt.form import MakeForm
from tutelage.prompt.rendered import Rendered
from tutelage.prompt.source_and_answer import DecoderStart
from tutelage.prompt.tree import Forest, merge

INSTEAD = "T5, BART or Marian"
SHARED = 4


class EncoderDecoder:
    """The family of encoder-decoders; see `Family` for what each method gives."""

    loader: Any = AutoModelForSeq2SeqLM

    def builds(self, config: Mapping[str, Any]) -> bool:
        """Whether transformers builds it as a model from text to text.

        Some are saved under the name of their class without a head, which is tied anyway (BART).
        """
        kind = config["model_type"]
        expected = MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.get(kind)
        if expected is None or not config.get("is_encoder_decoder", False):
            return False
        architecture = next(iter(config.get("architectures") or [expected]))
        return architecture in (expected, MODEL_MAPPING_NAMES.get(kind))

    def form(self, model: PreTrainedModel) -> MakeForm:
        """The conversation so far as source, and the answer.

        Raises:
            UserError: the model does not say how its decoder begins.
        """
        settings = (model.generation_config, model.config)
        start = _setting(settings, "decoder_start_token_id")
        if start is None:
            raise UserError(
                "the model does not say which token its decoder starts with",
                where="decoder_start_token_id in config.json",
                fix="set it (T5 starts with the padding token, mBART with the target language)",
            )
        return DecoderStart(start, _setting(settings, "forced_bos_token_id")).form

    def layout(self, model: PreTrainedModel, forest: Forest, kernel: Kernel) -> Layout:
        """Sources see themselves, answers their paths and their sources."""
        if kernel not in ("auto", "segments"):
            raise UserError(
                f"encoder-decoders train with segments, not with {kernel}",
                where="train.attention",
                fix="leave it out",
            )
        return EncoderDecoderLayout(forest, model.device)

    def forest_states(self, model: PreTrainedModel, forest: Forest) -> Tensor:
        """The sources as one row of the encoder, the trees as one of the decoder."""
        lengths = forest.sources.lengths()
        counted = np.concatenate([np.arange(length) for length in lengths])
        rows = (forest.sources.ids, counted, forest.ids, forest.positions)
        source, at, ids, positions = (torch.from_numpy(row)[None].to(model.device) for row in rows)
        encoded = self.encoded(model, source, at)
        return self.hidden_states(model, ids, positions, encoder_hidden_states=encoded)

    def encoded(self, model: PreTrainedModel, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        """What the encoder makes of one packed row (1, tokens), (1, tokens, width)."""
        encoder = stacks(model)[0]
        with placed(encoder, position_ids[0], reach=input_ids.shape[1]):
            states: Tensor = encoder(input_ids=input_ids).last_hidden_state
        return states

    def backbone(self, model: PreTrainedModel) -> nn.Module:
        """The decoder."""
        return decoder(model)

    def head(self, model: PreTrainedModel) -> Head:
        """The output embedding with T5's scale, or BART's bias."""
        output = output_head(model)
        if not isinstance(output, nn.Linear):
            raise refused(model, "its output head is not one linear layer", INSTEAD)
        # Asked for at every step, so no copies of configuration and buffers.
        scaled = getattr(model.config, "scale_decoder_outputs", False)
        scale = model.config.d_model**-0.5 if scaled else 1.0
        bias = getattr(model, "final_logits_bias", None)
        return Head(output.weight, output.bias if bias is None else bias[0], scale)

    def hidden_states(
        self,
        model: PreTrainedModel,
        input_ids: Tensor,
        position_ids: Tensor,
        reach: int | None = None,
        **attention: Any,
    ) -> Tensor:
        """The decoder's last hidden states (tokens, width) of one packed row (1, tokens).

        Args:
            model: the model.
            input_ids: (1, tokens).
            position_ids: (1, tokens).
            reach: the largest position, where one may be beyond the row's length.
            attention: `encoder_hidden_states`, (1, source tokens, width), that the layout's
                `cross` attends; without them the decoder reads its row alone.
        """
        stack = decoder(model)
        longest = input_ids.shape[1] if reach is None else reach
        with placed(stack, position_ids[0], longest):
            output = stack(input_ids=input_ids, use_cache=False, **attention)
        hidden: Tensor = output.last_hidden_state
        return hidden[0]

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, width)."""
        return self.head(model).logits(hidden)

    @torch.no_grad()
    def probe(self, model: PreTrainedModel) -> None:
        """Compare a small forest with the model's own forward pass on each path and its source.

        Two sources, one of them under two answers that begin alike. What the first source holds
        must not move the answers to the second.
        """
        if not all(map(takes_places, stacks(model))):
            raise refused(model, "its tokens cannot be given places, so none share a row", INSTEAD)
        with probing(model, INSTEAD):
            forest = merge(_probed(model, self.head(model).weight.shape[0]), SHARED)
            with using(self.layout(model, forest, "segments")):
                hidden = self.forest_states(model, forest)
                moved = self.forest_states(model, _with_other_source(forest))
            for segment, source in zip(forest.segments, forest.sources.reads, strict=True):
                if source == 1:
                    at = slice(segment.start, segment.end)
                    check_apart(model, moved[at], hidden[at], INSTEAD)
            ours = self.logits(model, hidden)
            set_attention(model, "eager")
            sources = np.split(forest.sources.ids, forest.sources.ends[:-1])
            for path, source in zip(paths(forest.segments), forest.sources.reads, strict=True):
                ids = torch.from_numpy(np.concatenate([forest.ids[cut] for cut in path]))
                own = model(
                    input_ids=torch.from_numpy(sources[source])[None].to(model.device),
                    decoder_input_ids=ids[None].to(model.device),
                    use_cache=False,
                ).logits[0]
                check_logits(model, torch.cat([ours[cut] for cut in path]), own, INSTEAD)


def _setting(settings: tuple[Any, ...], name: str) -> int | None:
    """The first of a model's settings that has a token under this name."""
    found = (part.to_dict().get(name) for part in settings if part is not None)
    return next((token for token in found if token is not None), None)


def _probed(model: PreTrainedModel, vocabulary: int) -> list[Rendered]:
    """Three answers to two sources, of ids from all over the vocabularies."""
    embedding: Any = stacks(model)[0].get_input_embeddings()  # type: ignore[operator]
    sources = torch.split(spread_ids(16, embedding.weight.shape[0]), [9, 7])
    answers = torch.split(spread_ids(22, vocabulary), [SHARED + 1, 6, 4, 7])
    pairs = [
        (sources[0], torch.cat(answers[:2])),
        (sources[0], torch.cat([answers[0], answers[2]])),
        (sources[1], answers[3]),
    ]
    return [
        Rendered(
            answer.numpy().astype(np.int32),
            np.r_[0, np.ones(len(answer) - 1)].astype(np.float32),
            stop_trained=True,
            source=source.numpy().astype(np.int32),
        )
        for source, answer in pairs
    ]


def _with_other_source(forest: Forest) -> Forest:
    """The same with other tokens in the first source."""
    ids = forest.sources.ids.copy()
    ids[: forest.sources.ends[0]] = ids[0]
    return replace(forest, sources=forest.sources._replace(ids=ids))


encoder_decoder = EncoderDecoder()
families.register("encoder_decoder")(encoder_decoder)
