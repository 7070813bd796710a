"""Findings in tables that were put together from several parts."""

import polars as pl

from tutelage.curate.findings import found


def test_details_of_rows_of_several_parts() -> None:
    part = pl.DataFrame({"size": pl.Series([5] * 19 + [5000], dtype=pl.UInt32)})
    rows = pl.concat([part, part.clear(), part], rechunk=False).with_row_index("at")
    far = rows.with_columns(pl.col("size").log().alias("log")).filter(pl.col("size") > 100)
    detail = pl.format("{} characters ({})", "size", pl.col("log").round(1))
    assert found(far, detail, field=None)["detail"].to_list() == ["5000 characters (8.5)"] * 2
