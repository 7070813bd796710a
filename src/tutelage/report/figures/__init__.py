"""Small figures drawn as inline SVG, without a chart library.

Each figure is drawn twice, for a wide and a narrow column, and the style sheet shows the one
that fits: text keeps its size, where one scaled drawing would shrink it out of reading. Colours
come from the style sheet by class, so light, dark and print need one drawing.
"""

from tutelage.report.figures.bar import Segment, stacked_bar
from tutelage.report.figures.curves import Curves, training_curves
from tutelage.report.figures.histogram import histogram
from tutelage.report.figures.intervals import Change, changes, single_interval
from tutelage.report.figures.panels import Panel, Spot, panels
from tutelage.report.figures.task_curves import TaskCurve, task_curves

__all__ = [
    "Change",
    "Curves",
    "Panel",
    "Segment",
    "Spot",
    "TaskCurve",
    "changes",
    "histogram",
    "panels",
    "single_interval",
    "stacked_bar",
    "task_curves",
    "training_curves",
]
