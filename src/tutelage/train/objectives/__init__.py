"""What is minimised: an objective is one file, registered under the name recipes use.

An objective gives the sum of a pack's losses and of its weights; only the loop divides, once an
optimizer step.
"""

from collections.abc import Callable

from tutelage.registry import Registry
from tutelage.train.objectives.objective import Objective, PackLoss
from tutelage.train.options import TrainOptions

objectives: Registry[Callable[[TrainOptions], Objective]] = Registry(
    "objective", "tutelage.train.objectives"
)

__all__ = ["Objective", "PackLoss", "objectives"]
