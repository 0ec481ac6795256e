"""The dual form of TTT-Linear and its gradient, mini-batch by mini-batch: the kernels' equations.

Of a mini-batch, rows are tokens; W, b are the weights at its start, LN(x) = x scale + shift:

    Z = K W + b           X, s = standardised(Z)
    R = LN(X) - V + K     U = R scale        G = (U - mean(U) - X mean(U X)) / s
    P_nj = c_n eta_j (q_n k_j + 1), j <= n
    Y = Q W + b - P G     O = Q + LN(standardised(Y))
    M = K^T (eta G)       m = sum_j eta_j g_j
    W' = W - c_b M        b' = b - c_b m                          of a whole mini-batch

Backward goes from the last mini-batch to the first, with W and b of each at hand: D and d are the
gradients of M and m, -c_b times those of W' and b', or what is given of a mini-batch that is not
whole.

    dY = (scale dO - mean(scale dO) - X_Y mean(scale dO X_Y)) / s_Y
    dP = -dY G^T          dS_nj = dP_nj c_n eta_j                 of the scores S = Q K^T
    L = K D + d           dG = eta L - P^T dY                     T = dG / s
    dU = T - mean(T) - X mean(T X)
    dX = scale^2 dU - T mean(U X) - U mean(T X)
    dZ = (dX - mean(dX) - X mean(dX X) - X mean(dG G)) / s

The layer norm's deviation s is a function of Z too: that is the last term of dZ.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo_ttt.kernels.problem import Found, Given
from seqzoo_ttt.loss import EPSILON, standardised, through_standardised

__all__ = ["backward", "forward"]


class _Rows(NamedTuple):
    """A mini-batch: q, k, v (N, H, c, K), eta (N, H, c, 1), c_n (c, 1), the norm (H, 1, K)."""

    q: Tensor
    k: Tensor
    v: Tensor
    eta: Tensor
    factors: Tensor
    scale: Tensor
    shift: Tensor


class _Seen(NamedTuple):
    """What forward and backward both need of a mini-batch."""

    x: Tensor
    deviation: Tensor
    rest: Tensor
    g: Tensor
    scores: Tensor
    mixing: Tensor
    read_x: Tensor
    read_deviation: Tensor


def forward(given: Given) -> Found:
    """Sequences of one length, N = B."""
    weight, bias, reads = given.weight, given.bias.unsqueeze(-2), []
    weight_sum, bias_sum = torch.zeros_like(weight), torch.zeros_like(bias)
    for begin, whole in _mini_batches(given):
        rows = _rows(given, begin)
        seen = _seen(rows, weight, bias)
        reads.append(rows.q + seen.read_x * rows.scale + rows.shift)
        change, of_bias = rows.k.mT @ (rows.eta * seen.g), (rows.eta * seen.g).sum(-2, keepdim=True)
        if whole:
            weight, bias = weight - given.factors[-1] * change, bias - given.factors[-1] * of_bias
        else:
            weight_sum, bias_sum = change, of_bias
    joined = torch.cat(reads, -2).transpose(1, 2)
    return Found(joined, weight, bias.squeeze(-2), weight_sum, bias_sum.squeeze(-2))


def backward(given: Given, of: Found) -> Given:
    """The gradients of what is given, from those of what is found."""
    states = _states(given)
    pieces: dict[str, list[Tensor]] = {n: [] for n in ("queries", "keys", "values", "rates")}
    of_factors = torch.zeros_like(given.factors)
    of_scale, of_shift = torch.zeros_like(given.scale), torch.zeros_like(given.shift)
    of_weight, of_bias = of.weight, of.bias.unsqueeze(-2)
    for (begin, whole), (weight, bias) in reversed(
        list(zip(_mini_batches(given), states, strict=True))
    ):
        rows = _rows(given, begin)
        q, k, _, eta, factors, scale, _ = rows
        x, deviation, rest, g, scores, mixing, read_x, read_deviation = _seen(rows, weight, bias)
        length = k.shape[-2]
        do = of.reads[:, begin : begin + length].transpose(1, 2)

        dy = through_standardised(scale * do, read_x, read_deviation)
        of_mixing = -(dy @ g.mT).tril()
        of_scores = of_mixing * factors * eta.mT
        dq = do + dy @ weight.mT + of_scores @ k
        dk = of_scores.mT @ q
        of_eta = (of_mixing * factors * (scores + 1)).sum(-2)
        of_factor = (of_mixing * eta.mT * (scores + 1)).sum(-1)

        asked, asked_bias = (
            (of_weight, of_bias) if whole else (of.weight_sum, of.bias_sum[..., None, :])
        )
        step = given.factors[-1] if whole else -1.0
        along = k @ asked + asked_bias
        moved = (g * along).sum(-1)
        of_eta = of_eta - step * moved
        if whole:
            of_factor[..., -1] -= (eta.squeeze(-1) * moved).sum(-1)
        dg = -mixing.mT @ dy - step * eta * along
        dk = dk - step * (eta * g) @ asked.mT

        u, t = scale * rest, dg / deviation
        of_u = through_standardised(dg, x, deviation)
        dx = scale.square() * of_u - t * _mean(u * x) - u * _mean(t * x)
        dz = through_standardised(dx, x, deviation) - x * _mean(dg * g) / deviation
        dk = dk + scale * of_u + dz @ weight.mT

        of_weight = of_weight + q.mT @ dy + k.mT @ dz
        of_bias = of_bias + (dy + dz).sum(-2, keepdim=True)
        of_factors[:length] += of_factor.sum((0, 1))
        of_scale += (do * read_x + of_u * (rest + scale * x)).sum((0, 2))
        of_shift += (do + scale * of_u).sum((0, 2))
        found = {"queries": dq, "keys": dk, "values": -scale * of_u, "rates": of_eta}
        for name, piece in found.items():
            pieces[name].insert(0, piece)
    own = {name: torch.cat(each, 2).transpose(1, 2) for name, each in pieces.items()}
    return Given(
        **own,
        factors=of_factors,
        scale=of_scale,
        shift=of_shift,
        weight=of_weight,
        bias=of_bias.squeeze(-2),
    )


def _mini_batches(given: Given) -> list[tuple[int, bool]]:
    """Where each begins, and whether it is whole."""
    size, time = len(given.factors), given.keys.shape[1]
    return [(begin, begin + size <= time) for begin in range(0, time, size)]


def _rows(given: Given, begin: int) -> _Rows:
    end = begin + len(given.factors)
    q, k, v = (x[:, begin:end].transpose(1, 2) for x in given[:3])
    eta = given.rates[:, begin:end].transpose(1, 2).unsqueeze(-1)
    factors = given.factors[: k.shape[-2], None]
    return _Rows(q, k, v, eta, factors, given.scale.unsqueeze(-2), given.shift.unsqueeze(-2))


def _seen(rows: _Rows, weight: Tensor, bias: Tensor) -> _Seen:
    q, k, v, eta, factors, scale, shift = rows
    x, deviation = standardised(k @ weight + bias, EPSILON)
    rest = scale * x + shift - v + k
    g = through_standardised(scale * rest, x, deviation)
    scores = q @ k.mT
    mixing = (factors * eta.mT * (scores + 1)).tril()
    read = standardised(q @ weight + bias - mixing @ g, EPSILON)
    return _Seen(x, deviation, rest, g, scores, mixing, *read)


def _states(given: Given) -> list[tuple[Tensor, Tensor]]:
    """W and b at the start of each mini-batch."""
    weight, bias, states = given.weight, given.bias.unsqueeze(-2), []
    for begin, _ in _mini_batches(given):
        states.append((weight, bias))
        rows = _rows(given, begin)
        scaled = rows.eta * _seen(rows, weight, bias).g
        weight = weight - given.factors[-1] * rows.k.mT @ scaled
        bias = bias - given.factors[-1] * scaled.sum(-2, keepdim=True)
    return states


def _mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)
