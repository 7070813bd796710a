"""How often the kind of a task is told right, on the held-back half of public instructions.

`python benchmarks/task_types.py` prints precision and recall of each kind that Dolly's annotators
knew, and the kinds told for the definitions of Super-NaturalInstructions' tasks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import polars as pl

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "tests")]

from audit_quality.source import DATA, Half  # noqa: E402
from tutelage.curate.diversity.task_types import nearest, ruled  # noqa: E402
from tutelage.curate.features.embedding import embed  # noqa: E402

DOLLY = {
    "open_qa": "question answering",
    "closed_qa": "question answering",
    "general_qa": "question answering",
    "classification": "classification",
    "summarization": "summarising",
    "information_extraction": "extraction",
    "brainstorming": "brainstorming",
    "creative_writing": "creative writing",
}
NATURAL = {
    "Summarization": "summarising",
    "Information Extraction": "extraction",
    "Question Answering": "question answering",
    "Dialogue Generation": "chat",
    "Sentiment Analysis": "classification",
    "Basic Sentiment Analysis": "classification",
    "Text Categorization": "classification",
}


def told(instructions: pl.Series, inputs: pl.Series) -> pl.Series:
    """The kinds that an audit would tell."""
    table = pl.DataFrame({"instruction": instructions, "input": inputs})
    by_rule = table.select(ruled(pl.col("instruction"), pl.col("input"))).to_series()
    return by_rule.fill_null(nearest(embed(instructions)))


def dolly() -> pl.DataFrame:
    rows = Half(True).read("dolly_3k.json")
    table = pl.DataFrame(
        {
            "instruction": [row["instruction"] for row in rows],
            "input": [row["input"] for row in rows],
            "right": [DOLLY[row["category"]] for row in rows],
        }
    )
    return table.with_columns(told(table["instruction"], table["input"]).alias("told"))


def natural() -> pl.DataFrame:
    lines = []
    for path in sorted((DATA / "super_natural_instructions").glob("*/test.json")):
        task = orjson.loads(path.read_bytes())
        category, definition = task["Categories"], task["Definition"]
        category = category if isinstance(category, str) else category[0]
        definition = definition if isinstance(definition, str) else definition[0]
        if category in NATURAL:
            lines.append((path.parent.name, definition, NATURAL[category]))
    table = pl.DataFrame(lines, schema=["task", "instruction", "right"], orient="row")
    given = pl.Series(["something"] * len(table))
    return table.with_columns(told(table["instruction"], given).alias("told"))


def main() -> None:
    table = dolly()
    right = pl.col("told") == pl.col("right")
    print(f"dolly, held-back half: {table.select(right.mean()).item():.3f} of {len(table):,} right")
    for kind in sorted(set(table["right"])):
        recall = table.filter(pl.col("right") == kind).select(right.mean()).item()
        precision = table.filter(pl.col("told") == kind).select(right.mean()).item()
        print(f"| {kind} | {(table['right'] == kind).sum()} | {precision:.2f} | {recall:.2f} |")
    table = natural()
    print(f"definitions of tasks: {table.select(right.sum()).item()} of {len(table)} right")


if __name__ == "__main__":
    main()
