"""This process's place among those that `torchrun` started; alone if it did not start it.

Read from the environment, so that arguments can be parsed, mistakes told and stages said before
torch is loaded. The first process, rank 0, is the one that prints and writes.
"""

from __future__ import annotations

import os
from datetime import timedelta


def rank() -> int:
    """This process's number, from 0; 0 if it is alone."""
    return _read("RANK", 0)


def size() -> int:
    """How many processes share the run."""
    return _read("WORLD_SIZE", 1)


def local_rank() -> int:
    """This process's number among those on the same machine."""
    return _read("LOCAL_RANK", 0)


def local_size() -> int:
    """How many of the processes are on this machine."""
    return _read("LOCAL_WORLD_SIZE", 1)


def leads() -> bool:
    """Whether this process is the one that prints and writes."""
    return rank() == 0


def first_to_fail() -> bool:
    """Whether this process is the first of all to end with an error, so the one that tells it.

    What befalls one process befalls the others soon: they made the same mistake, or have lost
    their peer. torchrun's own store, which outlives all of them, says who was first.
    """
    if size() == 1:
        return True
    from torch.distributed import DistError, TCPStore  # type: ignore[attr-defined]

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
    try:
        store = TCPStore(address, port, timeout=timedelta(seconds=10), wait_for_workers=False)
        first = store.compare_set(f"tutelage/failed/{attempt}", "", str(rank()))
    except DistError:  # torchrun is ending: it has been told of another's failure already
        return False
    return int(first) == rank()


def _read(variable: str, alone: int) -> int:
    # Clusters set WORLD_SIZE for purposes of their own; only torchrun's word counts.
    return int(os.environ[variable]) if "TORCHELASTIC_RUN_ID" in os.environ else alone
