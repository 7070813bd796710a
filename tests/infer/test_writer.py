"""Answers of encoder-decoders: transformers' own, and the same in any company."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

import tiny_encoder_decoders
from tutelage.errors import UserError
from tutelage.infer.backend import Answer, Request
from tutelage.infer.families import inferences
from tutelage.infer.options import DecodeOptions
from tutelage.infer.sources import ROW, rows_of
from tutelage.infer.writer import Writer
from tutelage.model.families import families
from tutelage.model.families.encoder_decoder import encoder_decoder
from tutelage.model.families.family import set_attention

NEW = 12


def sources(count: int, longest: int) -> list[tuple[int, ...]]:
    draw = random.Random(0)
    return [(*draw.choices(range(2, 300), k=draw.randint(3, longest)), 1) for _ in range(count)]


def answers(model: PreTrainedModel, asked: list[tuple[int, ...]], **options: float) -> list[Answer]:
    opening = [model.config.decoder_start_token_id]
    decode = DecodeOptions.model_validate(options)
    writer = Writer(encoder_decoder, model, opening, {1}, decode)
    return writer.run([Request(ids, NEW, key=at) for at, ids in enumerate(asked)])


def generated(model: PreTrainedModel, source: tuple[int, ...], **more: object) -> list[int]:
    """transformers' greedy answer in eager attention."""
    set_attention(model, "eager")
    with torch.no_grad():
        found = model.generate(
            input_ids=torch.tensor([source]),
            max_new_tokens=NEW,
            do_sample=False,
            num_beams=1,
            eos_token_id=1,
            **more,
        )
    set_attention(model, "tutelage")
    return found[0, 1:].tolist()


@pytest.mark.parametrize("kind", ["t5", "flan-t5", "mt5", "bart", "marian"])
def test_greedy_answers_are_those_of_transformers(kind: str) -> None:
    model = tiny_encoder_decoders.make_model(kind)
    asked = sources(9, 40)
    asked[5] = asked[2]  # two answers to one source
    for source, answer in zip(asked, answers(model, asked), strict=True):
        assert list(answer.ids) == generated(model, source)


def test_no_answer_depends_on_its_company() -> None:
    model = tiny_encoder_decoders.make_model("t5")
    asked = [*sources(5, 30), *sources(3, 2 * ROW)]
    options = {"temperature": 1.0, "seed": 3}
    together = answers(model, asked, **options)
    in_turns = answers(model, asked, **options, batch_size=2)
    assert together == in_turns
    opening = [model.config.decoder_start_token_id]
    writer = Writer(encoder_decoder, model, opening, {1}, DecodeOptions.model_validate(options))
    alone = [writer.run([Request(ids, NEW, key=at)])[0] for at, ids in enumerate(asked)]
    assert together == alone  # log-probabilities to the last bit


def test_what_the_settings_forbid_is_not_written() -> None:
    model = tiny_encoder_decoders.make_model("marian")
    source = sources(1, 20)[0]
    (free,) = answers(model, [source])
    model.generation_config.bad_words_ids = [[free.ids[0]]]
    (held,) = answers(model, [source])
    assert free.ids[0] not in held.ids
    assert list(held.ids) == generated(model, source)


def test_an_opening_is_given_not_written() -> None:
    model = tiny_encoder_decoders.make_model("bart")
    source = sources(1, 20)[0]
    start, forced = model.config.decoder_start_token_id, 7
    writer = Writer(encoder_decoder, model, [start, forced], {1}, DecodeOptions())
    (answer,) = writer.run([Request(source, NEW - 1)])
    assert [forced, *answer.ids] == generated(model, source, forced_bos_token_id=forced)


def test_log_probabilities_are_the_models_own() -> None:
    model = tiny_encoder_decoders.make_model("bart")
    source = sources(1, 20)[0]
    (answer,) = answers(model, [source])
    start = model.config.decoder_start_token_id
    set_attention(model, "eager")
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([source]),
            decoder_input_ids=torch.tensor([[start, *answer.ids[:-1]]]),
        ).logits[0]
    expected = logits.log_softmax(1).gather(1, torch.tensor(answer.ids)[:, None])[:, 0]
    np.testing.assert_allclose(answer.log_probabilities, expected.numpy(), atol=1e-4)


def test_a_source_beyond_the_context_is_refused() -> None:
    model = tiny_encoder_decoders.make_model("bart")
    with pytest.raises(UserError, match="has 130 tokens, and the model reads at most 128"):
        answers(model, [(*range(2, 131), 1)])


def test_rows_hold_every_source_once() -> None:
    asked = [tuple(range(n)) for n in (5, 100, 60, 300, ROW, 3)]
    rows = list(rows_of(asked))
    assert sorted(source for row in rows for source in row.sources) == sorted(asked)
    assert all(row.length % ROW == 0 for row in rows)
    assert all(sum(map(len, row.sources)) <= row.length for row in rows)
    assert len(list(rows_of([tuple(range(n)) for n in (5, 300, 6)]))) == 2  # short ones together


def test_plain_text_is_scored_from_its_second_half() -> None:
    model = tiny_encoder_decoders.make_model("t5")

    class Form:
        opening = (0,)

        class encoder:  # noqa: N801 - stands for the form's encoder
            control_ids = frozenset([1])

        def prompt_ids(self, _: object, ids: list[list[int]]) -> list[int]:
            return [*ids[0], 1]

    family = families.get("encoder_decoder")
    text = [5, 6, 7, 8, 9, 1]
    (found,) = inferences.get("encoder_decoder").text_log_probabilities(
        family, model, Form(), [text]
    )
    set_attention(model, "eager")
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([[5, 6, 1]]), decoder_input_ids=torch.tensor([[0, 7, 8]])
        ).logits[0]
    expected = logits.log_softmax(1).gather(1, torch.tensor([7, 8, 9])[:, None])[:, 0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
