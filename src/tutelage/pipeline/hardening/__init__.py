"""Rows that harden a model against noise and attacks, made of its training rows."""

from tutelage.pipeline.hardening.job import HardenOptions, harden

__all__ = ["HardenOptions", "harden"]
