"""Linear layers that read one input equal their definition, forwards and backwards."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tutelage.model.projections import Projection, plain_project, project


@st.composite
def layers(draw: st.DrawFn) -> tuple[Tensor, list[Projection]]:
    """An input and layers over it, with and without bias and update, frozen and trained."""
    torch.manual_seed(draw(st.integers(0, 99)))
    rows = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    width = draw(st.integers(1, 6))

    def tensor(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64).requires_grad_(draw(st.booleans()))

    projections = []
    for _ in range(draw(st.integers(1, 3))):
        outputs, rank = draw(st.integers(1, 6)), draw(st.integers(0, 3))
        bias = tensor(outputs) if draw(st.booleans()) else None
        update = (tensor(rank, width), tensor(outputs, rank), 0.7) if rank else ()
        projections.append(Projection(tensor(outputs, width), bias, *update))
    return tensor(*rows, width), projections


@given(layers())
def test_outputs_and_gradients_are_right(case: tuple[Tensor, list[Projection]]) -> None:
    x, projections = case
    tensors = [x, *(t for layer in projections for t in layer[:4] if t is not None)]
    trained = [tensor for tensor in tensors if tensor.requires_grad]
    results = []
    for function in (project, plain_project):
        outputs = function(x, projections)
        assert [y.shape for y in outputs] == [(*x.shape[:-1], len(p.weight)) for p in projections]
        loss = sum((y**2).sum() * (at + 1) for at, y in enumerate(outputs))
        grads = torch.autograd.grad(loss, trained, allow_unused=True) if trained else ()
        results.append([*outputs, *grads])
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain)


def test_an_output_nobody_uses_gives_no_gradient() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, requires_grad=True)
    used, unused = (
        Projection(torch.randn(5, 4), None, torch.randn(2, 4), torch.randn(5, 2), 1.0)
        for _ in range(2)
    )
    unused.up.requires_grad_()
    first, _ = project(x, [used, unused])
    first.sum().backward()
    expected = torch.autograd.grad(plain_project(x, [used])[0].sum(), x)[0]
    torch.testing.assert_close(x.grad, expected)
    assert unused.up.grad is None
