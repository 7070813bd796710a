"""Checks of the whole dataset, one a file; each registers itself in `WHOLE_CHECKS`."""
