"""The costs of a model: parameters, carried state, floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from seqzoo.model.language_model import LanguageModel

__all__ = ["Budget", "budget"]


@dataclass(frozen=True)
class Budget:
    """Costs of one model at one context length.

    Attributes:
        parameters: trained, a tied head counted once.
        mixer_parameters: those of all mixers together.
        state_elements: carried for one sequence after `context` tokens.
        state_bytes: the same in bytes, in the dtypes the model runs in.
        flops_per_token: of matrix products, forward, averaged over `context` tokens; a
            multiply and an add are two. Attention counts T products a token, whatever its window.
        context: tokens.
    """

    parameters: int
    mixer_parameters: int
    state_elements: int
    state_bytes: int
    flops_per_token: float
    context: int


def budget(model: LanguageModel, context: int) -> Budget:
    """Measure by running one sequence of `context` tokens; FLOPs are counted by torch."""
    tokens = torch.zeros(1, context, dtype=torch.long, device=model.device)
    counter = _counter()
    # torch has no count of fused attention on a CPU; written out, its products are counted
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        _, state = model(tokens)
    leaves = pytree.tree_leaves(state)
    return Budget(
        parameters=model.parameter_count(),
        mixer_parameters=sum(
            parameter.numel() for name, parameter in model.named_parameters() if ".mixer." in name
        ),
        state_elements=model.state_size(context),
        state_bytes=sum(leaf.numel() * leaf.element_size() for leaf in leaves),
        flops_per_token=counter.get_total_flops() / context,
        context=context,
    )


def _counter() -> Any:
    """torch's counter of FLOPs, which lacks a product that is added to in place."""
    from torch.utils.flop_counter import FlopCounterMode  # takes a second to import

    return FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: _added})


def _added(_: Any, first: Sequence[int], second: Sequence[int], **options: Any) -> int:
    """FLOPs of shapes (B, M, K) and (B, K, N)."""
    batch, rows, inner = first
    return 2 * batch * rows * inner * second[-1]
