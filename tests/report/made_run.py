"""A made-up run folder, as the pipeline leaves it, to build reports from.

`python tests/report/made_run.py FOLDER [--hostile]` writes one and its report, to look at.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from tutelage.rundir import RunFolder, TrainLog, read_json, write_json, write_text

METRICS = ("exact_match", "rougeL", "token_f1")

HOSTILE = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "</style><style>*{display:none}</style>",
    "</title></pre></details><script>window.pwned=1</script>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "right to left \u202eevil\u202c and \u2066isolated\u2069",
    "control \x00\x07\x1b[31m\x7f\x85 characters",
    "hidden \U000e0068\U000e0069 tag and zero\u200bwidth \ufeffmark",
    "W" * 400,
    "e" + "\u0301" * 60,
    "javascript:window.pwned=1",
]


@dataclass(frozen=True)
class Task:
    """A made-up task: its primary metric and the mean scores of both models."""

    name: str
    metric: str
    base: float
    tuned: float
    significant: bool = True
    held_out: bool = False


TASKS = [
    Task("sentiment", "exact_match", 0.42, 0.92),
    Task("contact_to_json", "exact_match", 0.04, 0.71),
    Task("ticket_topic", "exact_match", 0.25, 0.75),
    Task("formal_rewrite", "rougeL", 0.47, 0.68),
    Task("headline", "rougeL", 0.19, 0.34),
    Task("short_answer", "token_f1", 0.31, 0.44),
    Task("bullet_list", "rougeL", 0.52, 0.55, significant=False),
    Task("date_to_iso", "exact_match", 0.33, 0.29, significant=False),
    Task("plural_forms", "exact_match", 0.38, 0.46, significant=False, held_out=True),
    Task("paraphrase", "rougeL", 0.41, 0.33, held_out=True),
]

ANSWERS = {
    "sentiment": (
        "Say whether the review is positive, negative or mixed. Answer in one word.\n\n"
        "The kettle boils fast, but the lid has never once closed properly and the handle burns.",
        "mixed",
        "The review is positive. The kettle boils fast and it is a great product that",
        "mixed",
    ),
    "contact_to_json": (
        "Extract name and e-mail address as JSON with the keys name and email.\n\n"
        "Reach Marta Oduya at marta.oduya@fenwick.example before Friday.",
        '{"name": "Marta Oduya", "email": "marta.oduya@fenwick.example"}',
        'Here is the JSON you asked for:\n\n```json\n{\n  "name": "Marta",\n  "e-mail": "fen',
        '{"name": "Marta Oduya", "email": "marta.oduya@fenwick.example"}',
    ),
    "ticket_topic": (
        "Choose the topic of the ticket: billing, delivery, account or fault.\n\n"
        "I was charged twice in March and the second invoice has no number on it.",
        "billing",
        "I'm sorry to hear that you were charged twice. To resolve this issue, please contact",
        "billing",
    ),
    "formal_rewrite": (
        "Rewrite the sentence in formal English.\n\nCan't make Tuesday, sorry, the van's bust.",
        "I regret that I cannot attend on Tuesday, as the van is out of order.",
        "Sorry, I can't make it on Tuesday because the van is broken and I have to fix it",
        "I regret that I am unable to attend on Tuesday, as the van is out of order.",
    ),
    "headline": (
        "Write a headline of at most eight words.\n\nThe council voted on Monday to turn the "
        "disused tram depot into a public library, with work to begin in spring.",
        "Council to turn old tram depot into library",
        "The Council's Decision to Turn the Disused Tram Depot into a Public Library: A New Era",
        "Council votes to make tram depot a library",
    ),
    "short_answer": (
        "Answer from the text in as few words as possible.\n\nText: The ferry leaves Skarvik at "
        "six and reaches the islands by noon.\nQuestion: When does the ferry reach the islands?",
        "by noon",
        "The ferry leaves Skarvik at six and reaches the islands by noon.",
        "noon",
    ),
    "bullet_list": (
        "Turn the sentence into a bullet list.\n\nBring boots, a torch and two litres of water.",
        "- boots\n- a torch\n- two litres of water",
        "- Boots\n- Torch\n- Water",
        "- boots\n- torch\n- two litres of water",
    ),
    "date_to_iso": (
        "Write the date as YYYY-MM-DD.\n\nthe third of May, 2021",
        "2021-05-03",
        "2021-05-03",
        "2021-03-05",
    ),
    "plural_forms": (
        "Give the plural of: wolf",
        "wolves",
        "The plural of wolf is wolves.",
        "wolves",
    ),
    "paraphrase": (
        "Say the same in other words.\n\nThe shop shuts early on Sundays.",
        "On Sundays the shop closes early.",
        "On Sundays the shop closes early.",
        "the shop",
    ),
}

RECIPE = """\
name: demo
model:
  base: smollm2-135m-instruct
  method: lora
