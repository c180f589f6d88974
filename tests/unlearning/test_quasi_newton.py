"""L-BFGS with a preconditioner: on quadratics, where what it must do is known."""

import pytest
import torch
from torch import Tensor

from affekt.unlearning.quasi_newton import Named, QuasiNewton

SIZE = 6


def symmetric(seed: int, size: int = SIZE) -> Tensor:
    """A positive matrix with eigenvalues from 1 to 100."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]
    found: Tensor = basis @ torch.diag(torch.logspace(0, 2, size, dtype=torch.float64)) @ basis.T
    return found


def named(flat: Tensor) -> Named:
    return {"a": flat[:4].reshape(2, 2), "b": flat[4:]}


def flat(values: Named) -> Tensor:
    return torch.cat([value.flatten() for value in values.values()])


def minimise(newton: QuasiNewton, hessian: Tensor, start: Tensor, steps: int) -> Tensor:
    """Exact line searches on half x' H x."""
    x = start.clone()
    for _ in range(steps):
        gradient = hessian @ x
        step = newton.direction(named(gradient))
        d = flat(step)
        scale = -float(gradient @ d / (d @ hessian @ d))
        x = x + scale * d
        newton.moved(step, scale)
    return x


@pytest.mark.parametrize("preconditioned", [False, True])
def test_a_quadratic_is_solved_in_as_many_steps_as_it_has_dimensions(preconditioned: bool) -> None:
    hessian, start = symmetric(0), torch.arange(1.0, SIZE + 1, dtype=torch.float64)
    matrix = symmetric(1) if preconditioned else torch.eye(SIZE, dtype=torch.float64)
    newton = QuasiNewton(lambda gradient: named(matrix @ flat(gradient)))
    assert float(minimise(newton, hessian, start, SIZE).norm()) < 1e-8
    plain = QuasiNewton(lambda gradient: named(matrix @ flat(gradient)), history=0)
    assert float(minimise(plain, hessian, start, SIZE).norm()) > 1e-2


def test_the_exact_inverse_needs_one_step() -> None:
    hessian, start = symmetric(0), torch.ones(SIZE, dtype=torch.float64)
    inverse = torch.linalg.inv(hessian)
    newton = QuasiNewton(lambda gradient: named(inverse @ flat(gradient)))
    assert torch.allclose(flat(newton.direction(named(hessian @ start))), start)


def test_the_last_pair_is_reproduced() -> None:
    """The secant equation: what the last step changed in the gradient is mapped to the step."""
    hessian = symmetric(0)
    newton = QuasiNewton(dict, history=3)
    x = torch.ones(SIZE, dtype=torch.float64)
    for _ in range(5):
        gradient = hessian @ x
        step = newton.direction(named(gradient))
        newton.moved(step, -0.01)
        x = x - 0.01 * flat(step)
    newton.direction(named(hessian @ x))
    assert len(newton.pairs) == 3
    pair = newton.pairs[-1]
    assert torch.allclose(pair.change, hessian @ pair.step)
    probe = QuasiNewton(dict, history=3)
    probe.pairs = newton.pairs
    assert torch.allclose(flat(probe.direction(named(pair.change))), pair.step)


def test_where_the_loss_curves_downwards_nothing_is_learned() -> None:
    newton = QuasiNewton(dict)
    gradient = torch.ones(SIZE, dtype=torch.float64)
    newton.moved(newton.direction(named(gradient)), -1.0)
    found = newton.direction(named(2.0 * gradient))
    assert not newton.pairs
    assert torch.equal(flat(found), 2.0 * gradient)
