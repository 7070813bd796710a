"""Audit a dataset before anything is trained on it. Behind `tutelage audit`."""

from tutelage.pipeline.audit.job import audit

__all__ = ["audit"]