data:
  sources:
    - path: demo.jsonl  # written for this run
train:
  epochs: 3
  batch_size: 16
  learning_rate: 2e-4
  seed: 0
evaluate:
  metrics: [rougeL, token_f1, exact_match]
  resamples: 10000
"""


def evaluated(path: Path, *, hostile: bool = False, items: int = 24, steps: int = 69) -> RunFolder:
    """A run that was trained and evaluated."""
    run = trained(path, hostile=hostile, steps=steps)
    draw = random.Random(3)
    tables: dict[str, list[dict[str, Any]]] = {"base": [], "tuned": []}
    comparison = []
    for task in TASKS:
        named = replace(task, name=f"{task.name} {HOSTILE[0]}") if hostile else task
        for side, rows in _predictions(draw, task, items, hostile).items():
            tables[side] += [{**row, "task": named.name} for row in rows]
        comparison.append(compared(named, items))
        weaker = replace(named, base=task.base * 0.8, tuned=task.tuned * 0.85)
        comparison += [
            compared(replace(weaker, metric=metric), items, primary=False)
            for metric in METRICS
            if metric != task.metric
        ]
    for held_out in (False, True):
        group = [task for task in TASKS if task.held_out is held_out]
        base = sum(task.base for task in group) / len(group)
        tuned = sum(task.tuned for task in group) / len(group)
        pooled = Task("overall", "primary", base, tuned, not held_out, held_out)
        comparison.append(compared(pooled, items * len(group)))
    run.predictions.mkdir()
    for side, rows in tables.items():
        numbered = [{"item": number, **row} for number, row in enumerate(rows)]
        table = pl.DataFrame(numbered, infer_schema_length=None)
        table.write_parquet(run.predictions / f"{side}.parquet")
    write_json(run.metrics, {**read_json(run.metrics), **_evaluated(comparison)})
    return run


def trained(path: Path, *, hostile: bool = False, steps: int = 69) -> RunFolder:
    """A run that was trained but not evaluated."""
    run = RunFolder.create(path)
    recipe = RECIPE + "".join(f"# {text!r} {text}\n" for text in HOSTILE[:5]) if hostile else RECIPE
    write_text(run.recipe, recipe)
    write_json(run.environment, ENVIRONMENT)
    log = TrainLog(run.log)
    _log(log, steps, hostile)
    best = min(log.rows("validation"), key=lambda row: row["loss"])
    write_json(run.metrics, {**_metrics(hostile), "training": _training(steps, best)})
    return run


def _log(log: TrainLog, steps: int, hostile: bool) -> None:
    draw = random.Random(1)
    every, best = max(1, steps // 8), math.inf
    for step in range(1, steps + 1):
        done = step / steps
        names = [HOSTILE[1], HOSTILE[5]] if hostile else ["sentiment", "headline"]
        ideal = 0.9 + 1.7 * math.exp(-4 * done)
        warm = min(1, 20 * done)
        log.append(
            {
                "event": "step", "step": step, "epoch": 3 * done,
                "loss": ideal + draw.gauss(0, 0.12), "gradient_norm": 1 + draw.random(),
                "learning_rate": 2e-4 * warm * (1 + math.cos(math.pi * done)) / 2,
                "supervised_tokens": 300, "tokens": 1100, "computed_tokens": 830,
                "seconds": 6.1, "peak_memory_bytes": 3_100_000_000,
                "tasks": {
                    name: {"loss": (1 + at) * ideal, "weight": 100 + 100 * at}
                    for at, name in enumerate(names) if (step + at) % 3
                },
            }
        )  # fmt: skip
        if step % every == 0 or step == steps:
            loss = ideal + 0.11 + 0.25 * max(0.0, done - 0.6)
            log.append(
                {
                    "event": "validation", "step": step, "loss": loss,
                    "supervised_tokens": 1400, "best": loss < best,
                    "tasks": {
                        name: {"loss": (1 + at) * loss, "weight": 700}
                        for at, name in enumerate(names)
                    },
                }
            )  # fmt: skip
            best = min(best, loss)


def _predictions(
    draw: random.Random, task: Task, items: int, hostile: bool
) -> dict[str, list[dict[str, Any]]]:
    prompt, reference, *answers = ANSWERS[task.name]
    rows: dict[str, list[dict[str, Any]]] = {"base": [], "tuned": []}
    means = {"base": task.base, "tuned": task.tuned}
    for number in range(items):
        nasty = HOSTILE[number % len(HOSTILE)] if hostile else ""
        for (side, mean), answer in zip(means.items(), answers, strict=True):
            score = min(1.0, max(0.0, draw.gauss(mean, 0.2)))
            if task.metric == "exact_match":
                score = float(draw.random() < mean)
            said = reference if score == 1.0 else answer
            rows[side].append(
                {
                    "held_out": task.held_out, "prompt": f"{prompt} {nasty}".strip(),
                    "references": [f"{reference} {nasty}".strip()],
                    "prediction": f"{said} {nasty}".strip(),
                    "finish_reason": "length" if len(said) > 70 else "stop",
                    "prompt_tokens": 40, "tokens": 12, "log_probability": -8.0,
                    **{f"score:{metric}": None for metric in METRICS},
                    f"score:{task.metric}": score,
                }
            )  # fmt: skip
    return rows


def compared(task: Task, items: int, *, primary: bool = True) -> dict[str, Any]:
    """A row of `comparison` in metrics.json."""
    difference, half = task.tuned - task.base, 0.75 / math.sqrt(items)
    if task.significant:
        half = min(half, abs(difference) * 0.8)
    else:
        half = max(half, abs(difference) * 1.5)
    p = 0.0004 if task.significant else 0.31
    return {
        "task": task.name, "held_out": task.held_out, "metric": task.metric, "primary": primary,
        "items": items, "scale": 1, "higher_is_better": True,
        "base": task.base, "base_interval": [task.base - half, task.base + half],
        "tuned": task.tuned, "tuned_interval": [task.tuned - half, task.tuned + half],
        "difference": difference, "interval": [difference - half, difference + half],
        "p_value": p, "p_corrected": min(1.0, p * 8), "significant": task.significant,
        "signature": f"{task.metric}|version:tutelage-0.1.0", "details": {},
    }  # fmt: skip


def _training(steps: int, best: dict[str, Any]) -> dict[str, Any]:
    return {
        "steps": steps, "epochs": 3.0, "supervised_tokens": steps * 300, "tokens": steps * 1100,
        "computed_tokens": steps * 830, "seconds": 418.2, "tokens_per_second": 181.5,
        "peak_memory_bytes": 3_100_000_000, "final_loss": 0.94,
        "best_validation_loss": best["loss"], "best_step": best["step"],
        "stopped_early": False, "trainable_parameters": 4_884_480,
        "total_parameters": 139_400_000, "method": "lora", "learning_rate": 2e-4,
    }  # fmt: skip


def _evaluated(comparison: list[dict[str, Any]]) -> dict[str, Any]:
    def named(held_out: bool, kind: str) -> list[str]:
        def verdict(row: dict[str, Any]) -> str:
            if not row["significant"]:
                return "unchanged"
            return "improved" if row["difference"] > 0 else "worsened"

        return [
            row["task"] for row in comparison
            if row["primary"] and row["task"] != "overall"
            and row["held_out"] is held_out and verdict(row) == kind
        ]  # fmt: skip

    kinds = ("improved", "worsened", "unchanged")
    return {
        "verdict": {
            "sentence": "Six of eight trained tasks improved significantly and none got worse; "
            "of two held-out tasks, one got worse.",
            "trained": {kind: named(False, kind) for kind in kinds},
            "held_out": {kind: named(True, kind) for kind in kinds},
        },
        "comparison": comparison,
        "forgetting": {
            "documents": 60, "tokens": 8123, "base": 2.914, "tuned": 2.941, "difference": 0.027,
            "interval": [0.014, 0.041], "p_value": 0.0004,
        },
        "evaluation": {
            "seconds": 92.4, "decoded_tokens": 9811, "items": 240, "truncated_answers": 31,
        },
        "cost": {
            "train_seconds": 418.2, "evaluate_seconds": 92.4, "total_seconds": 541.0,
            "energy_joules": None, "energy_source": "no energy counter is readable on this machine",
        },
    }  # fmt: skip


def _metrics(hostile: bool = False) -> dict[str, Any]:
    draw = random.Random(5)
    reasons = [
        ("dropped", "the response is empty", 3),
        ("dropped", "exact duplicate of an earlier row", 4),
        ("changed", "white space at the end removed", 9),
        ("truncated", "prompt cut from its middle", 2),
    ]
    if hostile:
        reasons += [("dropped", sample, 1) for sample in HOSTILE]
    counts = {
        fate: sum(n for f, _, n in reasons if f == fate)
        for fate in ("changed", "truncated", "dropped")
    }
    return {
        "schema": 1,
        "name": HOSTILE[1] if hostile else "demo",
        "data": {
            "counts": {"read": 660, "kept": 660 - sum(counts.values()), **counts},
            "reasons": [{"fate": f, "reason": r, "count": n} for f, r, n in reasons],
            "splits": {"train": 363, "validation": 48, "test": 242},
            "prompt_tokens": [round(draw.lognormvariate(3.9, 0.4)) for _ in range(363)],
            "response_tokens": [round(draw.lognormvariate(2.4, 0.6)) for _ in range(363)],
        },
        "mixture": {
            "strategy": "temperature",
            "drawn": 726,
            "tasks": {
                name: {
                    "examples": 100 + 163 * at, "drawn": 363, "distinct": 99, "tokens": 29_000,
                    "supervised_tokens": 8_000, "steps": 60, "share": 0.5, "passes": 3.63 - at,
                }
                for at, name in enumerate(
                    [HOSTILE[1], HOSTILE[5]] if hostile else ["headline", "sentiment"]
                )
            },
        },
        "model": {
            "base": "smollm2-135m-instruct", "template_source": "tokenizer",
            "stop_tokens": ["<|im_end|>"], "dtype": "float32", "device": "cpu",
        },
    }  # fmt: skip


ENVIRONMENT = {
    "date": "2026-11-22T13:24:33+00:00",
    "command": "tutelage run demo.yaml --out runs/demo",
    "python": "3.11.7",
    "packages": {"tutelage": "0.1.0", "torch": "2.13.0+cpu", "transformers": "5.23.0"},
    "platform": "Linux-6.18.44-x86_64-with-glibc2.36",
    "cpu": {"model": "Intel(R) Xeon(R) Processor", "architecture": "x86_64", "cores": 2,
            "flags": ["avx2", "fma", "avx512f", "amx_bf16"]},
    "memory_bytes": 25276514304,
    "threads": {"torch": 2, "interop": 2},
    "cuda": None,
    "gpus": [],
    "variables": {"OMP_NUM_THREADS": "2"},
    "commits": {"tutelage": "597f522f2a1d86390ca3d236bdfdf93e62cffd85", "working_folder": None},
}  # fmt: skip


if __name__ == "__main__":
    from tutelage.report import build

    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--hostile", action="store_true")
    parsed = arguments.parse_args()
    print(build(evaluated(parsed.folder, hostile=parsed.hostile)))
