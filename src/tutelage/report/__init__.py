"""The report of a run: figures and one self-contained HTML file.

`build(run)` reads whatever parts the run folder has and writes `report.html`.
"""

from tutelage.report.page import build

__all__ = ["build"]
