"""The same computations as transformers' modules, in fewer passes over memory.

`fuse` puts them in place of the model's own where both were found to agree, and says nothing
otherwise; names of weights stay as they are. What is fused: several linear layers (and their
low-rank updates) that read one input, root-mean-square norms, rotary positions, gated
feed-forward blocks.
"""

from tutelage.model.fused.fuse import fuse, unfuse

__all__ = ["fuse", "unfuse"]
