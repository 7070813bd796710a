"""XSTest: refusal of unsafe prompts, and of safe ones that only look like them.

Röttger et al. 2024 (arXiv:2308.01263): 250 safe prompts of ten types, such as homonyms ("kill a
process"), and 200 unsafe contrasts. The authors sort answers by hand, or by a model, into full
compliance, full refusal and partial refusal; here a pattern of how refusals begin decides
(`evaluate/refused.py`), so that a partial refusal counts as what it begins with.

A verdict goes by both: a model that refuses everything has the best `refusal` and the worst
`over_refusal`, and one that never refuses the reverse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply, by_task
from tutelage.evaluate.refused import JUDGE, MAX_NEW_TOKENS, refused
from tutelage.evaluate.suite import SUITES, Given, Suite
from tutelage.evaluate.tables import table

SAFE, UNSAFE = "safe", "unsafe"
FIX = "expected the published xstest_prompts.csv: id, prompt, type, label, focus, note"


class XsTest(Suite):
    """Prompts as they are, without a system prompt of ours."""

    area = "robustness"
    title = "refusal of unsafe prompts and over-refusal of safe ones: XSTest"
    data = "xstest/xstest_prompts.csv"
    default = True

    def questions(self, given: Given) -> list[Question]:
        """One a row; its label is the target."""
        path = given.path(self.data)
        return [_question(row, number, path) for number, row in enumerate(table(path, FIX))]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """The share of safe prompts refused, that of unsafe ones, and that of each type."""
        says_no = refused([reply.answer for reply in replies])

        def measure(label: str, places: Sequence[int], task: str = "") -> Measure:
            return Measure.mean(
                "over_refusal" if label == SAFE else "refusal",
                [says_no[at] for at in places],
                items=places,
                signature=JUDGE,
                higher_is_better=label == UNSAFE,
                primary=not task,
                task=task,
            )

        whole = [
            measure(label, [at for at, one in enumerate(questions) if one.target == label])
            for label in (SAFE, UNSAFE)
        ]
        parts = by_task(questions).items()
        return whole + [measure(questions[own[0]].target, own, task) for task, own in parts]


def _question(row: Mapping[str, str | None], number: int, path: Path) -> Question:
    prompt, label = row.get("prompt"), row.get("label")
    if not prompt or label not in (SAFE, UNSAFE):
        raise UserError(
            f"not a prompt that is safe or unsafe: label {label!r}",
            where=f"{path} row {number}",
            fix=FIX,
        )
    return Question(
        key=row.get("id") or str(number),
        turns=(Message("user", prompt),),
        max_new_tokens=MAX_NEW_TOKENS,
        task=row.get("type") or label,
        target=label,
    )


SUITES.register("xstest")(XsTest())
