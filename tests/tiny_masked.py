"""Tiny random masked language models of several architectures, and tokenizers of both kinds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tutelage.model import attention as _registers  # noqa: F401

VOCABULARY = 320
BERT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "vocab_size": VOCABULARY,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": 0,
}
ROBERTA = {**BERT, "type_vocab_size": 1, "pad_token_id": 1, "max_position_embeddings": 130}
SHAPES: dict[str, dict[str, object]] = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "distilbert": {
        "dim": 32,
        "hidden_dim": 48,
        "n_layers": 3,
        "n_heads": 4,
        "max_position_embeddings": 128,
        "vocab_size": VOCABULARY,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    "modernbert": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
        "vocab_size": VOCABULARY,
        "local_attention": 8,
        "global_attn_every_n_layers": 3,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "cls_token_id": 2,
        "sep_token_id": 3,
    },
    "albert": {**BERT, "embedding_size": 16, "num_hidden_groups": 1},
}
PIECES = {f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")}
BYTES = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
TEXT = [
    "is the film good or bad? Answer: good",
    "the cat sat on the mat, and the dog sat on the log",
    "Name the colour. The door is red, the car is green, the hat is blue, the cup is white.",
]


def make_model(kind: str, **changes: object) -> PreTrainedModel:
    """A random model of an architecture, the same every time."""
    torch.manual_seed(0)
    shape = {"attn_implementation": "tutelage", **SHAPES[kind], **changes}
    model: PreTrainedModel = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **shape))
    for name, parameter in model.named_parameters():  # livelier, so that outputs differ
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.2)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    model.name_or_path = f"tiny-{kind}"
    return model.train(False)


def make_tokenizer(kind: str = "bert") -> PreTrainedTokenizerFast:
    """BERT's WordPiece, lower case, or for RoBERTa and ModernBERT bytes with their spaces."""
    in_pieces = kind in ("bert", "distilbert", "albert")
    names = PIECES if in_pieces else BYTES
    text = _word_pieces() if in_pieces else _bytes()
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(text), **names)


@cache  # training it twice may end otherwise
def _bytes() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    _frame(tokenizer, "<s>", "</s>")
    return str(tokenizer.to_str())


@cache
def _word_pieces() -> str:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789.,:?!#")
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    _frame(tokenizer, "[CLS]", "[SEP]")
    return str(tokenizer.to_str())


def _frame(tokenizer: Tokenizer, first: str, last: str) -> None:
    """Let it put these tokens around a whole text."""
    ids = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(f"{first} $A {last}", None, ids)


def save_folder(folder: Path, kind: str = "bert", **changes: object) -> Path:
    """Save a tiny model with its tokenizer; gives the folder."""
    make_model(kind, **changes).save_pretrained(folder)
    make_tokenizer(kind).save_pretrained(folder)
    return folder
