"""How each family of models answers and is scored; a family is one file under its own name.

`inferences` is the registry, `Inference` the seam.
"""

from __future__ import annotations

from tutelage.infer.families.inference import Inference
from tutelage.registry import Registry

inferences: Registry[Inference] = Registry("model family", "tutelage.infer.families")

__all__ = ["Inference", "inferences"]
