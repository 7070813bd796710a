"""Tables on the terminal."""

from __future__ import annotations

import pytest
from rich.text import Text

from tutelage.cli.tables import print_table, table


@pytest.mark.parametrize("columns", ["40", "200"])
def test_no_figure_is_cut_however_narrow_the_terminal(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    made = table(("suite", "measure"), ("n", Text("[base]"), "difference"))
    made.add_row("natural_instructions", "rougeL", "1,234", "0.204", "+0.102 [-0.011, +0.263]")
    print_table(made)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["suite", "measure", "n", "[base]", "difference"]
    assert row.split(maxsplit=4) == [
        *("natural_instructions", "rougeL", "1,234", "0.204", "+0.102 [-0.011, +0.263]")
    ]
