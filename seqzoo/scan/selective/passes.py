"""The selective scan's two passes on a CPU, as functions of plain tensors in one dtype.

    h_t = a_t * h_{t-1} + k_t v_t^T        y_t = q_t h_t                 h_t (N, D), a_t the decays
    bar(h_t) = q_t^T bar(y_t) + a_{t+1} * bar(h_{t+1})                   bar for gradients

One token's states are thousands of numbers, enough for one operation, so tokens follow each other
as the equation reads. What is N times as large as the inputs (decays, states, their gradients) is
made for a few tokens at a time, stays in the processor's cache and is never held for the whole
sequence: only the states before every such piece are kept, and the backward makes the rest again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.bounds import read_bounds
from seqzoo.scan.selective.decay import SelectiveDecay

__all__ = ["Selective", "selective_backward", "selective_forward"]

ELEMENTS = 1 << 18
"""Numbers in the decays of one piece, about: some such tensors fit in a core's cache."""

LEAST_TOKENS = 16
"""Tokens of a piece, at least: where a row's states are many, fewer rows are taken at once."""


class Selective(NamedTuple):
    """steps (B, T, H, 1, D); rates, 1 on axes to broadcast; keys (B, T, H, N); values (B, T, H, D);
    queries (B, T, H, N)."""

    steps: Tensor
    rates: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor

    def at(self, rows: slice, tokens: slice) -> Selective:
        """Some rows and tokens, as views."""
        return Selective(*(_at(each, rows, tokens) for each in self))


class Sequences(NamedTuple):
    """Sequences of one length side by side.

    Attributes:
        rows: of the inputs.
        states: of the states.
        pieces: spans of tokens, in order.
    """

    rows: slice
    states: slice
    pieces: list[slice]


def selective_forward(
    decay: SelectiveDecay,
    inputs: Selective,
    state: Tensor,
    cu_seqlens: Tensor | None,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """y (B, T, H, D), the states after the last tokens, and those before every piece.

    Args:
        decay: how decays are made.
        inputs: at least one token.
        state: (B, H, N, D), or (N, H, N, D) if packed.
        cu_seqlens: (N + 1,) integer, or None.
        keep: whether the states before the pieces are wanted; they are empty if not.
    """
    outputs, final = torch.empty_like(inputs.values), state.clone()
    kept: list[Tensor] = []
    for rows, states, pieces in _sequences(inputs.values.shape[:2], state, cu_seqlens):
        before = state[states]
        for tokens in pieces:
            if keep:
                kept.append(before.clone())
            some = inputs.at(rows, tokens)
            _, hidden = _states(decay, some, before)
            outputs[rows, tokens] = (some.queries.unsqueeze(-2) @ hidden).squeeze(-2)
            before = hidden[:, -1]
        final[states] = before
    return outputs, final, torch.cat(kept) if kept else state[:0].clone()


def selective_backward(
    decay: SelectiveDecay,
    inputs: Selective,
    kept: Tensor,
    cu_seqlens: Tensor | None,
    of_outputs: Tensor | None,
    of_final: Tensor,
) -> tuple[Selective, Tensor]:
    """The gradients of the inputs, and of the states before the first tokens.

    Args:
        decay, inputs, cu_seqlens: as given to `selective_forward`.
        kept: what it kept.
        of_outputs, of_final: the results' gradients; None is zero.
    """
    gradients = Selective(*(torch.zeros_like(each) for each in inputs))
    if of_outputs is None:
        of_outputs = torch.zeros_like(inputs.values)
    of_state, end = of_final.clone(), len(kept)
    sequences = list(_sequences(inputs.values.shape[:2], of_final, cu_seqlens))
    for rows, states, pieces in reversed(sequences):
        after = of_state[states]
        for tokens in reversed(pieces):
            before = kept[end - len(after) : end]
            end -= len(after)
            some, into = inputs.at(rows, tokens), gradients.at(rows, tokens)
            after = _piece_back(decay, some, before, of_outputs[rows, tokens], after, into)
        of_state[states] = after
    return gradients, of_state


def _piece_back(
    decay: SelectiveDecay,
    some: Selective,
    before: Tensor,
    of_outputs: Tensor,
    after: Tensor,
    into: Selective,
) -> Tensor:
    """The gradient of the states before a piece; those of its inputs are added to `into`.

    Args:
        before: the states there.
        of_outputs: of the piece.
        after: the gradient of the states behind the piece.
    """
    decays, hidden = _states(decay, some, before)
    into.queries.add_(_with_states(of_outputs, hidden))
    gradient = some.queries.unsqueeze(-1) * of_outputs.unsqueeze(-2)
    gradient[:, -1].add_(after)
    of_tokens, decays_at = gradient.unbind(1), decays.unbind(1)
    for t in range(len(of_tokens) - 1, 0, -1):
        of_tokens[t - 1].addcmul_(decays_at[t], of_tokens[t])
    into.values.add_((some.keys.unsqueeze(-2) @ gradient).squeeze(-2))
    into.keys.add_(_with_states(some.values, gradient))
    of_before = decays_at[0] * of_tokens[0]
    of_tokens[0].mul_(before)
    gradient[:, 1:].mul_(hidden[:, :-1])  # now that of the decays
    of_steps, of_rates = decay.gradients(gradient, decays, some.steps, some.rates)
    into.steps.add_(of_steps)
    into.rates.add_(of_rates)
    return of_before


def _with_states(channels: Tensor, states: Tensor) -> Tensor:
    """Sums over the channels: (B, T, H, D) and (B, T, H, N, D) -> (B, T, H, N).

    As a row times a matrix: as a matrix times a column the same product takes ten times as long.
    """
    return (channels.unsqueeze(-2) @ states.mT).squeeze(-2)


def _states(decay: SelectiveDecay, some: Selective, before: Tensor) -> tuple[Tensor, Tensor]:
    """The decays and the h_t of a piece, (B, T, H, N, D) both."""
    decays = decay.decay(some.steps, some.rates)
    hidden = some.keys.unsqueeze(-1) * some.values.unsqueeze(-2)
    for decay_t, hidden_t in zip(decays.unbind(1), hidden.unbind(1), strict=True):
        hidden_t.addcmul_(decay_t, before)
        before = hidden_t
    return decays, hidden


def _sequences(shape: torch.Size, states: Tensor, cu_seqlens: Tensor | None) -> Iterator[Sequences]:
    """All sequences of at least one token; (B, T) is the shape, states (N, ...)."""
    (batch, time), size = shape, states[:1].numel()
    if cu_seqlens is not None:
        for n, (start, end) in enumerate(pairwise(read_bounds("selective_scan", cu_seqlens, time))):
            if start < end:
                yield Sequences(slice(None), slice(n, n + 1), _pieces(start, end, size))
        return
    together = max(1, min(batch, ELEMENTS // (LEAST_TOKENS * size)))
    for row in range(0, batch, together):
        rows = slice(row, min(row + together, batch))
        yield Sequences(rows, rows, _pieces(0, time, (rows.stop - rows.start) * size))


def _pieces(start: int, end: int, size: int) -> list[slice]:
    """The tokens in pieces; size is the number of all states together."""
    length = max(LEAST_TOKENS, ELEMENTS // size)
    return [slice(at, min(at + length, end)) for at in range(start, end, length)]


def _at(tensor: Tensor, rows: slice, tokens: slice) -> Tensor:
    """Some rows and tokens; an axis of size 1 is broadcast, and stays."""
    everything = slice(None)
    return tensor[
        everything if tensor.shape[0] == 1 else rows,
        everything if tensor.shape[1] == 1 else tokens,
    ]
