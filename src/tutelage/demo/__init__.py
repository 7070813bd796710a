"""The data of `tutelage demo`: ten small instruction tasks and a sample of general prose.

`instructions/<task>.jsonl` holds one row a line with the keys `instruction`, `input`, `output` and
`task`: 75 rows of each trained task (45 to train, 6 to validate, 24 to test) and 24 of each task
held out of training (`topic`, `event_to_json`). `general.jsonl` holds 60 paragraphs (`text`) unlike
any task; their log-likelihood before and after tuning measures what the model forgot.

Everything here was written for Tutelage, sentence by sentence, by the AI sessions that develop it,
and taken from no other dataset. People, companies and places in it are invented or ordinary; none
is meant as a real private person. Licence: Apache-2.0, as the rest of the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path


@contextmanager
def recipe_path() -> Iterator[Path]:
    """The demo's recipe as a file, its data beside it."""
    with as_file(files("tutelage.demo")) as folder:
        yield folder / "recipe.yaml"
