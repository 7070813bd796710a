"""DPO and unlikelihood: loss and every gradient equal the papers', one sequence at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from forests import KeepFloat64, gradients, rendered
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

import tiny_models
from tutelage.data.example import Source
from tutelage.model.attention import TreeLayout, using
from tutelage.model.families import families
from tutelage.model.methods import methods
from tutelage.model.options import LoraOptions, ModelOptions
from tutelage.prompt.negatives import after_common_prefix
from tutelage.prompt.renderer import Rendered
from tutelage.train.distribution import Unit
from tutelage.train.example import Pack, TrainingExample
from tutelage.train.objectives import Objective, objectives
from tutelage.train.objectives.unlikelihood import FLOOR, unlikelihood
from tutelage.train.options import DpoOptions, TrainOptions, UnlikelihoodOptions
from tutelage.train.packing import pack_groups
from tutelage.train.reference import log_probability_sums, with_reference

MODELS = [("llama", "full"), ("gpt2", "lora"), ("cohere", "full")]
_models: dict[tuple[str, str], tuple[PreTrainedModel, ...]] = {}


@st.composite
def preferences(draw: st.DrawFn, lonely: bool = False) -> list[TrainingExample]:
    """Examples whose prompts and responses grow out of each other's beginnings; of `lonely` ones
    some have a desired or an undesired response only."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def grown(stem: list[int], most: int) -> list[int]:
        return [*stem[: random.integers(len(stem) + 1)], *new(most)]

    def new(most: int) -> list[int]:
        return random.integers(2, 300, random.integers(1, most)).tolist()

    prompts, made = [new(9)], []
    for row in range(draw(st.integers(1, 4))):
        prompts.append([*grown(prompts[random.integers(len(prompts))], 9), 2])
        responses = [new(8)]
        for _ in range(random.integers(1, 4)):
            # Each ends in a token of its own, so no two are the same.
            responses.append([*grown(responses[0], 6), 300 + len(responses)])
        responses[0].append(300)
        prompt = prompts[-1]
        sequences = [
            rendered([*prompt, *response], [0.0] * len(prompt) + [1.0] * len(response))
            for response in responses
        ]
        desired, undesired = tuple(sequences[:1]), tuple(sequences[1:])
        if lonely and row % 3 == 1:
            desired = ()
        if lonely and row % 3 == 2:
            undesired = ()
        made.append(TrainingExample(Source("made.jsonl", row), "made", desired, undesired))
    return made


def trio(kind: str, method: str) -> tuple[PreTrainedModel, ...]:
    """The tuned model, the same with eager attention, and the base model with eager attention."""
    if (kind, method) not in _models:
        attentions = ("tutelage", "eager", "eager")
        made = [
            tiny_models.make_model(kind, attn_implementation=attention).double()
            for attention in attentions
        ]
        lora = {"lora": LoraOptions(rank=4)} if method == "lora" else {}
        for model in made[:2]:
            methods.get(method).prepare(model, ModelOptions(method=method, **lora), seed=1)
            torch.manual_seed(2)
            for name, parameter in model.double().named_parameters():
                if method == "full":  # as after some training
                    parameter.data += 0.02 * torch.randn_like(parameter)
                elif "lora_B" in name:
                    torch.nn.init.normal_(parameter, std=0.3)
        _models[kind, method] = tuple(made)
    return _models[kind, method]


def ours(
    model: PreTrainedModel, objective: Objective, examples: Sequence[TrainingExample], budget: int
) -> tuple[Tensor, float, dict[str, float]]:
    """Sum of losses, of weights, and the figures; the gradients are left in the model."""
    parts = [part for example in examples for part in objective.parts(example)]
    total, weight, figures = torch.zeros((), dtype=torch.float64), 0.0, dict[str, float]()
    for forest, places in pack_groups([part.all_sequences for part in parts], budget, 3):
        pack = Pack(forest, tuple(parts[at] for at in places))
        with using(TreeLayout(forest.segments)):
            found = objective.loss(families.get("causal"), model, pack)
            found.sum.backward()
        total += found.sum.detach()
        weight += sum(objective.weights(pack))
        for name, value in found.figures.items():
            figures[name] = figures.get(name, 0.0) + value
    return total, weight, figures


