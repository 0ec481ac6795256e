"""The Omega rule over the tokens of a mini-batch at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo_ttt.decays import decays
from seqzoo_ttt.memories.maps import (
    Combination,
    Maps,
    Seen,
    Weights,
    combined,
    dual_maps,
    finite,
    summed,
)

__all__ = ["OmegaBlock", "omega_block"]


class OmegaBlock(NamedTuple):
    """After c tokens.

    Attributes:
        maps: row n has the weights of token n.
        weights: of the last token.
        momentum: S of the last token.
    """

    maps: Maps
    weights: Weights
    momentum: Weights


def omega_block(
    base: Weights,
    momentum: Weights | None,
    seen: Mapping[str, Seen],
    gates: Tensor,
    numbers: dict[str, Tensor],
    orthogonal: Callable[[Weights], Weights] | None,
) -> OmegaBlock:
    """S_t = theta_t S_{t-1} + G_t, M_t = alpha_t M_{t-1} - eta_t NS(S_t) of c tokens.

    Args:
        base: M_0, where all gradients were taken.
        momentum: S_0; None for S_t = G_t.
        seen: the maps at the window - 1 tokens before and the c tokens, n in all.
        gates: gamma (B, H, n).
        numbers: `rates` eta, and what `keep` alpha and `momentum` theta are the sigmoids of,
            (B, H, c) each.
        orthogonal: NS of weights (..., in, out); None for none, and then no token's weights are
            written out.
    """
    numbers = {name: x.nan_to_num() for name, x in numbers.items()}  # gradients tell of a NaN
    log_keep = F.logsigmoid(numbers["keep"])
    moving = decays(log_keep) * numbers["rates"].unsqueeze(-2)  # of NS(S_s) in M_t, (B, H, t, s)
    kept = log_keep.cumsum(-1).exp()
    spread = _band(numbers["rates"], gates.shape[-1]) * gates.nan_to_num().unsqueeze(-2)
    lasting = None
    if momentum is not None:
        log_theta = F.logsigmoid(numbers["momentum"])
        spread, lasting = decays(log_theta) @ spread, log_theta.cumsum(-1).exp()
    if orthogonal is not None:
        return _written_out(base, momentum, seen, (kept, moving, spread, lasting), orthogonal)
    rates = moving @ spread
    terms: list[tuple[Tensor | None, Weights]] = [(kept, base)]
    last: list[tuple[float | Tensor, Weights]] = [(kept[..., -1], base)]
    speed: list[tuple[float | Tensor, Weights]] = [(1.0, summed(base, seen, spread[..., -1, :]))]
    if momentum is not None and lasting is not None:
        carrying = -(moving @ lasting.unsqueeze(-1)).squeeze(-1)
        terms.append((carrying, momentum))
        last.append((carrying[..., -1], momentum))
        speed.append((lasting[..., -1], momentum))
    weights = combined(*last, (-1.0, summed(base, seen, rates[..., -1, :])))
    return OmegaBlock(dual_maps(Combination(terms, rates), seen), weights, combined(*speed))


def _written_out(
    base: Weights,
    momentum: Weights | None,
    seen: Mapping[str, Seen],
    strengths: tuple[Tensor, Tensor, Tensor, Tensor | None],
    orthogonal: Callable[[Weights], Weights],
) -> OmegaBlock:
    """With each token's S and M as they are, (B, H, c, ...): NS is of each by itself."""
    kept, moving, spread, lasting = strengths
    speeds: Weights = {}
    marks: dict[str, Tensor] = {}
    for name, layer in base.items():
        gradients, broken = finite(seen[name].gradients)
        marks[name] = broken[..., -kept.shape[-1] :, :]
        sums = _sums(seen[name].inputs.nan_to_num(), gradients, spread, layer)
        if momentum is not None and lasting is not None:
            sums = {
                key: x + _over(lasting, x) * momentum[name][key].unsqueeze(2)
                for key, x in sums.items()
            }
        speeds[name] = sums
    changes = orthogonal(speeds)
    each: Weights = {}
    for name, layer in base.items():
        moved = {
            key: _over(kept, x) * layer[key].unsqueeze(2)
            - torch.einsum("bhts,bhs...->bht...", moving, x)
            for key, x in changes[name].items()
        }
        each[name] = {key: x * _over(marks[name].squeeze(-1), x) for key, x in moved.items()}
    maps = {name: lambda x, layer=layer: _at_each(layer, x) for name, layer in each.items()}
    last = {name: {key: x[:, :, -1] for key, x in layer.items()} for name, layer in each.items()}
    speed = {
        name: {
            key: x[:, :, -1] * _over(marks[name].squeeze(-1), x)[:, :, -1]
            for key, x in layer.items()
        }
        for name, layer in speeds.items()
    }
    return OmegaBlock(maps, last, speed)


def _band(like: Tensor, seen: int) -> Tensor:
    """(c, n): 1 where token t of c, the last of n, has token i in its window of n - c + 1."""
    length = like.shape[-1]
    ones = torch.ones(length, seen, dtype=like.dtype, device=like.device)
    return ones.tril(seen - length).triu()


def _sums(
    inputs: Tensor, gradients: Tensor, spread: Tensor, layer: dict[str, Tensor]
) -> dict[str, Tensor]:
    """sum_j spread_tj grad_j of each token t, by parameter: (B, H, c, ...)."""
    if "scale" in layer:
        return {"scale": spread @ (inputs * gradients)}
    sums = {"weight": torch.einsum("bhtn,bhni,bhno->bhtio", spread, inputs, gradients)}
    return {**sums, "bias": spread @ gradients} if "bias" in layer else sums


def _over(numbers: Tensor, x: Tensor) -> Tensor:
    """(B, H, c) as it multiplies (B, H, c, ...)."""
    return numbers.view(*numbers.shape, *[1] * (x.ndim - numbers.ndim))


def _at_each(layer: dict[str, Tensor], x: Tensor) -> Tensor:
    """A map with weights of each token at x (B, H, c, in)."""
    if "scale" in layer:
        return x * layer["scale"]
    y = (x.unsqueeze(-2) @ layer["weight"]).squeeze(-2)
    return y + layer["bias"] if "bias" in layer else y
