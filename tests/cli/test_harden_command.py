"""`tutelage harden`, and a training on what it made."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from commands import Commands


def test_hardened_rows_are_trained_on(own_project: Path, command: Commands) -> None:
    said = command("harden", "recipe.yaml", "--out", "hardened.jsonl", cwd=own_project)
    assert said.code == 0, said.err
    assert "made: 18 (6 injection, 12 noise)" in said.out
    trained = command(
        *("train", "recipe.yaml", "--out", "run", "--set", "train.epochs=1"),
        *("--set", "data.train=[data.jsonl, hardened.jsonl]"),
        cwd=own_project,
    )
    assert trained.code == 0, trained.err
    ledger = pl.read_parquet(own_project / "run" / "ledger.parquet")
    made = ledger.filter(pl.col("file").str.ends_with("hardened.jsonl"))
    assert len(made) == 18
    assert set(made["split"]) == {"train"}
    kept = made.filter(pl.col("fate") == "kept")
    assert 0 < len(kept) < 18
    assert set(kept["trained"]) == {1}
    assert "backwards" not in set(kept["task"])


@pytest.mark.parametrize(
    ("words", "fix"), [([], "tutelage harden data.jsonl"), (["data.jsonl"], "--out hardened.jsonl")]
)
def test_what_is_left_out_is_told_with_what_to_add(
    own_project: Path, command: Commands, words: list[str], fix: str
) -> None:
    said = command("harden", *words, cwd=own_project)
    assert said.code == 2
    assert fix in said.err and "Usage:" not in said.err


def test_a_wrong_share_is_told(own_project: Path, command: Commands) -> None:
    said = command("harden", "data.jsonl", "--out", "h.jsonl", "--noise", "2", cwd=own_project)
    assert said.code == 2
    assert "--noise" in said.err
