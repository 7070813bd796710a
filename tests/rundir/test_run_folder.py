from pathlib import Path

import pytest

from tutelage.errors import UserError
from tutelage.rundir import RunFolder, write_text


def a_run(path: Path) -> RunFolder:
    run = RunFolder.create(path)
    write_text(run.recipe, "name: demo\n")
    return run


def test_create_makes_parents_and_accepts_an_empty_folder(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path / "a" / "b").path.is_dir()
    assert RunFolder.create(tmp_path / "a" / "b").path == tmp_path / "a" / "b"


def test_create_refuses_an_earlier_run_and_names_both_ways_out(tmp_path: Path) -> None:
    a_run(tmp_path / "run")
    with pytest.raises(UserError, match="already holds a run") as caught:
        RunFolder.create(tmp_path / "run")
    assert "--overwrite" in str(caught.value)
    assert "--out" in str(caught.value)


@pytest.mark.parametrize(("steps", "where"), [((), "before its first"), ((5, 40), "after step 40")])
def test_a_run_that_was_stopped_is_told_with_its_step(
    tmp_path: Path, steps: tuple[int, ...], where: str
) -> None:
    run = a_run(tmp_path / "run")
    run.ledger.write_bytes(b"")
    for step in steps:
        (run.checkpoints / f"step-{step:06}").mkdir(parents=True)
    (run.checkpoints / ".unfinished-step-000041").mkdir(parents=True)
    with pytest.raises(UserError, match=where) as caught:
        RunFolder.create(run.path)
    assert f"tutelage run {run.path} --resume" in str(caught.value)
    with pytest.raises(UserError, match=where) as caught:
        run.require(run.model)
    assert f"tutelage train {run.path} --resume" in str(caught.value)


@pytest.mark.parametrize("overwrite", [False, True])
def test_create_never_touches_a_folder_that_is_no_run(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match="not a run folder"):
        RunFolder.create(tmp_path, overwrite=overwrite)
    assert (tmp_path / "thesis.tex").exists()
    assert (tmp_path / "model").is_dir()


def test_create_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="file is in the way"):
        RunFolder.create(tmp_path / "run")


def test_overwrite_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    run.checkpoints.mkdir()
    (run.checkpoints / "step-4").write_text("weights")
    (run.path / "notes.txt").write_text("mine")
    outside = tmp_path / "shared-model"
    outside.mkdir()
    (outside / "weights").write_text("precious")
    run.model.symlink_to(outside)

    RunFolder.create(run.path, overwrite=True)

    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]
    assert (outside / "weights").read_text() == "precious"


def test_open_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing there"):
        RunFolder.open(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="found a file"):
        RunFolder.open(tmp_path / "file")
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match=r"recipe\.yaml is missing \(found: model\)"):
        RunFolder.open(tmp_path)


def test_open_takes_a_string_and_gives_every_part(tmp_path: Path) -> None:
    a_run(tmp_path)
    run = RunFolder.open(str(tmp_path))
    assert run.tuned_predictions == tmp_path / "predictions" / "tuned.parquet"
    assert run.require(run.recipe).read_text() == "name: demo\n"


def test_require_names_the_command_that_writes_the_part(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    with pytest.raises(UserError, match="no model yet") as caught:
        run.require(run.model)
    assert "tutelage train" in str(caught.value)
    with pytest.raises(UserError, match=r"no predictions/base\.parquet yet"):
        run.require(run.base_predictions)


def test_what_a_killed_command_left_is_swept_up(tmp_path: Path) -> None:
    left = tmp_path / "run" / ".recipe.yaml.abc.tmp"
    left.parent.mkdir()
    left.write_text("name: half")
    assert RunFolder.create(left.parent).path == left.parent
    assert not left.exists()
