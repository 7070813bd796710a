"""A tokenizer made here: bytes, words joined from them never, and a few control tokens."""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer(
    template: str | None = CHATML, *, bos: str | None = "<s>", eos: str | None = "<|im_end|>"
) -> PreTrainedTokenizerFast:
    """One token a byte, so that every count can be done by hand."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: at for at, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    named = {"bos_token": bos, "eos_token": eos}
    names = {name: token for name, token in named.items() if token is not None}
    tokenizer.add_special_tokens(
        [
            AddedToken(token, normalized=False)
            for token in sorted({"<|im_start|>", "<|im_end|>", *names.values()})
        ]
    )
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    made.chat_template = template
    return made
