"""Ways of tuning: which weights are trained, and how they are kept on disk.

`methods` is the registry, `Method` the seam; a method is one file.
"""

from __future__ import annotations

from tutelage.model.methods.method import Method
from tutelage.registry import Registry

methods: Registry[Method] = Registry("method", "tutelage.model.methods")

__all__ = ["Method", "methods"]
