"""Predicted and measured peak memory of real models, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks/memory_plan.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is set back through /proc")
@pytest.mark.parametrize(
    "cell",
    [
        ("smollm2", "lora", "float32", "none", 512),
        ("smollm2", "lora", "float32", "full", 512),
        ("smollm2", "full", "float32", "selective", 256),
    ],
)
def test_a_prediction_is_right_within_a_tenth(cell: tuple[object, ...]) -> None:
    command = [sys.executable, str(BENCHMARK), "--cell", json.dumps(cell)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(finished.stdout.splitlines()[-1])
    assert found["predicted"] == pytest.approx(found["measured"], rel=0.1)
