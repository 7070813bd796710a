"""Examining parts on Ray Data: the same function, on as many machines as the cluster has.

The rows are read and stored here, once; a part is then a task of Ray's, which reads and writes its
files in the audit's folder. On several machines that folder must be one that all of them see. A
part whose worker dies is tried again by Ray, and one that was done before is not done again. Extra
`ray`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tutelage.errors import UserError, missing_extra
from tutelage.pipeline.audit.engine import Task, examine_part
from tutelage.pipeline.audit.parts import Part

ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}


def on_ray(parts: Iterable[Part], task: Task) -> list[Part]:
    """Examine parts on the cluster of `RAY_ADDRESS`, or on one that is started on this machine.

    Raises:
        UserError: Ray is not installed, or a part cannot be examined.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing_extra("ray", "ray", "an audit on Ray") from error
    stored = list(parts)
    started = not ray.is_initialized()
    if started:
        _start(ray)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        numbers: list[dict[str, Any]] = [{"number": number} for number in range(len(stored))]
        dataset = ray.data.from_items(numbers, override_num_blocks=max(len(stored), 1))
        done = dataset.map(_examiner(stored, task)).take_all()
    except ray.exceptions.RayTaskError as error:
        raise _of_the_user(error) or error from None
    except ray.exceptions.RayError as error:
        raise UserError(f"Ray could not examine all parts: {error}") from error
    finally:
        if started:
            ray.shutdown()
    assert len(done) == len(stored)
    return stored


def _of_the_user(error: BaseException | None) -> UserError | None:
    """The user's mistake that a task ended with, under what Ray wraps around it."""
    while error is not None:
        if isinstance(error, UserError):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None


def _start(ray: Any) -> None:
    """Connect to the user's cluster, or start one here that tells nobody and draws nothing."""
    settings: dict[str, Any] = {"log_to_driver": False, "runtime_env": {"env_vars": ONE_THREAD}}
    if "RAY_ADDRESS" not in os.environ:
        settings |= {"include_dashboard": False, "num_cpus": len(os.sched_getaffinity(0))}
    ray.init(**settings)


def _examiner(parts: list[Part], task: Task) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What a worker does with a part's number; its current folder is another than ours."""
    there = [replace(part, folder=part.folder.resolve()) for part in parts]
    away = replace(task, base=task.base.resolve())

    def examine(row: dict[str, Any]) -> dict[str, Any]:
        examine_part(there[row["number"]], away)
        return row

    return examine
