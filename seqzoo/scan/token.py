"""One token of the recurrence, as the equations read.

    S_t = S_{t-1} Diag(exp(g_t)) (I + a_t b_t^T) + sum_r v_t^r (k_t^r)^T
    o_t = scale S_t q_t, or transposed o_t = scale S_t^T q_t

It is what `step` runs, and the body of the reference's loop.
"""

from __future__ import annotations

from torch import Tensor

from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import Erase, ScanResult, Transition, Writes

__all__ = ["advance", "read", "repeated_keys", "step_token", "transition_at", "writes_at"]


def step_token(problem: ScanProblem) -> ScanResult:
    """Advance a checked problem without time axis by its one token."""
    state = problem.initial_state()
    transition, writes = problem.transition, problem.writes
    if writes.steps == 1:
        state = advance(state, transition, writes)
    else:
        for step in range(writes.steps):
            state = advance(state, transition_at(transition, step), writes_at(writes, step))
    outputs = read(state, problem.queries, problem.scale, problem.transposed_read)
    return ScanResult(outputs.to(problem.queries.dtype), state)


def advance(state: Tensor, transition: Transition, writes: Writes) -> Tensor:
    """Advance by one micro-step; a token has one of them unless `steps` says otherwise.

    Args:
        state: (B, H, V, K), S_{t-1}; its dtype is computed in.
        transition: log_decay (B, H) or (B, H, K); erase read and write (B, G, K), strength (B, H).
        writes: keys (B, R, G, K), values (B, R, H, V), strengths (B, R, H).

    Returns:
        The state after it, (B, H, V, K).
    """
    dtype, heads = state.dtype, state.shape[1]
    keys, values = repeated_keys(writes.keys, heads).to(dtype), writes.values.to(dtype)
    if writes.strengths is not None:
        values = values * writes.strengths.to(dtype)[..., None]

    decayed = state
    if transition.log_decay is not None:
        decay = transition.log_decay.to(dtype).exp()
        per_head = decay.ndim == 2
        decayed = state * (decay[..., None, None] if per_head else decay[..., None, :])

    after = decayed
    erase = transition.erase
    if erase is not None:
        first = keys[:, 0]
        a = first if erase.read is None else repeated_keys(erase.read, heads).to(dtype)
        found = (state if erase.before_decay else decayed) @ a[..., None]  # (B, H, V, 1)
        if erase.strength is not None:
            b = -erase.strength.to(dtype)[..., None] * (first if erase.along_key else a)
        else:
            assert erase.write is not None
            b = repeated_keys(erase.write, heads).to(dtype)
        after = after + found * b[..., None, :]

    # sum over the R components: (B, H, V, R) @ (B, H, R, K)
    return after + values.permute(0, 2, 3, 1) @ keys.transpose(1, 2)


def read(state: Tensor, queries: Tensor, scale: float, transposed: bool) -> Tensor:
    """What a token reads: state (B, H, V, K), queries (B, G, K) -> (B, H, V).

    Transposed: queries (B, H, V) -> (B, H, K).
    """
    if transposed:
        return scale * (state.mT @ queries.to(state.dtype)[..., None]).squeeze(-1)
    queries = repeated_keys(queries, state.shape[1]).to(state.dtype)
    return scale * (state @ queries[..., None]).squeeze(-1)


def transition_at(transition: Transition, t: int) -> Transition:
    """The transition of one micro-step, without the axis of time."""
    erase = transition.erase
    if erase is not None:
        erase = Erase(
            read=_at(erase.read, t),
            strength=_at(erase.strength, t),
            write=_at(erase.write, t),
            along_key=erase.along_key,
            before_decay=erase.before_decay,
        )
    return Transition(_at(transition.log_decay, t), erase)


def writes_at(writes: Writes, t: int) -> Writes:
    """The writes of one micro-step, without the axis of time."""
    return Writes(writes.keys[:, t], writes.values[:, t], _at(writes.strengths, t))


def _at(tensor: Tensor | None, t: int) -> Tensor | None:
    return None if tensor is None else tensor[:, t]


def repeated_keys(tensor: Tensor, heads: int) -> Tensor:
    """(..., G, K) -> (..., H, K): head h has that of key head h // (H // G)."""
    sharing = heads // tensor.shape[-2]
    return tensor if sharing == 1 else tensor.repeat_interleave(sharing, dim=-2)
