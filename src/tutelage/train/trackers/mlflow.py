"""MLflow (extra `mlflow`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.errors import missing_extra
from tutelage.train.trackers import trackers
from tutelage.train.trackers.tracker import numbers


class MLflow:
    """Logs to the experiment `tutelage`; obeys MLFLOW_TRACKING_URI."""

    def __init__(self, name: str, folder: Path, recipe: dict[str, Any]) -> None:
        try:
            import mlflow
        except ImportError as error:
            raise missing_extra("mlflow", "mlflow", "the tracker mlflow") from error
        self._mlflow = mlflow
        mlflow.set_experiment("tutelage")
        mlflow.start_run(run_name=name)
        mlflow.log_dict(recipe, "recipe.json")

    def record(self, row: Mapping[str, Any]) -> None:
        """Log the row's numbers at its step, under names that MLflow takes."""
        named = {
            re.sub(r"[^\w. -]", "_", tag.replace("/", ".")): value
            for tag, value in numbers(row).items()
        }
        self._mlflow.log_metrics(named, step=row["step"])

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()


trackers.register("mlflow")(MLflow)
