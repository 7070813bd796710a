"""Tutelage: from raw instruction data to a tuned language model, and the proof of it.

Importing this package, before torch is loaded, tells OpenMP how long a thread may spin where it
waits for another: long on an idle machine, briefly where others want its processors (`waiting`).
It also has torch ask Linux for large pages: a step makes and frees tensors of some MiB, and to give
them out page by page took a fifth of a LoRA step (RESULTS.md, "memory pages").
A value that the user has set stays.
"""

import os

from tutelage.waiting import turns

if "GOMP_SPINCOUNT" not in os.environ:
    os.environ["GOMP_SPINCOUNT"] = str(turns())
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"
