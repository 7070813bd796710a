"""Findings in tables that were put together from several parts."""

import polars as pl

from tutelage.curate.findings import found


def test_details_of_rows_of_several_parts() -> None:
    parts = [
        pl.DataFrame({"size": pl.Series([5] * 19 + [5000 * (number % 2)], dtype=pl.UInt32)})
        for number in range(6)
    ]
    rows = pl.concat(parts, rechunk=False).with_row_index("at")
    far = rows.with_columns(pl.col("size").log1p().alias("log")).filter(pl.col("size") > 100)
    usual = pl.col("log").exp().sub(1).round().cast(pl.Int64)
    detail = pl.format("{} of {} characters ({})", "size", usual, pl.col("log").round(1))
    said = found(far, detail, field=None)["detail"].to_list()
    assert said == ["5000 of 5000 characters (8.5)"] * 3
