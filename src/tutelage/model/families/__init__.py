"""Kinds of base model: what the loop, the decoder and the scorer need of each.

`families` is the registry, `Family` the seam; a kind is one file.
"""

from __future__ import annotations

from tutelage.model.families.family import Family, Head
from tutelage.registry import Registry

families: Registry[Family] = Registry("model family", "tutelage.model.families")

__all__ = ["Family", "Head", "families"]
