"""Give all-minilm-l6-v2 the masked-language head that its files lack, trained on local text.

    python benchmarks/masked_base.py [--out FOLDER] [--steps 120]

No English encoder with its masked-language head can be had offline. all-minilm-l6-v2 is an English
encoder of BERT's shape, tuned to embed sentences, without one. Here it gets BERT's head, whose
decoder is tied to the embeddings, and head and upper layers are trained for some minutes as BERT
was: 15 % of the tokens are to be guessed, of which 80 % are masked, 10 % replaced and 10 % left
(Devlin et al. 2019), in rows of 128 tokens without padding. The text is Alpaca's, Dolly's and
XQuAD's; nothing of sst2 or trec, on which the result is tuned. It is a poor masked language model
(benchmarks/RESULTS.md, "masked"): good enough to show what tuning one does, and no more.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoTokenizer, BertForMaskedLM, PreTrainedTokenizerBase

DATA = Path(
    os.environ.get("TUTELAGE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
MODELS = Path(os.environ.get("TUTELAGE_TEST_MODELS", "~/.cache/tutelage-test-models")).expanduser()
SOURCE = "all-minilm-l6-v2"
NAME = "all-minilm-l6-v2-mlm"
ROW, BATCH = 128, 16
HELD_OUT = 16
"""Rows kept to measure the loss on."""
GUESSED = 0.15
FROZEN = 4
"""Lower layers that stay as they are, as do the embeddings: half the arithmetic."""
PEAK = 5e-4
WARM_UP = 0.06


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=MODELS / NAME)
    parser.add_argument("--steps", type=int, default=120)
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(MODELS / SOURCE)
    model = BertForMaskedLM.from_pretrained(MODELS / SOURCE)
    model.bert.embeddings.requires_grad_(False)  # the decoder's weight too, which is tied to them
    model.bert.encoder.layer[:FROZEN].requires_grad_(False)
    rows, mask = token_rows(tokenizer), tokenizer.mask_token_id
    print(f"{rows.numel():,} tokens of text; held-out loss {held_out_loss(model, mask, rows):.3f}")
    started = time.process_time()
    train(model, mask, rows, arguments.steps)
    seconds, tokens = time.process_time() - started, arguments.steps * BATCH * ROW
    print(f"{tokens:,} tokens in {seconds:.0f} s of CPU: {held_out_loss(model, mask, rows):.3f}")
    model.save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    print(arguments.out)


def texts() -> Iterator[str]:
    """The local text, document by document."""
    for row in json.loads((DATA / "alpaca_12k.json").read_text()):
        yield f"{row['instruction']} {row['input']} {row['output']}"
    for row in json.loads((DATA / "dolly_3k.json").read_text()):
        yield f"{row['instruction']} {row['input']} {row['output']}"
    for article in json.loads((DATA / "xquad" / "xquad.en.json").read_text())["data"]:
        yield from (paragraph["context"] for paragraph in article["paragraphs"])


def token_rows(tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """All text as shuffled rows, (rows, ROW): a beginning, text that goes on, and an end."""
    ids: list[int] = []
    for found in tokenizer(list(texts()), add_special_tokens=False)["input_ids"]:
        ids += [*found, tokenizer.sep_token_id]
    inner = ROW - 2
    body = torch.tensor(ids[: len(ids) // inner * inner]).view(-1, inner)
    first, last = (
        torch.full((len(body), 1), id_) for id_ in (tokenizer.cls_token_id, tokenizer.sep_token_id)
    )
    order = torch.randperm(len(body), generator=torch.Generator().manual_seed(0))
    return torch.cat([first, body, last], dim=1)[order]


def guesses(
    rows: Tensor, mask: int, vocabulary: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What the model reads, and which places it is to guess, both (rows, ROW)."""
    draw = torch.rand(rows.shape, generator=generator)
    draw[:, [0, -1]] = 1.0
    wanted = draw < GUESSED
    read = torch.where(draw < 0.8 * GUESSED, mask, rows)
    other = torch.randint(1000, vocabulary, rows.shape, generator=generator)  # real words
    return torch.where((draw >= 0.8 * GUESSED) & (draw < 0.9 * GUESSED), other, read), wanted


def loss_of(model: BertForMaskedLM, mask: int, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Mean cross-entropy of the tokens to be guessed; the head sees no others."""
    read, wanted = guesses(rows, mask, model.config.vocab_size, generator)
    hidden = model.base_model(read).last_hidden_state
    return F.cross_entropy(model.cls(hidden[wanted]), rows[wanted])


@torch.no_grad()
def held_out_loss(model: BertForMaskedLM, mask: int, rows: Tensor) -> float:
    model.train(False)
    return loss_of(model, mask, rows[:HELD_OUT], torch.Generator().manual_seed(1)).item()


def train(model: BertForMaskedLM, mask: int, rows: Tensor, steps: int) -> None:
    """Train with a learning rate that rises and falls in straight lines."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=PEAK, betas=(0.9, 0.98), weight_decay=0.01)
    generator = torch.Generator().manual_seed(2)
    torch.manual_seed(3)  # dropout
    model.train()
    for step in range(steps):
        done = (step + 1) / steps
        for group in optimizer.param_groups:
            group["lr"] = PEAK * min(done / WARM_UP, (1 - done) / (1 - WARM_UP))
        chosen = torch.randint(HELD_OUT, len(rows), (BATCH,), generator=generator)
        loss = loss_of(model, mask, rows[chosen], generator)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()


if __name__ == "__main__":
    main()
