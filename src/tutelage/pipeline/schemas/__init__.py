"""What the files of figures hold, for programs that read them.

`metrics` and `results` describe `metrics.json` and a suite evaluation's `results.json` as types;
`generate` makes JSON Schemas (draft 2020-12) of them, which are shipped beside it. The files name
their version, `schema`; whoever adds a figure adds it to the types, or the tests' runs fail.
"""

from pathlib import Path
from typing import Literal

Name = Literal["metrics", "results"]


def file_of(name: Name) -> Path:
    """The shipped JSON Schema of `metrics.json` or of `results.json`."""
    return Path(__file__).with_name(f"{name}.schema.json")
