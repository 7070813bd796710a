"""An encoder-decoder tuned on real dialogues against its untuned self: summaries of DialogSum.

    python benchmarks/encoder_decoder.py MODEL OUT [SETTING…]

MODEL is a folder such as t5-small-title; DialogSum is looked for under $TUTELAGE_DATA. Its
development part is trained on, its test part asked. What was predicted and what came out stands in
RESULTS.md, "an encoder-decoder".
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tutelage.errors import UserError
from tutelage.pipeline.run import run

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[2] / "shared/data"))
TRAINED, ASKED = 220, 40
INSTRUCTION = "Summarise the dialogue in one sentence or two."
RECIPE = """\
name: dialogsum
model: {{base: {model}, precision: float32, device: cpu, method: lora}}
data: {{train: train.jsonl, test: test.jsonl, validation: 20}}
prompt: {{max_tokens: 256, over_long: truncate_prompt}}
train: {{epochs: 1, batch_size: 8, learning_rate: 2e-3, validate_every: 12}}
evaluate: {{metrics: [rougeL, chrf], decode: {{max_new_tokens: 40}}}}
"""


def rows(path: Path, summary: str, count: int) -> list[dict[str, Any]]:
    """The first dialogues of a file, with one of their summaries."""
    if not path.is_file():
        raise UserError("there is no such file", where=str(path), fix="set TUTELAGE_DATA")
    read = [json.loads(line) for line in path.read_text().splitlines()[:count]]
    return [
        {"instruction": INSTRUCTION, "input": row["dialogue"], "output": row[summary]}
        for row in read
    ]


def main() -> None:
    """Write the project, run it, and print what came of it."""
    model, out = Path(sys.argv[1]).expanduser(), Path(sys.argv[2])
    out.mkdir(parents=True)
    sets = (
        ("train", rows(DATA / "dialogsum/dialogsum.dev.jsonl", "summary", TRAINED)),
        ("test", rows(DATA / "dialogsum/dialogsum.test.jsonl", "summary1", 3 * ASKED)[::3]),
    )
    for name, made in sets:
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    (out / "recipe.yaml").write_text(RECIPE.format(model=model.absolute()))
    os.chdir(out)
    metrics = run("recipe.yaml", "run", sys.argv[3:])
    assert metrics is not None
    training = metrics["training"]
    print(json.dumps({name: metrics[name] for name in ("verdict", "comparison")}, indent=1))
    for name in ("final_loss", "tokens", "computed_tokens", "tokens_per_second"):
        print(name, training[name])


if __name__ == "__main__":
    main()
