"""The recipe is the front door of every verb, so it opens at once."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_recipe_is_quick_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, time\n"
        "start = time.process_time()\n"
        "import tutelage.recipe, tutelage.recipe.reference\n"
        "print(time.process_time() - start)\n"
        "print([m for m in ('torch', 'transformers', 'polars', 'numpy') if m in sys.modules])\n"
    )
    seconds = []  # of the processor: what else runs on the machine does not count
    for _ in range(5):
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        elapsed, heavy = result.stdout.splitlines()
        assert heavy == "[]"
        seconds.append(float(elapsed))
    assert min(seconds) < 0.25
