"""Examining parts: here, in as many processes as there are processors.

`examine_part` is what every engine runs. It takes a part's number and options, reads and writes
files, and does nothing where its results are there already: a killed audit goes on part by part.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

from tutelage.curate.chosen import Chosen, choose
from tutelage.curate.examine import examine
from tutelage.data.audit_options import AuditOptions, JudgeOptions
from tutelage.errors import UserError
from tutelage.pipeline.audit.parts import Part
from tutelage.pipeline.prepared_key import audit_digest, digest
from tutelage.rundir import replacing

ALONE = 2
"""Up to so many parts are examined in this process: others would take longer to start."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run over a part, in a form that any process can be given.

    Attributes:
        options: `AuditOptions` as JSON.
        base: what relative paths of own checks start from.
        against: whether there are evaluation sets.
        features_only: compute what evaluation sets are compared by, and check nothing.
        key: digest of what decides the findings beside the rows: options, own checks, our code.
    """

    options: str
    base: Path
    against: bool
    features_only: bool
    key: str

    def results(self, part: Part, kind: str) -> Path:
        """The file for what this task finds in a part; another task or content has another."""
        return part.path(f"{kind}-{digest([self.key, part.content])}")

    def chosen(self) -> Chosen:
        """The checks and features to run."""
        return _chosen(self)


def task_of(options: AuditOptions, base: Path, against: bool, features_only: bool = False) -> Task:
    """What to run with these options.

    Raises:
        UserError: a file of own checks cannot be read.
    """
    own = [str(base / path) for path in options.own]
    checks = audit_digest(
        options.model_copy(update={"own": own, "model": None, "judge": JudgeOptions()})
    )
    key = digest([checks, str(against), str(features_only)])
    return Task(options.model_dump_json(), base, against, features_only, key)


@lru_cache(maxsize=2)
def _chosen(task: Task) -> Chosen:
    options = AuditOptions.model_validate_json(task.options)
    chosen = choose(options, task.base, task.against)
    return Chosen({}, chosen.features, {}, {}) if task.features_only else chosen


def examine_part(part: Part, task: Task) -> Part:
    """Examine a part and store what is found, findings last; nothing if that was done already."""
    done = task.results(part, "findings")
    if not done.exists():
        examined = examine(part.batch(), task.chosen())
        for name, table in examined.features.items():
            table.write_ipc(task.results(part, name))
        with replacing(done) as temporary:
            examined.findings.write_ipc(temporary)
    return part


Engine = Callable[[Iterable[Part], Task], list[Part]]
"""Examines all parts, and gives them in order."""


def local(parts: Iterable[Part], task: Task) -> list[Part]:
    """Examine parts in this process, or in one for each processor once they are several.

    Raises:
        UserError: a process was killed, most likely for want of memory.
    """
    parts = iter(parts)
    first = list(islice(parts, ALONE + 1))
    if len(first) <= ALONE:
        return [examine_part(part, task) for part in first]
    context = multiprocessing.get_context("spawn")
    try:
        with _one_thread_each(), ProcessPoolExecutor(_processors(), context) as pool:
            futures = [pool.submit(examine_part, part, task) for part in chain(first, parts)]
            return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise UserError(
            "a process that examined rows was killed, most likely for want of memory",
            fix="begin again: what is done stays done; or leave out slow checks (--rules-only)",
        ) from error


def _processors() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes begun here have one thread each: a process a processor is what uses them all."""
    names = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
