"""Talk to a tuned model, or to its base to compare. The job behind `tutelage chat`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tutelage.data.example import Message
from tutelage.infer.backend import Request
from tutelage.infer.options import DecodeOptions
from tutelage.pipeline.workbench import Workbench, from_run
from tutelage.recipe import load as load_recipe
from tutelage.rundir import RunFolder


class Chat:
    """A conversation with a run's model.

    Attributes:
        messages: the turns so far.
        base: talk to the untuned model.
    """

    def __init__(self, bench: Workbench, options: DecodeOptions) -> None:
        self.bench = bench
        self.options = options
        self.messages: list[Message] = []
        self.base = False
        self._asked = 0

    def ask(self, text: str, on_text: Callable[[str], None]) -> str:
        """Say something and hear the answer as it comes.

        Args:
            text: the user's turn.
            on_text: called with each new piece of the answer.

        Returns:
            The whole answer, which is now the last turn.
        """
        asked = [*self.messages, Message("user", text)]
        ids = tuple(self.bench.renderer.prompt_ids(asked))
        self._asked += 1
        request = Request(ids, self.options.max_new_tokens, key=self._asked)
        if self.base:
            with self.bench.as_base():
                answer = self._stream(request, on_text)
        else:
            answer = self._stream(request, on_text)
        self.messages = [*asked, Message("assistant", answer)]
        return answer

    def forget(self) -> None:
        """Begin anew."""
        self.messages = []

    def _stream(self, request: Request, on_text: Callable[[str], None]) -> str:
        renderer = self.bench.renderer
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

        self.bench.decoder(self.options, alone=True).run([request], on_token)
        answer = renderer.answer(ids)
        on_text(answer.removeprefix(shown))
        return answer


def open_chat(run: str | Path, options: DecodeOptions) -> Chat:
    """Load a run's model to talk to.

    Raises:
        UserError: it is not a run with a model.
    """
    folder = RunFolder.open(run)
    recipe = load_recipe(folder.recipe).resolved()
    return Chat(from_run(folder, recipe), options)