def token_log_probabilities(model: PreTrainedModel, sequence: Rendered) -> Tensor:
    """Of the supervised tokens, by transformers' own forward pass."""
    ids = torch.from_numpy(sequence.ids.astype(np.int64))
    logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
    values = logits.log_softmax(-1).gather(1, ids[1:, None])[:, 0]
    return values[torch.from_numpy(sequence.weights[1:]) > 0]


def paper_dpo(
    model: PreTrainedModel, base: PreTrainedModel, example: TrainingExample, options: DpoOptions
) -> tuple[Tensor, int, list[float]]:
    """Rafailov et al. 2023, equation 7, and Mitchell's smoothing of its labels."""

    def ratio(sequence: Rendered) -> Tensor:
        with torch.no_grad():
            before = token_log_probabilities(base, sequence).sum()
        return token_log_probabilities(model, sequence).sum() - before

    total, margins = torch.zeros((), dtype=torch.float64), []
    for rejected in example.negatives:
        margin = options.beta * (ratio(example.sequences[0]) - ratio(rejected))
        right, wrong = torch.sigmoid(margin), torch.sigmoid(-margin)
        share = options.label_smoothing
        total = total - (1 - share) * right.log() - share * wrong.log()
        margins.append(float(margin))
    return total, len(example.negatives), margins


def paper_unlikelihood(
    model: PreTrainedModel, example: TrainingExample, alpha: float
) -> tuple[Tensor, float]:
    """Welleck et al. 2019, equations 2 and 4, over the tokens of each sequence."""
    total, weight = torch.zeros((), dtype=torch.float64), 0.0
    for sequence in example.sequences:
        values = token_log_probabilities(model, sequence)
        total, weight = total - values.sum(), weight + len(values)
    for sequence in example.negatives:
        values = token_log_probabilities(model, sequence)
        total = total - alpha * (1 - values.exp()).log().sum()
        weight += alpha * len(values)
    return total, weight


