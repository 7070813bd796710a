"""Which kernel computes attention over a forest.

Calls of scaled_dot_product_attention, one a segment, run everywhere and are the default. One call
of FlexAttention for the whole row is there for CUDA, where many small calls leave the device
waiting; without a GPU at hand we have only proven what it computes, not what it gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from tutelage.errors import UserError
from tutelage.model.attention.layout import Layout
from tutelage.model.attention.tree import TreeLayout
from tutelage.prompt.tree import Segment

Kernel = Literal["segments", "flex"]


def forest_layout(kernel: Kernel, segments: Sequence[Segment], device: torch.device) -> Layout:
    """Attention of a forest by the kernel of this name.

    Raises:
        UserError: the kernel has no backward pass on the device.
    """
    if kernel == "segments":
        return TreeLayout(segments, device)
    if device.type != "cuda":
        raise UserError(
            f"FlexAttention trains on CUDA only, and the model is on {device.type}",
            where="train.attention",
            fix="leave it out, or write segments",
        )
    from tutelage.model.attention.flex import FlexTreeLayout  # loads torch's compiler

    return FlexTreeLayout(segments, device)
