"""Shared by all tests: the package comes before torch, as it does behind the command."""

import tutelage  # noqa: F401
