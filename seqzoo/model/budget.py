"""The costs of a model: parameters, carried state, floating-point operations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
            multiply and an add are two.
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
    from torch.utils.flop_counter import FlopCounterMode  # a second that few commands need

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
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
