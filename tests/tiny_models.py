"""Tiny random models of several architectures, and a tiny real tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tutelage.model import attention as _registers  # noqa: F401

VOCABULARY = 320
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "vocab_size": VOCABULARY,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
    "attn_implementation": "tutelage",
}
KINDS = {
    "llama": {"tie_word_embeddings": True},
    "gpt2": {
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 128,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    },
    "qwen3": {"tie_word_embeddings": False},
    "mistral": {"sliding_window": 8},
    "phi3": {},
    "olmo2": {},
    "gemma2": {"final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8},
    "gemma3_text": {"sliding_window": 8, "query_pre_attn_scalar": 8},
    "cohere": {"logit_scale": 0.25},
    "granite": {"logits_scaling": 4.0},
    "falcon_h1": {"lm_head_multiplier": 0.5, "mamba_d_ssm": 32, "mamba_n_heads": 4},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_dim": 32},
    "mixtral": {"num_local_experts": 4},
    "phi": {},
    "gpt_neox": {"use_parallel_residual": True},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "smollm3": {},
    "qwen2": {},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "gemma": {},
    "olmo": {},
    "cohere2": {},
    "starcoder2": {},
    "stablelm": {},
    "glm4": {},
    "falcon": {"alibi": False, "attn_implementation": "eager"},
    "gpt_neo": {
        "attention_types": [[["global", "local"], 1]],
        "num_layers": 2,
        "attn_implementation": "eager",
    },
    "codegen": {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 8},
    "gpt_oss": {"num_local_experts": 4, "tie_word_embeddings": False},
    "gemma3": {  # an image encoder beside the decoder
        "text_config": {**SHAPE, "sliding_window": 8, "query_pre_attn_scalar": 8},
        "vision_config": {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        "mm_tokens_per_image": 4,
        "image_token_index": 5,
    },
    "bloom": {"n_head": 4, "n_layer": 2},
    "gptj": {
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "rotary_dim": 8,
        "attn_implementation": "eager",
    },
}
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_model(kind: str, **changes: object) -> PreTrainedModel:
    """A random model of an architecture, the same every time."""
    shape = {**SHAPE, **KINDS[kind], **changes}
    derived = {"gpt2": ("head_dim", "intermediate_size"), "falcon": ("head_dim",)}
    shape = {name: value for name, value in shape.items() if name not in derived.get(kind, ())}
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **shape)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # livelier than 0.02, so that outputs differ
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.2)
    model.name_or_path = f"tiny-{kind}"
    return model.train(False)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with a chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the cat sat on the mat, and the dog sat on the log"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", chat_template=TEMPLATE
    )


def save_folder(folder: Path, kind: str = "llama", **changes: object) -> Path:
    """Save a tiny model with its tokenizer; gives the folder."""
    make_model(kind, **changes).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder
