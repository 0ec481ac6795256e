"""The one serial pass: carrying the state from chunk to chunk."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def carry_states(
    state: Tensor | None,
    kept: Tensor | None,
    transfer: Tensor | None,
    added: Tensor,
    lanes: Sequence[int],
) -> tuple[Tensor | None, Tensor]:
    """S' = S (Diag(kept) + transfer) + added, chunk after chunk, all sequences together.

    Chunks lie step-major (see `layout`): the first lanes[0] of the M are the first chunk of every
    sequence and head, the next lanes[1] the second chunk of those that have one, and so on.

    Args:
        state: (L, V, K), the state before the first chunk, L >= lanes[0]; None is zero.
        kept: (M, 1, 1) or (M, 1, K); None keeps all.
        transfer: (M, K, K); None adds nothing.
        added: (M, V, K).
        lanes: how many sequences and heads still run at each step; never rises.

    Returns:
        The state at the start of each chunk (M, V, K), None if it is zero for all; and the state
        after the last chunk of each sequence (L, V, K).
    """
    if state is None and len(lanes) == 1:
        return None, added
    step_matrices = None
    if transfer is not None:
        eye = torch.eye(transfer.shape[-1], dtype=added.dtype, device=added.device)
        step_matrices = (transfer + (eye if kept is None else eye * kept)).split(list(lanes))
    step_kept = None if kept is None else kept.split(list(lanes))
    step_added = added.split(list(lanes))

    starts: list[Tensor] = []
    finished: list[Tensor] = []  # the shortest sequences first, which the layout has last
    for step, running in enumerate(lanes):
        if state is None:
            starts.append(torch.zeros_like(step_added[0]))
            state = step_added[0]
            continue
        if running < len(state):
            finished.append(state[running:])
            state = state[:running]
        starts.append(state)
        if step_matrices is not None:
            state = torch.baddbmm(step_added[step], state, step_matrices[step])
        elif step_kept is not None:
            state = torch.addcmul(step_added[step], state, step_kept[step])
        else:
            state = state + step_added[step]
    assert state is not None
    finished.append(state)
    return join(starts), join(finished[::-1])


def join(states: list[Tensor]) -> Tensor:
    """(L_1, ...), (L_2, ...), ... -> (L_1 + L_2 + ..., ...)."""
    return states[0] if len(states) == 1 else torch.cat(states)
