"""What is minimised: an objective is one file, registered under the name recipes use.

An objective gives the sum of a pack's losses and of its weights; only the loop divides, once an
optimizer step.
"""

from tutelage.registry import Registry
from tutelage.train.objectives.objective import Objective

objectives: Registry[Objective] = Registry("objective", "tutelage.train.objectives")

__all__ = ["Objective", "objectives"]
