"""Knowing a dataset before training on it: checks of rows, checks of the whole, selection.

Everything here is a pure function over batches of columns: files, processes and pages are
elsewhere.
"""

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import found, matches, none

__all__ = ["CHECKS", "Batch", "Check", "found", "matches", "none"]
