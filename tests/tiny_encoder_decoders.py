"""Tiny random encoder-decoders of several architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import processors
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel

from tiny_models import VOCABULARY, make_tokenizer
from tutelage.model import attention as _registers  # noqa: F401

T5 = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 16,
    "dropout_rate": 0.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}
BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 128,
    "dropout": 0.0,
    "bos_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "forced_eos_token_id": None,
    "decoder_start_token_id": 1,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "t5": ("t5", T5),
    "flan-t5": ("t5", {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "mt5": ("mt5", T5),
    "bart": ("bart", BART),
    "mbart": ("mbart", {**BART, "scale_embedding": True}),
    "marian": ("marian", {**BART, "scale_embedding": True, "decoder_start_token_id": 0}),
    "pegasus": ("pegasus", BART),
    "blenderbot": ("blenderbot", BART),
    "plbart": ("plbart", BART),
    "mvp": ("mvp", BART),
    "m2m_100": ("m2m_100", BART),
    "umt5": ("umt5", T5),
}


def make_model(kind: str, **changes: object) -> PreTrainedModel:
    """A random model of an architecture, the same every time."""
    model_type, shape = KINDS[kind]
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        model_type, vocab_size=VOCABULARY, attn_implementation="tutelage", **{**shape, **changes}
    )
    model: PreTrainedModel = AutoModelForSeq2SeqLM.from_config(config)
    for parameter in model.parameters():  # livelier than 0.02, so that outputs differ
        if parameter.ndim == 2 and parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    for name, buffer in model.named_buffers():
        if name == "final_logits_bias":
            torch.nn.init.normal_(buffer)
    model.name_or_path = f"tiny-{kind}"
    return model.train(False)


def save_folder(folder: Path, kind: str, **changes: object) -> Path:
    """Save a tiny model with a tokenizer that ends its texts as the model's kind does."""
    make_model(kind, **changes).save_pretrained(folder)
    tokenizer = make_tokenizer()
    tokenizer.chat_template = None
    opened = "<s> " if KINDS[kind][0] == "bart" else ""
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{opened}$A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer.save_pretrained(folder)
    return folder
