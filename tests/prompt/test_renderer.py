"""The renderer on a tokenizer of bytes: every count by hand, every broken template its error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from made_tokenizer import CHATML, byte_tokenizer
from transformers import AutoTokenizer, ByT5Tokenizer

from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.errors import UserError
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer, Rendering
from tutelage.prompt.template import DEFAULT_TEMPLATE, TemplateRefused

ASK, ANSWER = Message("user", "Hi"), Message("assistant", "Yes")
TURNS = (ASK, ANSWER, Message("user", "So"), Message("assistant", "No"))
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def renderer(template: str | None = CHATML, **options: object) -> Renderer:
    return Renderer(byte_tokenizer(template), PromptOptions.model_validate(options))


def render(made: Renderer, messages: Sequence[Message]) -> Rendering:
    return made.render([Example(tuple(messages), Source("rows.jsonl", 0))])[0]


def shown(made: Renderer, messages: Sequence[Message]) -> list[str]:
    """Each sequence as text, what is trained in braces."""
    texts = []
    for sequence in render(made, messages).sequences:
        parts, trained = [], False
        for id_, weight in zip(sequence.ids.tolist(), sequence.weights.tolist(), strict=True):
            if bool(weight) != trained:
                parts.append("}" if trained else "{")
                trained = bool(weight)
            parts.append(made.tokenizer.decode([id_]))
        texts.append("".join(parts) + "}" * trained)
    return texts


# What is trained


def test_answers_and_their_stop_tokens_are_trained_and_nothing_else() -> None:
    assert shown(renderer(), TURNS) == [
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n{Yes<|im_end|>}\n"
        "<|im_start|>user\nSo<|im_end|>\n<|im_start|>assistant\n{No<|im_end|>}"
    ]


def test_a_template_that_closes_no_turn_gets_the_end_of_sequence_one_turn_a_sequence() -> None:
    template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    made = renderer(template)
    assert not made.closes_turns and made.stop_ids == {made.tokenizer.eos_token_id}
    assert shown(made, TURNS) == [
        "user: Hi\nassistant: {Yes<|im_end|>}",
        "user: Hi\nassistant: Yes\nuser: So\nassistant: {No<|im_end|>}",
    ]


def test_a_template_that_rewrites_earlier_turns_gives_what_serving_sees_at_each() -> None:
    template = (
        "{% for m in messages %}{{ m['role'] + ': ' + (m['content'] if loop.last or "
        "m['role'] != 'assistant' else '...') + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    assert shown(renderer(template), TURNS) == [
        "user: Hi<|im_end|>assistant: {Yes<|im_end|>}",
        "user: Hi<|im_end|>assistant: ...<|im_end|>user: So<|im_end|>assistant: {No<|im_end|>}",
    ]


def test_what_the_template_adds_behind_the_last_turn_is_not_trained() -> None:
    template = CHATML + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
    made = Renderer(byte_tokenizer(template, eos="</s>"), PromptOptions())
    assert shown(made, [ASK, ANSWER])[0].endswith("{Yes<|im_end|>}")
    ids = made.tokenizer.convert_tokens_to_ids(["<|im_end|>", "</s>"])
    assert made.stop_ids == set(ids)


def test_a_space_that_the_template_puts_before_the_words_is_trained_and_not_heard() -> None:
    template = (
        "{% for m in messages %}{{ '[' + m['role'] + '] ' + m['content'] + '\n<|im_end|>' }}"
        "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    made = renderer(template)
    assert shown(made, [ASK, ANSWER]) == ["[user] Hi\n<|im_end|>[assistant]{ Yes\n<|im_end|>}"]
    (sequence,) = render(made, [ASK, ANSWER]).sequences
    said = sequence.ids[sequence.weights != 0].tolist()
    assert made.answer(said) == "Yes"
    assert made.answer(said[:-1]) == "Yes" and made.answer(said[:2]) == "Y"


def test_a_conversation_without_an_answer_is_dropped() -> None:
    rendering = render(renderer(), [ASK])
    assert (rendering.fate, rendering.reason) == (Fate.DROPPED, Reason.NO_RESPONSE)
    assert render(renderer(), []).reason is Reason.TEMPLATE_REFUSED
    with pytest.raises(TemplateRefused):
        renderer(system="Be brief").prompt_ids([])


def test_one_refused_example_leaves_the_others_alone() -> None:
    made = renderer(
        GEMMA.replace("{% for", "{% if messages|length > 2 %}{{ 1/0 }}{% endif %}{% for")
    )
    first, second, third = made.render(
        [Example(turns, Source("f", 0)) for turns in ((ASK, ANSWER), TURNS, (ASK, ANSWER))]
    )
    assert second.reason is Reason.TEMPLATE_REFUSED and "ZeroDivisionError" in second.detail
    assert first.sequences[0].ids.tolist() == third.sequences[0].ids.tolist()


# System prompts


def test_a_system_prompt_of_the_recipe_is_for_conversations_without_one() -> None:
    made = renderer(system="Be brief")
    assert made.prompt_text([ASK]).startswith("<|im_start|>system\nBe brief<|im_end|>")
    own = made.prompt_text([Message("system", "Be long"), ASK])
    assert "Be long" in own and "Be brief" not in own
    assert renderer(system="").prompt_text([ASK]).startswith("<|im_start|>system\n<|im_end|>")


def test_a_template_that_refuses_system_turns_has_them_folded_into_the_first_question() -> None:
    made = renderer(GEMMA)
    assert made.template.folds_system
    system = Message("system", "Be brief")
    assert shown(made, [system, *TURNS]) == [
        "<s>user: Be brief\n\nHi<|im_end|>assistant: {Yes<|im_end|>}"
        "user: So<|im_end|>assistant: {No<|im_end|>}"
    ]
    assert made.prompt_text([Message("system", ""), ASK]) == made.prompt_text([ASK])


def test_a_template_that_drops_system_turns_silently_is_found_out() -> None:
    drops = CHATML.replace("messages %}", "messages if message['role'] != 'system' %}")
    made = renderer(drops)
    assert "Be brief\n\nHi" in made.prompt_text([Message("system", "Be brief"), ASK])


# Tools

WITH_CALLS = (
    "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}"
    "{% for c in m['tool_calls'] or [] %}{{ c['id'] + c['function']['name'] }}"
    "{{ '=' + c['function']['arguments'] ARGUMENTS }}{% endfor %}"
    "{% if m['role'] == 'tool' %}{{ '(' + m['tool_call_id'] + m['name'] + ')' }}{% endif %}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.mark.parametrize("arguments", ["| tojson", ""])
def test_calls_have_ids_and_the_arguments_that_the_template_takes(arguments: str) -> None:
    made = renderer(WITH_CALLS.replace("ARGUMENTS", arguments))
    assert made.template.text_arguments == (arguments == "")
    called, results = Message("assistant", "", (CALL, CALL)), [Message("tool", "2")] * 2
    assert shown(made, [ASK, called, *results, ANSWER]) == [
        'user: Hi<|im_end|>assistant: {000000000add={"a": 1}000000001add={"a": 1}<|im_end|>}'
        "tool: 2(000000000add)<|im_end|>tool: 2(000000001add)<|im_end|>assistant: {Yes<|im_end|>}"
    ]


def test_a_template_that_leaves_out_calls_refuses_them() -> None:
    rendering = render(renderer(), [ASK, Message("assistant", "", (CALL,))])
    assert rendering.reason is Reason.TEMPLATE_REFUSED and "tool calls" in rendering.detail


def test_what_cannot_be_learned_may_still_be_history() -> None:
    called, result = Message("assistant", "", (CALL,)), Message("tool", "2")
    history = [ASK, called, result]
    expected = (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
        "<|im_start|>tool\n2<|im_end|>\n<|im_start|>assistant\n"
    )
    assert renderer().prompt_text(history) == expected
    last = renderer(loss_on="last")
    assert last.prompt_ids(history) == renderer().prompt_ids(history)
    assert shown(last, [*history, ANSWER]) == [expected + "{Yes<|im_end|>}"]


def test_of_two_templates_the_one_for_tools_is_used_where_there_are_any() -> None:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = {"default": CHATML, "tool_use": "{{ tools[0]['name'] }}" + CHATML}
    made = Renderer(tokenizer, PromptOptions())
    assert made.prompt_text([ASK], [{"name": "add"}]) == "add" + made.prompt_text([ASK])
    with pytest.raises(UserError, match="fails on a single user turn"):
        tokenizer.chat_template = {"tool_use": CHATML, "rag": CHATML}
        Renderer(tokenizer, PromptOptions())


# Broken and hostile templates

HOSTILE = {
    "attribute": "{{ messages.__class__.__mro__ }}",
    "globals": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "namespace": "{% set ns = namespace(__class__=1) %}",
    "filter": "{{ (messages | first | attr('__class__')).__mro__ }}",
    "changes its input": "{{ messages.append(1) }}",
    "raises": "{{ raise_exception('never') }}",
    "divides": "{{ 1 / 0 }}",
    "recurses": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "syntax": "{% for %}",
    "undefined": "{{ nothing.at.all }}",
    "includes a file": "{% include '/etc/passwd' %}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_or_broken_template_is_an_error_with_its_place(
    source: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.jinja"
    file.write_text(source + CHATML)
    with pytest.raises(UserError) as caught:
        Renderer(byte_tokenizer(), PromptOptions(template=str(file)))
    assert caught.value.where == "prompt.template" and "\n" not in caught.value.what
    assert caught.value.fix


BROKEN = {
    "drops the assistant's words": (
        CHATML.replace("message['content']", "message['content'] if message['role']=='user'"),
        "leaves out what the assistant says",
    ),
    "refuses answers": (
        "{% if messages[-1]['role'] == 'assistant' %}{{ 1/0 }}{% endif %}" + CHATML,
        "fails on one question and its answer",
    ),
    "begins twice": ("{{ bos_token }}{{ bos_token }}" + CHATML, "writes '<s>' twice"),
}


@pytest.mark.parametrize(("source", "said"), BROKEN.values(), ids=BROKEN)
def test_a_template_that_would_train_nonsense_is_refused(source: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        renderer(source)
    assert caught.value.where == "chat template (tokenizer)"


def test_a_template_file_must_be_there_and_be_text(tmp_path: Path) -> None:
    (tmp_path / "latin.jinja").write_bytes("größe".encode("latin-1"))
    for file in ("missing.jinja", "latin.jinja", "."):
        with pytest.raises(UserError, match="cannot read the chat template"):
            Renderer(byte_tokenizer(), PromptOptions(template=str(tmp_path / file)))


def test_without_any_end_nothing_can_be_trained() -> None:
    no_end = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(UserError, match="nothing ends the assistant's turn"):
        Renderer(byte_tokenizer(no_end, eos=None), PromptOptions())
    with pytest.raises(UserError, match="neither a chat template nor"):
        Renderer(byte_tokenizer(None, eos=None), PromptOptions())


# What is saved and named


def test_a_base_model_gets_the_default_template_and_keeps_it(tmp_path: Path) -> None:
    made = Renderer(byte_tokenizer(None, eos="</s>"), PromptOptions())
    assert made.template.origin == "default" and made.closes_turns
    assert shown(made, [Message("system", "Be brief"), *TURNS]) == [
        "<s>Be brief\n\n### User:\nHi\n\n### Assistant:\n{Yes</s>}\n\n"
        "### User:\nSo\n\n### Assistant:\n{No</s>}"
    ]
    made.tokenizer.save_pretrained(tmp_path)
    assert (tmp_path / "chat_template.jinja").read_text() == DEFAULT_TEMPLATE
    again = Renderer(AutoTokenizer.from_pretrained(tmp_path), PromptOptions())
    assert again.template.origin == "tokenizer"
    assert again.prompt_ids(TURNS[:3]) == made.prompt_ids(TURNS[:3])


def test_the_fingerprint_covers_what_decides_the_ids_and_not_where_it_lies(tmp_path: Path) -> None:
    def of(template: str = CHATML, eos: str = "<|im_end|>", **options: object) -> str:
        file = tmp_path / f"{options.pop('file', 'a')}.jinja"
        file.write_text(template)
        settings = PromptOptions.model_validate({"template": str(file), **options})
        return Renderer(byte_tokenizer(eos=eos), settings).fingerprint

    assert of() == of() == of(file="b")
    others = [
        of(CHATML + " "),
        of(eos="</s>"),
        of(system="x"),
        of(loss_on="last"),
        of(max_tokens=9),
    ]
    assert len({of(), *others}) == len(others) + 1


def test_dates_in_templates_do_not_move() -> None:
    dated = "{{ strftime_now('%d %b %Y') }}" + CHATML
    assert renderer(dated).prompt_text([ASK]).startswith("26 Jul 2024<|im_start|>")


def test_a_tokenizer_without_a_fast_backend_renders_too() -> None:
    tokenizer = ByT5Tokenizer()
    made = Renderer(tokenizer, PromptOptions())
    assert shown(made, [ASK, ANSWER]) == ["### User:\nHi\n\n### Assistant:\n{Yes</s>}"]
    assert len(made.fingerprint) == 64
    hostile = Message("user", "</s>")
    assert tokenizer.eos_token_id not in made.prompt_ids([hostile])
