import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tutelage.cli.report import report
from tutelage.errors import UserError
from tutelage.rundir import RunFolder, write_text

app = typer.Typer()
app.command()(report)


def test_it_writes_the_page_and_says_where(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    write_text(run.recipe, "name: demo\n")
    said = CliRunner().invoke(app, [str(run.path)])
    assert said.stdout == f"wrote {run.report}\n"
    assert f"tutelage eval {run.path}" in said.stderr  # without answers there is no verdict
    assert run.report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_it_answers_a_program_in_json(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    write_text(run.recipe, "name: demo\n")
    answer = CliRunner().invoke(app, [str(run.path), "--json"])
    assert json.loads(answer.stdout) == {"report": str(run.report)}


def test_another_folder_is_refused(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, [str(tmp_path)])
    assert isinstance(answer.exception, UserError)
    with pytest.raises(UserError, match=r"recipe\.yaml is missing"):
        raise answer.exception
