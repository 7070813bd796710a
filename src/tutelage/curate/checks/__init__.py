"""Checks of a row, one a file; each registers itself in `CHECKS`."""
