"""Every registered mixer under torch.func: the right numbers, or a refusal in our words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.testing import MixerCase, error_ratio

REGISTRY = seqzoo.load_registry()
OURS = ("scan", "seqzoo", "scaled_dot_product")  # the last are torch's own words, of its attention


def plain(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x).pow(2).sum(), x)[0]


def by_grad(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.func.grad(lambda x: f(x).pow(2).sum())(x)


def by_vjp(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    y, pull, *_ = torch.func.vjp(f, x)
    return pull(2 * y)[0]


def by_vmap(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.func.vmap(lambda row: f(row.unsqueeze(0)).squeeze(0))(x)


def by_jvp(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.func.jvp(f, (x,), (torch.ones_like(x),))[1]


def slope(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    step = 1e-6
    with torch.no_grad():
        return (f(x + step) - f(x - step)) / (2 * step)


TRANSFORMS: dict[str, tuple[Any, Any, float]] = {
    "grad": (by_grad, plain, 1e-10),
    "vjp": (by_vjp, plain, 1e-10),
    "vmap": (by_vmap, lambda f, x: f(x), 1e-10),
    "jvp": (by_jvp, slope, 1e-5),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch's own import
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap, by torch
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("mixer", REGISTRY.names("mixer"))
def test_it_is_right_or_refused(mixer: str, transform: str) -> None:
    case = MixerCase(mixer, REGISTRY)
    layer, x = case.build(), case.inputs()[:, :9]
    call, reference, most = TRANSFORMS[transform]

    def f(x: Tensor) -> Tensor:
        return layer(x)[0]

    try:
        found = call(f, x)
    except (RuntimeError, NotImplementedError, ValueError) as refusal:
        said = str(refusal)
        if not any(word in said for word in OURS):
            raise AssertionError(f"{mixer} under {transform}: {said[:300]}") from refusal
        pytest.skip(f"refused: {said.splitlines()[0][:100]}")
    assert error_ratio(found, reference(f, x)) < most
