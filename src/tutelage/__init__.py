"""Tutelage: from raw instruction data to a tuned language model, and the proof of it.

Importing this package, before torch is loaded, tells OpenMP to spin only briefly where a thread
waits for another. Its own default spins for milliseconds, which is ruinous as soon as anything
else runs on the machine: with two busy neighbours on 2 cores, a small matrix product and two
element-wise operations took 23 ms by default and 2.3 ms so (benchmarks/RESULTS.md, "waiting").
It also has torch ask Linux for large pages: a step makes and frees tensors of some MiB, and to give
them out page by page took a fifth of a LoRA step (RESULTS.md, "memory pages").
A value that the user has set stays.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

__version__ = "0.1.0"
