"""Runs untrusted programs where they can do no harm, and judges them by tests they cannot reach.

`Sandbox` and `judge_all` give each `Trial` a `Verdict` within `Limits`, or refuse to run at all.
"""

from tutelage.sandbox.limits import Limits
from tutelage.sandbox.sandbox import Outcome, Sandbox, Trial, Verdict, judge_all

__all__ = ["Limits", "Outcome", "Sandbox", "Trial", "Verdict", "judge_all"]