def check_gradients(
    model: PreTrainedModel, reference: PreTrainedModel, tolerance: float = 1e-8
) -> None:
    mine, theirs = gradients(model), gradients(reference)
    assert mine.keys() == theirs.keys()
    for name, gradient in theirs.items():
        scale = max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(
            mine[name], gradient, rtol=0, atol=tolerance * scale, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize(("kind", "method"), MODELS)
@settings(max_examples=4)
@given(
    examples=preferences(),
    budget=st.sampled_from([1, 60, 2000]),
    beta=st.sampled_from([0.1, 0.7]),
    smoothing=st.sampled_from([0.0, 0.2]),
)
def test_dpo_is_the_paper_s(
    kind: str,
    method: str,
    examples: list[TrainingExample],
    budget: int,
    beta: float,
    smoothing: float,
) -> None:
    model, eager, base = trio(kind, method)
    options = TrainOptions(objective="dpo", dpo=DpoOptions(beta=beta, label_smoothing=smoothing))
    objective = objectives.get("dpo")(options)
    family = families.get("causal")
    with KeepFloat64():
        if method == "lora":  # the base is in the tuned model
            with methods.get(method).disabled(model):
                examples = with_reference(examples, family, Unit(model), budget)
        else:
            with as_tutelage(base):
                examples = with_reference(examples, family, Unit(base), budget)
        found, pairs, figures = ours(model, objective, examples, budget)
        expected, margins = torch.zeros((), dtype=torch.float64), []
        for example in examples:
            loss, _, some = paper_dpo(eager, base, example, options.dpo)
            loss.backward()
            expected += loss.detach()
            margins += some
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        check_gradients(model, eager)
    assert pairs == len(margins)
    assert figures["reward_margin"] == pytest.approx(sum(margins), abs=1e-8)
    assert figures["pair_accuracy"] == sum(margin > 0 for margin in margins)


@pytest.mark.parametrize(("kind", "method"), MODELS)
@settings(max_examples=4)
@given(
    examples=preferences(lonely=True),
    budget=st.sampled_from([1, 60, 2000]),
    alpha=st.sampled_from([1.0, 0.3]),
)
def test_unlikelihood_is_the_paper_s(
    kind: str, method: str, examples: list[TrainingExample], budget: int, alpha: float
) -> None:
    model, eager, _ = trio(kind, method)
    options = TrainOptions(objective="unlikelihood", unlikelihood=UnlikelihoodOptions(weight=alpha))
    with KeepFloat64():
        found, weight, figures = ours(
            model, objectives.get("unlikelihood")(options), examples, budget
        )
        expected, tokens = torch.zeros((), dtype=torch.float64), 0.0
        for example in examples:
            loss, some = paper_unlikelihood(eager, example, alpha)
            loss.backward()
            expected += loss.detach()
            tokens += some
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        check_gradients(model, eager)
    assert weight == pytest.approx(tokens)
    assert sum(figures.values()) == pytest.approx(float(expected))


@contextmanager
def as_tutelage(model: PreTrainedModel) -> Iterator[None]:
    """A context in which a model has our attention."""
    model.set_attn_implementation("tutelage")
    try:
        yield
    finally:
        model.set_attn_implementation("eager")


def test_a_token_that_chosen_and_rejected_share_has_no_gradient() -> None:
    """The response's first tokens are alike: only what differs can move the loss."""
    model, _, _ = trio("gpt2", "lora")
    prompt, alike = [5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]
    sequences = [rendered([*prompt, *alike, last], [0.0] * 4 + [1.0] * 9) for last in (20, 21)]
    example = TrainingExample(Source("a", 0), "a", (sequences[0],), (sequences[1],), (0.0, 0.0))
    (packed,) = pack_groups([example.all_sequences], 1000)
    assert len(packed.forest) == 14 and len(packed.forest.targets) == 10  # of 18 predictions
    objective = objectives.get("dpo")(TrainOptions(objective="dpo"))
    whole = ours(model, objective, [example], 1000)[0], gradients(model)
    short = [rendered(s.ids.tolist(), [0.0] * 12 + [1.0]) for s in sequences]
    only_last = TrainingExample(example.source, "a", (short[0],), (short[1],), (0.0, 0.0))
    fewer = ours(model, objective, [only_last], 1000)[0], gradients(model)
    torch.testing.assert_close(whole, fewer)


def test_the_reference_is_the_same_in_any_packing() -> None:
    model, _, _ = trio("gpt2", "lora")
    random = np.random.default_rng(0)
    stem = random.integers(2, 300, 12).tolist()
    sequences = [
        rendered([*stem, *random.integers(2, 300, n).tolist()], [0.0] * 12 + [1.0] * n)
        for n in (3, 7, 2, 9, 5)
    ]
    model.train()
    found = [
        log_probability_sums(families.get("causal"), Unit(model), sequences, budget)
        for budget in (1, 30, 1000)
    ]
    alone = [
        float(log_probability_sums(families.get("causal"), Unit(model), [one], 1000)[0])
        for one in sequences
    ]
    for some in found:
        np.testing.assert_allclose(some, alone, rtol=1e-6)
    again = log_probability_sums(families.get("causal"), Unit(model), sequences, 30)
    assert np.array_equal(again, found[1])
    assert not model.training  # no dropout in it


def test_unlikelihood_of_certain_tokens_is_finite_and_pushes() -> None:
    values = torch.tensor([-1e-3, -1e-6, -1e-9, 0.0], dtype=torch.float32, requires_grad=True)
    losses = unlikelihood(values)
    losses.sum().backward()
    assert torch.isfinite(losses).all() and (losses.diff() >= 0).all()
    assert torch.isfinite(values.grad).all() and (values.grad > 0).all()
    assert values.grad[-1] == pytest.approx((1 - FLOOR) / FLOOR, rel=1e-2)
    double = torch.tensor([-5.0, -0.5, -1e-4], dtype=torch.float64)
    torch.testing.assert_close(unlikelihood(double), -(1 - double.exp()).log())


def test_undesired_is_what_follows_the_common_prefix() -> None:
    desired = rendered([1, 2, 3, 4, 5], [0, 0, 1, 1, 1])
    undesired = rendered([1, 2, 3, 6, 7, 5], [0, 0, 1, 1, 1, 1])
    assert after_common_prefix(undesired, desired).weights.tolist() == [0, 0, 0, 1, 1, 1]
