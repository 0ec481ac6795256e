"""Gradient descent of a memory's layers: per-token gradients, their sums, and the dual form.

Rows are tokens: x (B, H, c, in), z = x W + b (B, H, c, out).
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memory import Weights, gelu, gelu_slope

__all__ = ["dual_reads", "layer_gradients", "summed", "through"]


def through(weights: Weights, x: Tensor) -> Tensor:
    """The memory's output at x (B, H, c, K): (B, H, c, V)."""
    for number, layer in enumerate(weights):
        x = gelu(x) if number else x
        x = _apply(layer, x)
    return x


def layer_gradients(
    weights: Weights, loss: InnerLoss, keys: Tensor, values: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Each layer's inputs at the keys, and the gradients of each token's loss by its outputs."""
    inputs, outputs = [keys], [_apply(weights[0], keys)]
    for layer in weights[1:]:
        inputs.append(gelu(outputs[-1]))
        outputs.append(_apply(layer, inputs[-1]))
    gradients = [loss.gradient(outputs[-1], keys, values)]
    for layer, output in zip(weights[:0:-1], outputs[-2::-1], strict=True):
        back = gradients[-1] @ layer["weight"].transpose(-1, -2)
        gradients.append(back * gelu_slope(output))
    return inputs, gradients[::-1]


def summed(inputs: list[Tensor], gradients: list[Tensor], rates: Tensor) -> Weights:
    """sum_j eta_j dl_j/dW and dl_j/db of each layer; rates eta (B, H, c)."""
    sums = []
    for x, gradient in zip(inputs, gradients, strict=True):
        scaled = rates.unsqueeze(-1) * gradient
        sums.append({"weight": x.transpose(-1, -2) @ scaled, "bias": scaled.sum(-2)})
    return sums


def dual_reads(
    weights: Weights, inputs: list[Tensor], gradients: list[Tensor], queries: Tensor, rates: Tensor
) -> Tensor:
    """The outputs at query n of the weights after tokens up to n, without those weights.

    x_n (W - sum_j e_nj x_j^T g_j) + b - sum_j e_nj g_j = x_n W + b - sum_j e_nj (x_n x_j^T + 1) g_j

    Args:
        weights: at the start of the mini-batch.
        inputs, gradients: of each layer at the keys, as `layer_gradients` gives them.
        queries: (B, H, c, K).
        rates: e (B, H, c, c), of read n (rows) and key token j; what is above the diagonal is not
            read.
    """
    x = queries
    layers = zip(weights, inputs, gradients, strict=True)
    for number, (layer, key, gradient) in enumerate(layers):
        x = gelu(x) if number else x
        scores = (rates * (x @ key.transpose(-1, -2) + 1)).tril()
        gradient, marks = _finite(gradient)
        x = (_apply(layer, x) - scores @ gradient) * marks
    return x


def _finite(gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with zeros for tokens that are not finite, and NaN from the first such token on.

    A product of matrices would carry a NaN to the tokens before it, for 0 times NaN is NaN.
    """
    broken = ~gradients.isfinite().all(-1, keepdim=True)
    marks = torch.where(broken.cumsum(-2) > 0, torch.nan, 1.0).to(gradients.dtype)
    return torch.where(broken, 0.0, gradients), marks


def _apply(layer: dict[str, Tensor], x: Tensor) -> Tensor:
    return x @ layer["weight"] + layer["bias"].unsqueeze(-2)
