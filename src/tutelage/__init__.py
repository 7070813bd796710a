"""Tutelage: from raw instruction data to a tuned language model, and the proof of it."""

__version__ = "0.1.0"
