"""The exact chunked form: parallel inside chunks, one small matrix step between them.

Inside a chunk of C tokens that starts from state S0, with the removed values D_i (a delta rule's
-beta_i S k_i) under the erase key c, and r = -a (or beta a) the erase reads,

    (I + M[r, c]) D = -(r e^G) S0^T - sum_l M[r, k^l] W^l
    O   = (q e^G) S0^T + M[q, c] D + sum_l M[q, k^l] W^l
    S_C = S0 Diag(e^{G_C}) + D^T (c e^{G_C-G}) + sum_l W^lT (k^l e^{G_C-G})

Where the erase key is write key 1 (all delta rules, PRISM) the streams merge: W^1 + D under k^1.
D is affine in S0, so one triangular solve, whose right-hand sides are the reads' starts beside the
values, gives D = X S0^T + Y for every chunk at once, and all that is serial is

    S' = S (Diag(e^{G_C}) + X^T c e^{G_C-G}) + Z

one matrix product a chunk. It is exact: the chunk size changes nothing beyond rounding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seqzoo.scan.carry import carry_states
from seqzoo.scan.factors import ChunkFactors, channel_decayed, head_decayed, undecayed
from seqzoo.scan.layout import ChunkLayout, choose_layout, token_chunks, write_chunks
from seqzoo.scan.problem import ScanProblem, ScanResult
from seqzoo.scan.solve import solve_unit_lower
from seqzoo.scan.token import step_token


class ChunkedBackend:
    """The chunked form in torch operations, on any device.

    Differentiable once; for higher derivatives ask for the reference.
    """

    name = "chunked"

    def supports(self, problem: ScanProblem) -> str | None:
        """None: every problem is supported."""
        return None

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Scans in chunks; linear in T in time and memory."""
        return chunked_scan(problem)

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token."""
        return step_token(problem)


def chunked_scan(problem: ScanProblem) -> ScanResult:
    """The outputs and final state of a checked problem."""
    queries, writes = problem.queries, problem.writes
    batch, time, heads, key_size = queries.shape
    if batch == 0 or time == 0:
        outputs = queries.new_zeros(batch, time, heads, writes.values.shape[-1])
        return ScanResult(outputs, problem.initial_state())

    log_decay = problem.transition.log_decay
    per_channel = log_decay is not None and log_decay.ndim == 4
    layout = choose_layout(problem, power_of_two=per_channel)
    values = _value_chunks(problem, layout)  # (M, R * C, V)
    factors, tied = _chunk_factors(problem, layout)

    state = None
    some_empty = layout.active[0] < problem.num_sequences
    if problem.state is not None or some_empty:
        state = layout.order_states(problem.initial_state())
    carries = state is not None or len(layout.active) > 1

    transfer = None  # (M, K, K): what the erase adds to the step between chunks
    reads = factors.query_starts
    if factors.erase_scores is None:
        outputs = torch.bmm(factors.query_scores.mT, values)
        added = torch.bmm(values.mT, factors.key_ends)
    else:
        solved = _solve_erase(factors, values, tied, carries)  # (M, Q * C, [K +] V)
        seen = torch.bmm(factors.query_scores.mT, solved)
        ends = torch.bmm(solved.mT, factors.key_ends)
        if carries:
            value_size = values.shape[-1]
            query_change, outputs = seen.split((key_size, value_size), dim=-1)
            transfer, added = ends.split((key_size, value_size), dim=1)
            reads = reads + query_change
        else:
            outputs, added = seen, ends

    lanes = [active * heads for active in layout.active]
    starts, final = carry_states(state, factors.kept, transfer, added, lanes)
    if starts is not None:
        outputs = torch.baddbmm(outputs, reads, starts.mT)
    return ScanResult(layout.join(outputs).to(queries.dtype), layout.restore_states(final))


def _value_chunks(problem: ScanProblem, layout: ChunkLayout) -> Tensor:
    """The written values, strengths folded in: (M, R * C, V)."""
    values = problem.writes.values.to(problem.dtype)
    if problem.writes.strengths is not None:
        values = values * problem.writes.strengths.to(problem.dtype)[..., None]
    return write_chunks(layout, values).flatten(1, 2)


def _chunk_factors(problem: ScanProblem, layout: ChunkLayout) -> tuple[ChunkFactors, bool]:
    """The chunks' factors, and whether the erase key is tied to write key 1.

    Untied, the erase key is a key stream of its own, before the writes'.
    """
    dtype = problem.dtype
    queries = problem.queries.to(dtype)
    if problem.scale != 1.0:
        queries = queries * problem.scale
    queries = token_chunks(layout, queries)
    keys = write_chunks(layout, problem.writes.keys.to(dtype))

    erase = problem.transition.erase
    reads = None
    tied = False
    if erase is not None:
        read = keys[:, 0] if erase.read is None else token_chunks(layout, erase.read.to(dtype))
        if erase.strength is not None:
            tied = erase.read is None
            erase_key = read
            reads = read * token_chunks(layout, erase.strength.to(dtype))[..., None]
        else:
            assert erase.write is not None
            erase_key = token_chunks(layout, erase.write.to(dtype))
            reads = -read
        if not tied:
            keys = torch.cat((erase_key[:, None], keys), dim=1)

    log_decay = problem.transition.log_decay
    if log_decay is None:
        return undecayed(queries, reads, keys), tied
    log_decay = token_chunks(layout, log_decay.to(dtype))
    before_decay = erase is not None and erase.before_decay
    decayed = head_decayed if log_decay.ndim == 2 else channel_decayed
    return decayed(queries, reads, keys, log_decay, before_decay), tied


def _solve_erase(factors: ChunkFactors, values: Tensor, tied: bool, carries: bool) -> Tensor:
    """The values under each key stream once the chunk's erases are solved.

    Args:
        values: (M, R * C, V).
        tied: stream 0 is write 1, its values W^1 + D; otherwise it is the erase's own, D.
        carries: also solve for X, in K columns before the values' V.

    Returns:
        (M, Q * C, K + V), or (M, Q * C, V) where nothing is carried: stream 0 holds X and
        W^1 + Y (or Y); the other streams zeros and their W.
    """
    erase_scores, erase_starts = factors.erase_scores, factors.erase_starts
    assert erase_scores is not None
    assert erase_starts is not None
    chunk = erase_scores.shape[2]
    if tied:
        right, values = values.split((chunk, values.shape[1] - chunk), dim=1)
    else:
        right = values.new_zeros(()).expand(len(values), chunk, values.shape[-1])
    within = erase_scores
    if values.shape[1]:
        within, across = erase_scores.split((chunk, values.shape[1]), dim=1)
        right = torch.baddbmm(right, across.mT, values, alpha=-1)
    if carries:
        right = torch.cat((-erase_starts, right), dim=-1)
        values = F.pad(values, (erase_starts.shape[-1], 0))
    solved = solve_unit_lower(within, right)
    return torch.cat((solved, values), dim=1) if values.shape[1] else solved
