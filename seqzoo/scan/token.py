"""One token of the recurrence, as the equations read.

    S_t = S_{t-1} Diag(exp(g_t)) (I + a_t b_t^T) + sum_r v_t^r (k_t^r)^T
    o_t = scale S_t q_t

It is what `step` runs, and the body of the reference's loop.
"""

from __future__ import annotations

from torch import Tensor

from seqzoo.scan.problem import ScanProblem, ScanResult, Transition, Writes


def step_token(problem: ScanProblem) -> ScanResult:
    """Advances a checked problem without time axis by its one token."""
    outputs, state = advance_token(
        problem.initial_state(), problem.queries, problem.transition, problem.writes, problem.scale
    )
    return ScanResult(outputs.to(problem.queries.dtype), state)


def advance_token(
    state: Tensor, queries: Tensor, transition: Transition, writes: Writes, scale: float
) -> tuple[Tensor, Tensor]:
    """One token: the state before it -> its outputs and the state after it.

    Args:
        state: (B, H, V, K), S_{t-1}; its dtype is computed in.
        queries: (B, H, K).
        transition: log_decay (B, H) or (B, H, K); erase read and write (B, H, K), strength (B, H).
        writes: keys (B, R, H, K), values (B, R, H, V), strengths (B, R, H).
        scale: a factor on the outputs.

    Returns:
        outputs (B, H, V) and the new state (B, H, V, K), both in the state's dtype.
    """
    dtype = state.dtype
    keys, values = writes.keys.to(dtype), writes.values.to(dtype)
    if writes.strengths is not None:
        values = values * writes.strengths.to(dtype)[..., None]

    decayed = state
    if transition.log_decay is not None:
        decay = transition.log_decay.to(dtype).exp()
        per_head = decay.ndim == 2
        decayed = state * (decay[..., None, None] if per_head else decay[..., None, :])

    new_state = decayed
    erase = transition.erase
    if erase is not None:
        read = keys[:, 0] if erase.read is None else erase.read.to(dtype)
        found = (state if erase.before_decay else decayed) @ read[..., None]  # (B, H, V, 1)
        if erase.strength is not None:
            erase_write = -erase.strength.to(dtype)[..., None] * read
        else:
            assert erase.write is not None
            erase_write = erase.write.to(dtype)
        new_state = new_state + found * erase_write[..., None, :]

    # sum over the R components: (B, H, V, R) @ (B, H, R, K)
    new_state = new_state + values.permute(0, 2, 3, 1) @ keys.transpose(1, 2)
    outputs = (new_state @ queries.to(dtype)[..., None]).squeeze(-1)
    return outputs * scale, new_state
