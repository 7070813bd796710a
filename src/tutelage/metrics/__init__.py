"""Text metrics: pure functions from predictions and references to scores.

`METRICS.get(name)` hands out a `Metric`; each family is one file that registers its names.
"""

from tutelage.metrics.metric import METRICS, Metric, Scores

__all__ = ["METRICS", "Metric", "Scores"]
