"""Who compares the answers of two models: a model behind an endpoint, or one loaded here.

Either is made once a suite asks for it. Its replies are kept in the folder of results, so that the
same evaluation again asks nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tutelage.data.example import Message
from tutelage.evaluate.judge_options import SuiteJudgeOptions
from tutelage.evaluate.preferences import Judge
from tutelage.evaluate.question import Question
from tutelage.infer.endpoint.errand import Errand
from tutelage.judge import Fence, kept_secret
from tutelage.model.context import context_length
from tutelage.pipeline.judging import EndpointJudge
from tutelage.pipeline.suites.asking import KeptReplies, Progress
from tutelage.pipeline.suites.job import asker
from tutelage.pipeline.workbench import Workbench

SETTINGS = "evaluate.judge"

FOLDER = "judge"
"""In which of the results a judge's replies are kept, and the secret of its fence."""


def judge_for(
    options: SuiteJudgeOptions, results: Path, name: str, load: Callable[[str], Workbench]
) -> Callable[[], Judge] | None:
    """Gives who judges, the same each time; None where the options name nobody.

    Args:
        options: who it is.
        results: the folder of results.
        name: of what is evaluated, for messages.
        load: gives a model here by its name.
    """
    if options.model is None and options.local is None:
        return None
    folder = results / FOLDER
    people = None if options.people is None else Path(options.people)

    @cache
    def judge() -> Judge:
        if options.local is not None:
            here = LocalJudge(options.local, options.max_new_tokens, folder, load)
            return Judge(here, Fence(kept_secret(folder / "secret")), here.about, people)
        errand = Errand(SETTINGS, f"tutelage eval {name} --suite preference")
        there = EndpointJudge(options, folder, errand)
        return Judge(there, there.fence, there.about, people)

    return judge


class LocalJudge:
    """A model here as a judge; a `judge.Ask`. It is loaded with the first question.

    Args:
        name: a folder or hub id.
        longest: answer, in tokens.
        folder: where replies are kept.
        load: gives the model.
    """

    def __init__(
        self, name: str, longest: int, folder: Path, load: Callable[[str], Workbench]
    ) -> None:
        self._name = name
        self._longest = longest
        self._kept = KeptReplies(folder / "local_replies.jsonl")
        self._bench = cache(lambda: load(name))

    def __call__(self, questions: Sequence[Sequence[Message]]) -> list[str | None]:
        """Answers, in the order of the questions; None where the context has no room for one."""
        if not questions:
            return []
        bench = self._bench()
        context = context_length(bench.model)
        asked = [
            Question(str(number), tuple(turns), max_new_tokens=self._longest)
            for number, turns in enumerate(questions)
            if context is None or len(bench.renderer.prompt_ids(turns)) < context
        ]
        with bench.as_base():
            here = asker(bench, self._kept, None)
            replies = here.ask(asked, None, Progress("judge", len(asked)))
        answers = {int(one.key): reply.answer for one, reply in zip(asked, replies, strict=True)}
        return [answers.get(number) for number in range(len(questions))]

    def about(self) -> dict[str, Any]:
        """Who judges, as JSON types."""
        return {"model": self._name}
