"""Ctrl-C: what was interrupted is told how it goes on, and nothing else."""

from __future__ import annotations

import sys

import pytest

from tutelage.cli import app


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "recipe.yaml", "--out", "run"], "tutelage train RUN --resume"),
        (["sweep", "recipe.yaml"], "tutelage sweep SWEEP --resume"),
        (["eval", "run"], "tutelage eval RUN"),
        (["check", "recipe.yaml"], "interrupted\n"),
    ],
)
def test_each_verb_says_how_it_goes_on(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["tutelage", *words])
    monkeypatch.setattr(app, "app", interrupted)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 130
    heard = capsys.readouterr().err
    assert said in heard
    assert heard.count("tutelage train") == (words[0] == "train")
