"""The base of every room's settings.

Options are the edge where a person's YAML becomes typed values, so they are pydantic models:
unknown keys are errors, values are frozen, and the sentence under each field is its
documentation (the recipe reference and the commented recipe are generated from it). A room's
`options.py` imports nothing heavy.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Settings of one room: strict, frozen, documented field by field."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
