"""What an assistant's turn looks like in a chat template, and its words in a rendered conversation.

The words to learn are what follows the prompt in the text of the whole conversation, up to and
including the token that ends the turn. Templates disagree about both borders, so one known answer
is rendered first: it shows what the template writes between prompt and words, what its prompt
opens that its history leaves out (DeepSeek-R1's `<think>`), and which control tokens end a turn in
the middle of a conversation as they do at its end (Cohere's `<|END_TEXT|><|END_OF_TURN_TOKEN|>`,
but not the end-of-sequence token that Phi-3.5 adds behind the last turn).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tutelage.data.example import Message
from tutelage.errors import UserError
from tutelage.prompt.encoding import alternatives
from tutelage.prompt.template import PROBE, QUESTION, ChatTemplate, TemplateRefused

OPEN_TAG = re.compile(r"<[^<>]*\Z")
OPENED_THINKING = re.compile(r"\s*<think>")
FIX = "mend the template, or give another in prompt.template"


@dataclass(frozen=True)
class TurnForm:
    """How a template surrounds an assistant's words.

    Attributes:
        lead: what the template itself writes between the prompt and the words.
        opened: the end of the prompt that history leaves out.
        head: what history has in place of `opened` and `lead`.
        stop: what ends the turn, through its control token; empty if there is none.
        after: what the template adds at the end of a conversation.
        control: finds control tokens.
        thought: what stands before thinking, and between it and the answer.
    """

    lead: str
    opened: str
    head: str
    stop: str
    after: str
    control: re.Pattern[str]
    thought: tuple[str, str] = ("", "")

    def words_behind(self, prompt: str, whole: str) -> str | None:
        """What the whole conversation has behind the prompt, if its text goes on from there."""
        if whole.startswith(prompt):
            return whole[len(prompt) :]
        kept = prompt.removesuffix(self.opened)
        if kept == prompt or not whole.startswith(kept):
            return None
        words = whole[len(kept) :]
        return self.lead + words[len(self.head) :] if words.startswith(self.head) else words

    def in_own_words(self, content: str) -> str:
        """An answer as the data has it, going on from what the prompt has opened."""
        opened = self.opened.strip()
        if opened and content.lstrip().startswith(opened):
            content = content.lstrip()[len(opened) :].lstrip()
        return content + self.stop + self.after

    def ended(self, words: str) -> tuple[str, bool]:
        """The words through the token that ends the turn, and whether there is one."""
        if self.stop and words.endswith(self.stop + self.after):
            return words[: len(words) - len(self.after)], True
        # Turns that end otherwise (tool calls): through the last control token, if it is the end.
        words = words.removesuffix(self.after)
        ends = [found.end() for found in self.control.finditer(words)]
        if ends and not words[ends[-1] :].strip():
            return words[: ends[-1]], True
        return words, False


def probe_turn(template: ChatTemplate, control_tokens: Collection[str], place: str) -> TurnForm:
    """Render one known answer to learn what surrounds an assistant's words.

    Raises:
        UserError: the template refuses a question with its answer, or leaves the answer out.
    """
    question, answer = Message("user", QUESTION), Message("assistant", PROBE)
    control = alternatives(control_tokens)
    try:
        prompt = template.render([question], generation_prompt=True)
        whole = template.render([question, answer], generation_prompt=False)
        always_opens = prompt == template.render([question], generation_prompt=False)
    except TemplateRefused as error:
        what = f"the chat template fails on one question and its answer: {error}"
        raise UserError(what, where=place, fix=FIX) from error
    before, found, tail = whole.partition(PROBE)
    if not found:
        what = "the chat template leaves out what the assistant says"
        raise UserError(what, where=place, fix=FIX)
    shared = alike(prompt, before)
    if inside := OPEN_TAG.search(prompt, 0, shared):
        shared = inside.start()
    opened, head = prompt[shared:], before[shared:]
    again = next(n for n in range(len(head), -1, -1) if opened.endswith(head[:n]))
    closing = tail
    if always_opens:  # the next turn too, asked to or not: the end of the tail is no part of this
        opener = alike(tail[::-1], prompt[::-1])
        starts = [found.start() for found in control.finditer(tail, len(tail) - opener)]
        closing = tail[: starts[0]] if starts else tail
    ends = [found.end() for found in control.finditer(closing)]
    midway = _behind_answer(template, [question, answer, question])
    as_midway = [end for end in ends if midway.startswith(tail[:end])]
    stop = max(as_midway) if as_midway else min(ends, default=0)
    form = TurnForm(head[again:], opened, head, tail[:stop], tail[stop:], control)
    return replace(form, thought=_thought(template, form, question, prompt))


def alike(first: str, second: str) -> int:
    """How many characters two texts share at their beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


def _behind_answer(template: ChatTemplate, messages: Sequence[Message]) -> str:
    try:
        return template.render(messages, generation_prompt=True).partition(PROBE)[2]
    except TemplateRefused:
        return ""


def _thought(
    template: ChatTemplate, form: TurnForm, question: Message, prompt: str
) -> tuple[str, str]:
    """What stands before and behind a known thought in a turn that begins with one."""
    thought, words = PROBE, PROBE[::-1]
    turn = Message("assistant", f"<think>\n{thought}\n</think>\n\n{words}")
    try:
        whole = template.render([question, turn], generation_prompt=False)
        text, _ = spoken(template, form, [question, turn], whole, prompt)
    except TemplateRefused:
        return "", ""
    before, _, rest = text.partition(thought)
    between, found, _ = rest.partition(words)
    return (before, between) if found else ("", "")


def spoken(
    template: ChatTemplate, form: TurnForm, conversation: Sequence[Message], whole: str, prompt: str
) -> tuple[str, bool]:
    """What the assistant says in the last turn, with its stop token, and if it has one.

    Args:
        template: the template.
        form: what it writes around a turn.
        conversation: the turns, the assistant's last.
        whole: their text.
        prompt: the text of the turns before, with the assistant's opening.

    Raises:
        TemplateRefused: the words cannot be found, or the template leaves calls out.
    """
    turn = conversation[-1]
    words = form.words_behind(prompt, whole)
    if words is None:
        # History that the new turn itself rewrites: a known word shows where its words begin.
        known = replace(turn, content=PROBE, tool_calls=())
        text = template.render([*conversation[:-1], known], generation_prompt=False)
        before = text.rpartition(PROBE)[0]
        if not before or not whole.startswith(before):
            raise TemplateRefused("what it makes of a turn does not follow its own prompt for it")
        words = form.lead + whole[len(before) :]
    if not _says_all(words, template, turn):
        if turn.tool_calls:
            raise TemplateRefused("it leaves out the assistant's tool calls")
        words = form.in_own_words(turn.content)
    return form.ended(words)


def _says_all(words: str, template: ChatTemplate, turn: Message) -> bool:
    """Whether the words hold every call, or, where there is none, thinking and content whole.

    What is said beside a call may go: Llama 3.1 has no place for it, and so never says it.
    """
    if turn.tool_calls:
        names = [str(call["function"].get("name", "")) for call in turn.tool_calls]
        return all(name in words for name in names)
    parts = template.thinking_and_words(turn)
    if all(part in words for part in parts):
        return True
    squeezed = _squeezed(words)
    opened = (OPENED_THINKING.sub("", part, count=1) for part in parts)  # by the prompt, perhaps
    return all(_squeezed(part) in squeezed for part in opened)


def _squeezed(text: str) -> str:
    return "".join(text.split())
