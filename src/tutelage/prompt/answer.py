"""From a generated turn back to what it says, in the form that data sets write.

The way back from a rendered turn: what the template itself writes around the words comes off, and
thinking stands between `<think>` and `</think>` whatever tokens the template has for it. So an
answer can be compared with its reference, shown, and be given as the next turn's history.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


def until_stop(ids: Sequence[int], stop_ids: Collection[int]) -> Sequence[int]:
    """The ids before the first stop token; all, if there is none."""
    return ids[: next((at for at, id_ in enumerate(ids) if id_ in stop_ids), len(ids))]


@dataclass(frozen=True)
class AnswerForm:
    """What surrounds an answer, as the tokenizer decodes it, with marks for control tokens.

    Attributes:
        lead: what stands before the words.
        before: what stands before thinking, where there is some …
        between: … and between it and the words; empty if the template has no room for thinking.
        stop: what stands between the words and the stop token.
    """

    lead: str
    before: str
    between: str
    stop: str

    def said(self, text: str, *, ended: bool) -> str:
        """What a turn says.

        A longer text gives a longer answer, so that a turn can be shown as it comes. (Not where
        the prompt has opened the thinking and an answer without any has no sign of its own.)

        Args:
            text: the turn up to its stop token, or as far as it goes.
            ended: the stop token was reached.
        """
        if ended:
            text = text.removesuffix(self.stop)
        else:
            if any(opening.startswith(text) for opening in (self.lead, self.before) if opening):
                return ""  # it may still become either
            text = _without_beginning_of(self.stop, text)
        if self.lead and text.startswith(self.lead):
            return text[len(self.lead) :]
        thinks = self.between and text.startswith(self.before)
        if thinks and (self.before or self.lead or self.between in text):
            thinking, found, words = text[len(self.before) :].partition(self.between)
            if found:
                return f"<think>\n{thinking}\n</think>\n\n{words}"
            return f"<think>\n{_without_beginning_of(self.between, thinking)}"
        return text


def _without_beginning_of(ending: str, text: str) -> str:
    """A text that goes on, without what at its end may become an ending that is not shown."""
    lengths = range(min(len(ending), len(text)), -1, -1)
    return text[: len(text) - next(n for n in lengths if text.endswith(ending[:n]))]
