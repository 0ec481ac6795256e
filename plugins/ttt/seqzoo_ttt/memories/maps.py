"""Maps: the pieces of a memory, linear in their weights; and those weights after many tokens.

A map is x W, x W + b, or x * s. Rows are tokens: x (B, H, c, in) -> (B, H, c, out). A token's
gradient by W is x^T g, with x the map's input at its key and g the gradient of its loss by the
map's output; no gradient by W is ever written out for one token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "Combination",
    "Map",
    "Maps",
    "Seen",
    "Weights",
    "applied",
    "chosen",
    "combined",
    "dual_maps",
    "finite",
    "maps_of",
    "summed",
]

Weights = dict[str, dict[str, Tensor]]
"""By map: `weight` (..., H, in, out) and maybe `bias` (..., H, out); or `scale` (..., H, out)."""

Map = Callable[[Tensor], Tensor]
Maps = Mapping[str, Map]


class Seen(NamedTuple):
    """A map at the keys of c tokens.

    Attributes:
        inputs: (B, H, c, in).
        gradients: of each token's loss by the map's output, (B, H, c, out).
    """

    inputs: Tensor
    gradients: Tensor


class Combination(NamedTuple):
    """The weights that each of c tokens reads: sum_s a_sn W_s - sum_j e_nj grad_j.

    Attributes:
        terms: a_s (B, H, c), or None for 1, and W_s, of (B, H, ...).
        rates: e (B, H, c, s), of read n (rows) and of token j, where the last c of s tokens are the
            readers; what is above their diagonal is not read. None for no gradient at all.
    """

    terms: Sequence[tuple[Tensor | None, Weights]]
    rates: Tensor | None


def applied(layer: dict[str, Tensor], x: Tensor) -> Tensor:
    """The map at x (B, H, c, in): (B, H, c, out)."""
    if "scale" in layer:
        return x * layer["scale"].unsqueeze(-2)
    y = x @ layer["weight"]
    return y + layer["bias"].unsqueeze(-2) if "bias" in layer else y


def maps_of(weights: Weights) -> Maps:
    """The maps with these weights."""
    return {name: lambda x, layer=layer: applied(layer, x) for name, layer in weights.items()}


def summed(weights: Weights, seen: Mapping[str, Seen], rates: Tensor) -> Weights:
    """sum_j r_j grad_j, of rates r (B, H, c); `weights` say which parameters a map has."""
    sums: Weights = {}
    for name, layer in weights.items():
        x, scaled = seen[name].inputs, rates.unsqueeze(-1) * seen[name].gradients
        own: dict[str, Tensor] = {}
        if "scale" in layer:
            own["scale"] = (x * scaled).sum(-2)
        else:
            own["weight"] = x.transpose(-1, -2) @ scaled
        if "bias" in layer:
            own["bias"] = scaled.sum(-2)
        sums[name] = {key: x.to(layer[key].dtype) for key, x in own.items()}  # not autocast's
    return sums


def combined(*terms: tuple[float | Tensor, Weights]) -> Weights:
    """sum_s a_s W_s; a number, or one a sequence and head (B, H) or (B, 1)."""
    _, first = terms[0]
    return {
        name: {key: _total([(a, each[name][key]) for a, each in terms]) for key in layer}
        for name, layer in first.items()
    }


def chosen(which: Tensor, yes: Weights, no: Weights) -> Weights:
    """The weights of one or the other, for each sequence: which (B,), bool."""
    return {
        name: {
            key: torch.where(which.view(-1, *[1] * (x.ndim - 1)), x, no[name][key])
            for key, x in layer.items()
        }
        for name, layer in yes.items()
    }


def _total(terms: list[tuple[float | Tensor, Tensor]]) -> Tensor:
    scaled = [
        x * (a.view(*a.shape, *[1] * (x.ndim - a.ndim)) if isinstance(a, Tensor) else a)
        for a, x in terms
    ]
    return sum(scaled[1:], scaled[0])


def dual_maps(combination: Combination, seen: Mapping[str, Seen]) -> Maps:
    """Maps whose row n has the weights of token n, without those weights.

    x_n (W - sum_j e_nj x_j^T g_j) = x_n W - sum_j e_nj (x_n x_j^T) g_j, and so for bias and scale.
    """
    names = combination.terms[0][1]
    return {name: lambda x, name=name: _dual(name, combination, seen[name], x) for name in names}


def _dual(name: str, combination: Combination, seen: Seen, x: Tensor) -> Tensor:
    layer = combination.terms[0][1][name]
    parts = [(a, applied(weights[name], x)) for a, weights in combination.terms]
    y = sum(each if a is None else a.unsqueeze(-1) * each for a, each in parts)
    if combination.rates is None:
        return torch.as_tensor(y)
    gradients, marks = finite(seen.gradients)
    rates = combination.rates
    before = rates.shape[-1] - rates.shape[-2]  # tokens before the first reader
    if "scale" in layer:
        change = x * (rates.tril(before) @ (seen.inputs.nan_to_num() * gradients))
    else:
        scores = x @ seen.inputs.transpose(-1, -2) + float("bias" in layer)
        change = (rates * scores).tril(before) @ gradients
    return (y - change) * marks[..., before:, :]


def finite(gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with zeros for tokens that are not finite, and NaN from the first such token on.

    A product of matrices would carry a NaN to the tokens before it, for 0 times NaN is NaN.
    """
    broken = ~gradients.isfinite().all(-1, keepdim=True)
    marks = torch.where(broken.cumsum(-2) > 0, torch.nan, 1.0).to(gradients.dtype)
    return torch.where(broken, 0.0, gradients), marks
