"""Attention over token trees, entered through transformers' own attention registry.

Importing this package registers the implementation named `tutelage`; a model loaded with it
computes whatever layout `using` has set, and refuses to run without one.
"""

from tutelage.model.attention.encoder import BidirectionalLayout, EncoderDecoderLayout
from tutelage.model.attention.layout import NAME, Layout, using
from tutelage.model.attention.tree import TreeLayout

__all__ = [
    "NAME",
    "BidirectionalLayout",
    "EncoderDecoderLayout",
    "Layout",
    "TreeLayout",
    "using",
]
