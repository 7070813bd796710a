"""What the job behind `tutelage train` does to a run folder that is there already."""

from __future__ import annotations

import pytest

from tiny_project import write_model, write_project
from tutelage.errors import UserError
from tutelage.pipeline.train import check_folder, new_folder, resume, train
from tutelage.rundir import RunFolder, held, read_json, write_json


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was stopped after its second step."""
    folder = tmp_path_factory.mktemp("jobs")
    project = write_project(folder / "project", write_model(folder / "model"))
    settings = ["train.epochs=1", "data.validation=0"]
    return train(project / "recipe.yaml", folder / "run", settings, stop_after=2)


def test_an_evaluation_stays_with_the_weights_it_is_of(stopped: RunFolder) -> None:
    evaluated = {"evaluation": {"seconds": 7.0}}
    write_json(stopped.metrics, read_json(stopped.metrics) | evaluated)
    for stop_after, kept in ((2, True), (3, False)):
        metrics = read_json(resume(stopped.path, stop_after=stop_after).metrics)
        assert metrics["training"]["steps"] == stop_after
        assert ("evaluation" in metrics) == kept
        assert metrics["cost"]["evaluate_seconds"] == (7.0 if kept else None)


def test_a_run_at_work_is_not_overwritten(stopped: RunFolder) -> None:
    before = sorted(stopped.path.rglob("*"))
    with held(stopped.path):
        for overwrite in (
            lambda: check_folder(stopped.path, "recipe.yaml", overwrite=True),
            lambda: new_folder(stopped.path, overwrite=True),
        ):
            with pytest.raises(UserError, match="another process is at work"):
                overwrite()
    assert sorted(stopped.path.rglob("*")) == before
    check_folder(stopped.path, "recipe.yaml", overwrite=True)
