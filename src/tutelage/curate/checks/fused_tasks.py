"""Several tasks that have nothing to do with each other in one instruction.

"Write a poem about spring. What is the capital of Chile?" teaches to answer one of two. Tasks that
belong together (an answer and its reason, steps of one job) are left alone; what counts as together
is in `clarity/tasks.py`.
"""

from __future__ import annotations

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.clarity.tasks import separate_tasks
from tutelage.curate.clarity.wording import quoted
from tutelage.curate.findings import found, none

SEVERAL = r"(?:[.?!][\"'”’)]?\s+|\n+)\W{0,3}(?:\d[.):]\s+)?[\p{L}]"
LONGEST = 1500


@CHECKS.register("fused_tasks")
class FusedTasks(Check):
    """An instruction that sets two unrelated tasks or more."""

    title = "Several tasks in one instruction"
    suggestion = "Make a row of each task."
    precision = "1.000 [0.988, 1.000] on Alpaca with instructions joined"
    recall = "0.839 [0.798, 0.873] on Alpaca with instructions joined"

    def find(self, batch: Batch) -> pl.DataFrame:
        """Instructions with unrelated tasks; the second one is the evidence."""
        rows = batch.rows.filter(
            pl.col("instruction").str.contains(SEVERAL)
            & (pl.col("instruction").str.len_chars() <= LONGEST)
        )
        hits = []
        for at, field, text in rows.select("at", "instruction_field", "instruction").iter_rows():
            tasks = separate_tasks(text)
            if len(tasks) > 1:
                start = max(text.find(tasks[1]), 0)
                detail = f"{len(tasks)} tasks: " + "; ".join(quoted(task) for task in tasks[:4])
                hits.append((at, field, start, start + len(tasks[1]), detail))
        if not hits:
            return none()
        table = pl.DataFrame(hits, schema=["at", "field", "start", "end", "says"], orient="row")
        return found(table, pl.col("says"), start=pl.col("start"), end=pl.col("end"))
