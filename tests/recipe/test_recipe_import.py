"""The recipe is the front door of every verb, so it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_recipe_loads_nothing_heavy() -> None:
    # How long it takes is not asserted: 0.15 s of processor time alone, 0.27 s beside others.
    program = (
        "import sys, tutelage.recipe, tutelage.recipe.reference\n"
        "print([m for m in ('torch', 'transformers', 'polars', 'numpy') if m in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
