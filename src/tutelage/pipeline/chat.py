"""Talk to a tuned model, to its base to compare, or to other tunings of that base.

The job behind `tutelage chat`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tutelage.data.example import Message
from tutelage.infer.adapters import BASE
from tutelage.infer.backend import Backend, Request
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.adapters import TUNED, AdaptedBench, open_runs
from tutelage.pipeline.workbench import Workbench, from_run
from tutelage.prompt.renderer import Renderer
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder


class Chat:
    """A conversation with a run's model.

    Args:
        bench: of the run.
        options: how to decode.
        adapted: the same with the tunings of other runs, if there are any.

    Attributes:
        messages: the turns so far.
        speaker: who answers: `tuned`, `base`, or the name of another tuning.
    """

    def __init__(
        self, bench: Workbench, options: DecodeOptions, adapted: AdaptedBench | None = None
    ) -> None:
        self.bench = bench
        self.options = options
        self.adapted = adapted
        self.messages: list[Message] = []
        self.speaker = TUNED
        self._asked = 0

    @property
    def speakers(self) -> list[str]:
        """Who can answer."""
        return [BASE, TUNED] if self.adapted is None else self.adapted.adapters.names

    def ask(self, text: str, on_text: Callable[[str], None]) -> str:
        """Say something and hear the answer as it comes.

        Args:
            text: the user's turn.
            on_text: called with each new piece of the answer.

        Returns:
            The whole answer, which is now the last turn.
        """
        asked = [*self.messages, Message("user", text)]
        ids = tuple(self._renderer.prompt_ids(asked))
        self._asked += 1
        request = Request(ids, self.options.max_new_tokens, key=self._asked)
        with self._speaking():
            answer = self._stream(request, on_text)
        self.messages = [*asked, Message("assistant", answer)]
        return answer

    def forget(self) -> None:
        """Begin anew."""
        self.messages = []

    @property
    def _renderer(self) -> Renderer:
        if self.adapted is None:
            return self.bench.renderer
        return self.adapted.renderers[self.speaker]

    def _speaking(self) -> AbstractContextManager[None]:
        """The speaker's tuning in place."""
        if self.adapted is not None:
            return self.adapted.adapters.chosen(self.speaker)
        return self.bench.as_base() if self.speaker == BASE else nullcontext()

    def _backend(self) -> Backend:
        if self.adapted is None:
            return self.bench.decoder(self.options, alone=True)
        return self.adapted.backend(self.speaker, self.options, alone=True)

    def _stream(self, request: Request, on_text: Callable[[str], None]) -> str:
        renderer = self._renderer
        ids: list[int] = []
        shown = ""

        def on_token(_: int, token: int) -> None:
            nonlocal shown
            ids.append(token)
            text = renderer.answer(ids)
            # A character may take several tokens: wait until it is whole.
            if text.startswith(shown) and not text.endswith("\ufffd"):
                on_text(text[len(shown) :])
                shown = text

        self._backend().run([request], on_token)
        answer = renderer.answer(ids)
        on_text(answer.removeprefix(shown))
        return answer


def open_chat(
    run: str | Path, options: DecodeOptions, adapters: Mapping[str, str | Path] | None = None
) -> Chat:
    """Load a run's model to talk to.

    Args:
        run: the run folder.
        options: how to decode.
        adapters: further run folders, tuned from the same base, by the names to call them.

    Raises:
        UserError: one is not a run with a model, or does not fit beside the others.
    """
    if adapters:
        adapted = open_runs(run, adapters)
        return Chat(adapted.bench, options, adapted)
    folder = RunFolder.open(run)
    recipe = load_recipe(folder.recipe).resolved()
    return Chat(from_run(folder, recipe), options)
