"""Choose device and precision by what this machine does well, and say why.

Habit chooses wrongly on CPUs. Measured on one core of a Sapphire Rapids Xeon, matmul of the
embedded model's shapes, and a LoRA step of 1,024 tokens on it:

    float32                     174 GFLOP/s     8.2 s
    bfloat16, AMX              1332 GFLOP/s     3.4 s
    bfloat16, AVX512-BF16       111 GFLOP/s    10.8 s    (AMX switched off)

With AVX2 alone bfloat16 is 40 to 500 times slower (pytorch #146508). So a CPU gets bfloat16 if it
has AMX, and float32 otherwise. This is read from the CPU's flags, not timed: a timing on a busy
machine came out differently from one process to the next, and base and tuned model, or a run and
its resumption, must not differ in precision. CUDA has good bfloat16 from compute capability 8.0
on; float16 would need loss scaling and is not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import torch

from tutelage.errors import UserError


class Choice(NamedTuple):
    """A device and a precision, with a sentence that says why."""

    device: torch.device
    dtype: torch.dtype
    why: str


def choose(device: str, precision: Literal["auto", "float32", "bfloat16"]) -> Choice:
    """Resolve `auto` in either setting.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `float32` or `bfloat16`.

    Raises:
        UserError: this machine does not have the device.
    """
    chosen = _device(device)
    if precision != "auto":
        dtype = torch.float32 if precision == "float32" else torch.bfloat16
        return Choice(chosen, dtype, f"{precision} on {chosen}, as asked")
    if chosen.type == "cuda":
        major, minor = torch.cuda.get_device_capability(chosen)
        fast = major >= 8
        reason = f"{torch.cuda.get_device_name(chosen)}, compute capability {major}.{minor}"
    else:
        fast = "amx_bf16" in _cpu_flags() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        reason = "the CPU has AMX" if fast else "the CPU has no AMX, so bfloat16 is slower"
    name = "bfloat16" if fast else "float32"
    return Choice(chosen, getattr(torch, name), f"{name} on {chosen}: {reason}")


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"there is no device {name}; PyTorch sees {torch.cuda.device_count()} CUDA devices",
            where="model.device",
            fix="use device: auto, or install a driver and a PyTorch built for CUDA",
        )
    return device


def _cpu_flags() -> frozenset[str]:
    """What the CPU can do, in Linux's words; elsewhere nothing is known."""
    try:
        information = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    flags = next((line for line in information.splitlines() if line.startswith("flags")), "")
    return frozenset(flags.split())
