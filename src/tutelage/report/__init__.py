"""The report of a run or an evaluation: figures and one self-contained HTML file.

`build(run)` reads whatever parts the run folder has and writes `report.html`;
`build_evaluation(folder)` does so for suites that were asked of models that are no run.
"""

from tutelage.report.evaluation_page import build_evaluation, is_evaluation
from tutelage.report.page import build

__all__ = ["build", "build_evaluation", "is_evaluation"]
