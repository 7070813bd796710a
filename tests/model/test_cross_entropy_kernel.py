"""Triton's interpreter must be chosen before anything is imported: its tests have a process."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    find_spec("triton") is None, reason="Triton is not installed (PyTorch for CUDA brings it)"
)


def test_the_kernel_equals_the_plain_operations() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(Path(__file__).with_name("triton_cases.py"))],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("capability", "capped"), [(80, True), (90, False)])
def test_the_kernel_compiles_for_a_gpu(capability: int, capped: bool) -> None:
    """The interpreter runs what the compiler would not take; this needs no GPU."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from tutelage.model.cross_entropy_kernel import BLOCK, WARPS, _row

    kinds = {
        "products": "*bf16",
        "stride": "i32",
        "targets": "*i64",
        "weights": "*fp32",
        "losses": "*fp32",
        "columns": "i32",
        "scale": "fp32",
        "softcap": "fp32",
        "capped": "constexpr",
        "block": "constexpr",
    }
    source = ASTSource(_row, kinds, constexprs={"capped": capped, "block": BLOCK})
    target = GPUTarget("cuda", capability, 32)
    compiled = triton.compile(source, target=target, options={"num_warps": WARPS})
    assert compiled.asm["cubin"]
