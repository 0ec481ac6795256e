"""A rule's tokens and state in the kernels' form, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from seqzoo.operators.rotary import rotate
from seqzoo_ttt.kernels.choice import common_dtype
from seqzoo_ttt.kernels.op import dual_triton
from seqzoo_ttt.kernels.problem import Given
from seqzoo_ttt.loss import LnReconstruction
from seqzoo_ttt.optimizers import SgdOptimizer

if TYPE_CHECKING:
    from seqzoo_ttt.rules.ttt import TttRule

__all__ = ["by_kernels"]


def by_kernels(
    rule: TttRule,
    tokens: dict[str, Tensor],
    state: dict[str, Any] | None,
    cu_seqlens: Tensor | None,
) -> tuple[Tensor, dict[str, Any]]:
    """What the rule's dual form gives: reads (B, T, H, K), and the state after the last tokens.

    Args:
        rule: TTT-Linear, see `choice.refusal`.
        tokens: of sequences that all begin a mini-batch, at least one.
        state: before them; None is the learned one.
        cu_seqlens: (N + 1,) bounds of packed sequences, with B = 1.
    """
    loss, optimizer = rule.loss, rule.optimizer
    assert isinstance(loss, LnReconstruction)
    assert isinstance(optimizer, SgdOptimizer)
    batch, time = tokens["keys"].shape[:2]
    sequences = batch if cu_seqlens is None else cu_seqlens.shape[0] - 1
    if state is None:
        state = rule.start(sequences, tokens["queries"])
    layer = state["weights"]["only"]
    dtype = common_dtype(tokens)
    own = {name: tokens[name].to(dtype) for name in ("queries", "keys", "values")}
    if rule.rotary:
        places = _places(tokens["keys"], cu_seqlens) % optimizer.period
        for name in ("queries", "keys"):
            own[name] = rotate(own[name].float(), places, neighbours=True).to(dtype)
    given = Given(
        **own,
        rates=tokens["rates"],
        factors=optimizer.factors(layer["bias"]),
        scale=loss.scale.squeeze(1),
        shift=loss.shift.squeeze(1),
        weight=layer["weight"].float(),
        bias=layer["bias"].float(),
    )
    found = dual_triton(given, cu_seqlens)
    lengths = time if cu_seqlens is None else cu_seqlens.diff().to(state["place"].device)
    after = {
        "weights": {"only": {"weight": found.weight, "bias": found.bias}},
        "optimizer": {"only": {"weight": found.weight_sum, "bias": found.bias_sum}},
        "place": (state["place"] + lengths) % optimizer.period,
    }
    return found.reads, after


def _places(x: Tensor, cu_seqlens: Tensor | None) -> Tensor:
    """Each token's place in its sequence, (T,)."""
    time = x.shape[1]
    places = torch.arange(time, device=x.device)
    if cu_seqlens is None:
        return places
    bounds = cu_seqlens.to(x.device)
    return places - bounds[:-1].repeat_interleave(bounds.diff(), output_size=time)
