"""Where and with what a run took place, so that its figures can be judged and repeated.

Speed depends on cores, instruction sets and thread counts; numerics on the versions of torch and
transformers; so all of them go into `environment.json`. Limits are read as the process meets
them: in a container, the cores and memory it was granted, not those of the host.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_PACKAGES = ("tutelage", "torch", "transformers", "tokenizers", "safetensors", "numpy", "polars")

# Instruction sets that decide how fast a precision is, in /proc/cpuinfo's words (x86, then ARM).
_FLAGS = (
    "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni",
    "amx_tile", "amx_bf16", "amx_int8", "asimd", "asimddp", "bf16", "i8mm", "sve", "sve2",
)  # fmt: skip

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def environment(*, with_torch: bool = True) -> dict[str, Any]:
    """Versions, machine, thread counts, commits, date and command line, ready for JSON.

    What cannot be read on this machine is null or empty.

    Args:
        with_torch: load torch for what it alone knows; a job that does without leaves that empty.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "cpu": _cpu(),
        "memory_bytes": _memory(),
        **(_torch() if with_torch else _WITHOUT_TORCH),
        "variables": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        "commits": {
            "tutelage": _own_commit(),
            "working_folder": _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"),
        },
    }


_WITHOUT_TORCH: dict[str, Any] = {
    "threads": {"torch": None, "interop": None},
    "cuda": None,
    "gpus": [],
}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    """Threads, accelerator and GPUs as torch sees them."""
    import torch

    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "threads": {"torch": torch.get_num_threads(), "interop": torch.get_num_interop_threads()},
        "cuda": torch.version.cuda,
        "gpus": [{"name": gpu.name, "memory_bytes": gpu.total_memory} for gpu in gpus],
    }


def _cpu() -> dict[str, Any]:
    fields = _cpuinfo()
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    return {
        "model": fields.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": _cores(),
        "flags": [flag for flag in _FLAGS if flag in flags],
    }


def _cpuinfo() -> dict[str, str]:
    """The first core's entry in /proc/cpuinfo; empty outside Linux."""
    text = _read("/proc/cpuinfo").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _cores() -> int:
    """Cores this process may use: its affinity, and a container's quota where that is less."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def _memory() -> int:
    """Bytes of memory this process may use: the machine's, or a container's limit if less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    return min(total, int(limit)) if limit.isdigit() else total


def _own_commit() -> str | None:
    """Tutelage's own commit if it runs from a checkout.

    A package installed inside somebody's repository (a `.venv`) must not be given that
    repository's commit, so this file has to be tracked.
    """
    folder = Path(__file__).parent
    if _git("ls-files", "--error-unmatch", Path(__file__).name, folder=folder) is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*", folder=folder)


def _git(*arguments: str, folder: Path | None = None) -> str | None:
    """The output of a git command, or None without git, a repository or an answer in 5 s."""
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
