"""What an earlier run was asked, and how its answers were scored."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tutelage.errors import UserError
from tutelage.evaluate.suite import OwnItems
from tutelage.pipeline.audited import load_rows
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder


def earlier_items(path: Path) -> OwnItems:
    """The test items of a run, read again from its data.

    Args:
        path: the run's folder.

    Raises:
        UserError: it is no run that was evaluated, or its data is not what it was.
    """
    run = RunFolder.open(path)
    recipe = load_recipe(run.recipe).resolved()
    asked = pl.read_parquet(
        run.require(run.tuned_predictions), columns=["file", "row", "references"]
    )
    there = {tuple(example.source): example for example in load_rows(recipe.data).test}
    examples = []
    for file, row, references in asked.iter_rows():
        example = there.get((file, row))
        if example is None or list(example.accepted) != references:
            raise UserError(
                "the run was evaluated on a row that is not there any more, or has another answer",
                where=f"{path}: {file} row {row}",
                fix="restore the data files of that run",
            )
        examples.append(example)
    options = recipe.evaluate
    return OwnItems(examples, options.metrics, options.tasks, options.decode.max_new_tokens)
