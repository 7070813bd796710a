"""Places are filled and choices scored as the definition says, whatever else is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny_masked
from tutelage.errors import UserError
from tutelage.infer.backend import Request
from tutelage.infer.families import inferences
from tutelage.infer.filling import Filler, chosen
from tutelage.infer.options import DecodeOptions
from tutelage.model.families import families
from tutelage.prompt.masked_answer import MaskedAnswer
from tutelage.prompt.options import PromptOptions

BLANK, STOP, PLACES = 4, 3, 5
KINDS = ["bert", "roberta", "modernbert"]


def request(seed: int, **changes: object) -> Request:
    random = np.random.default_rng(seed)
    text = random.integers(5, 300, random.integers(2, 30)).tolist()
    values = {"max_new_tokens": 16, "key": seed, **changes}
    return Request((2, *text, *[BLANK] * PLACES, STOP), **values)


def filler(kind: str, stops: Sequence[int] = (STOP,), **options: object) -> Filler:
    model = tiny_masked.make_model(kind)
    return Filler(families.get("masked"), model, BLANK, stops, DecodeOptions(**options))


@torch.no_grad()
def predicted(kind: str, ids: Sequence[int]) -> Tensor:
    """Log-probabilities of every token by transformers' own forward pass."""
    model = tiny_masked.make_model(kind, attn_implementation="eager")
    return model(input_ids=torch.tensor([list(ids)])).logits[0].log_softmax(dim=1)


def naive(kind: str, ids: Sequence[int], stops: Sequence[int]) -> list[int]:
    """One pass a place; the surest before the end of the answer as it reads now."""
    now, open_ = list(ids), [at for at, id_ in enumerate(ids) if id_ == BLANK]
    places = list(open_)
    while open_:
        values, tokens = predicted(kind, now).max(dim=1)
        reads = [now[at] if at not in open_ else int(tokens[at]) for at in places]
        ends = [at for at, token in zip(places, reads, strict=True) if token in stops]
        before = [at for at in open_ if not ends or at <= ends[0]]
        best = max(before, key=lambda at: float(values[at]))
        now[best] = int(tokens[best])
        if now[best] in stops:
            places = [at for at in places if at <= best]
        open_ = [at for at in open_ if at != best and at in places]
    return [now[at] for at in places]


@pytest.mark.parametrize("kind", KINDS)
def test_places_are_filled_surest_first(kind: str) -> None:
    requests = [request(seed) for seed in range(12)]
    # Half of the tokens that it says end an answer, so that some end early and some not at all.
    stops = sorted({id_ for answer in filler(kind, ()).run(requests) for id_ in answer.ids})[::2]
    answers = filler(kind, stops).run(requests)
    for asked, answer in zip(requests, answers, strict=True):
        assert list(answer.ids) == naive(kind, asked.ids, stops)
        assert answer.finish_reason == ("stop" if answer.ids[-1] in stops else "length")
        assert len(answer.log_probabilities) == len(answer.ids)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_does_not_depend_on_the_others(kind: str) -> None:
    requests = [request(seed) for seed in range(40)]
    together = filler(kind, temperature=0.7).run(requests)
    for at in (0, 7, 39):
        assert filler(kind, temperature=0.7).run([requests[at]]) == [together[at]]


def test_no_more_tokens_than_were_asked_for() -> None:
    answer = filler("bert", stops=()).run([request(0, max_new_tokens=2)])[0]
    assert len(answer.ids) == 2
    assert answer.finish_reason == "length"


@pytest.mark.parametrize("kind", KINDS)
def test_the_likeliest_choice_is_taken(kind: str) -> None:
    choices = ((11, STOP), (12, 13, STOP), (14, 15, 16, STOP), (17, STOP))
    requests = [request(seed, choices=choices, max_new_tokens=1) for seed in range(8)]
    answers = filler(kind).run(requests)
    for asked, answer in zip(requests, answers, strict=True):
        values = predicted(kind, asked.ids)[-1 - PLACES : -1]
        told = [[float(values[at, id_]) for at, id_ in enumerate(ids)] for ids in choices]
        assert answer.choice == int(np.argmax([sum(each) for each in told]))
        assert answer.ids == choices[answer.choice]
        np.testing.assert_allclose(answer.log_probabilities, told[answer.choice], atol=1e-4)


def test_the_first_of_equal_choices() -> None:
    assert chosen([(1, 2), (2, 1)], torch.zeros(2, 3)).choice == 0


def test_tokens_are_told_in_order() -> None:
    told: list[tuple[int, int]] = []
    requests = [request(seed) for seed in range(3)]
    answers = filler("bert").run(requests, lambda at, token: told.append((at, token)))
    assert told == [(at, id_) for at, answer in enumerate(answers) for id_ in answer.ids]


def test_a_prompt_beyond_the_context_is_refused() -> None:
    long = Request((2, *[9] * 130, BLANK, STOP), 4)
    with pytest.raises(UserError, match="reads at most 128"):
        filler("bert").run([long])


@pytest.mark.parametrize("kind", KINDS)
def test_plain_text_is_predicted_every_seventh_token_at_a_time(kind: str) -> None:
    model, family = tiny_masked.make_model(kind), families.get("masked")
    tokenizer = tiny_masked.make_tokenizer(kind)
    form = MaskedAnswer(tokenizer, PromptOptions())
    texts = [tokenizer.encode("the cat sat on the mat. " * n) for n in (1, 3)] + [[2, 9]]
    found = inferences.get("masked").text_log_probabilities(family, model, form, texts)
    assert [len(values) for values in found] == [len(text) - 1 for text in texts]
    for at in range(1, 12):
        masked = [
            form.blank if place > 0 and place % 7 == at % 7 else id_
            for place, id_ in enumerate(texts[1])
        ]
        expected = predicted(kind, masked)[at, texts[1][at]]
        np.testing.assert_allclose(found[1][at - 1], float(expected), rtol=1e-4, atol=1e-4)
