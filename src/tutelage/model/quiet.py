"""Keep other libraries off the screen where we say ourselves what matters.

The progress bars of transformers would break our progress line. Its warnings about weights that are
missing or left over are errors or notes of ours. PEFT brings bitsandbytes, which regrets a kernel
that nothing here uses.
"""

from __future__ import annotations

import contextlib
import logging as standard_logging
import warnings
from collections.abc import Iterator

from transformers.utils import logging


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Leave out transformers' progress bars and warnings for a while."""
    verbosity = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Leave out what PEFT's own dependencies say while it is imported and loads."""
    loud = standard_logging.getLogger("bitsandbytes")
    level = loud.level
    loud.setLevel(standard_logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        loud.setLevel(level)
