"""What a recurrent mixer computed on a few sequences, token by token, in float64.

    S_t = S_{t-1} A_t + B_t

Shapes: N sequences, T tokens, H heads, K key size, V value size, R write rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from seqzoo.model import LanguageModel, Mixer
from seqzoo.operators import Memory
from seqzoo.scan import Transition, Writes, scan

__all__ = ["Trace", "traces"]

T = TypeVar("T", bound=Any)


@dataclass(frozen=True)
class Trace:
    """One layer's tensors of one call.

    Attributes:
        layer: index of the block.
        mixer: the layer itself.
        x: (N, T, D), its input; None where the mixer has no anchor.
        u: (N, T, D), its anchor; None where it has none.
        queries, transition, writes: what its memory was given; see `seqzoo.scan`. If a token has
            several queries, the first.
    """

    layer: int
    mixer: Mixer
    x: Tensor | None
    u: Tensor | None
    queries: Tensor
    transition: Transition
    writes: Writes

    @property
    def length(self) -> int:
        """T."""
        return self.queries.shape[1]

    @property
    def heads(self) -> int:
        """H."""
        return self.writes.values.shape[3]

    def injections(self) -> Tensor:
        """B_t (N, T, H, V, K); for a token with micro-steps the sum of their writes."""
        writes = self.writes
        keys = writes.keys.repeat_interleave(self.heads // writes.keys.shape[3], dim=3)
        values = writes.values
        if writes.strengths is not None:
            values = values * writes.strengths.unsqueeze(-1)
        found = torch.einsum("ntrhv,ntrhk->nthvk", values, keys)
        return found.unflatten(1, (self.length, -1)).sum(2)

    def first_keys(self) -> Tensor:
        """The first key of every token (N, T, H, K)."""
        keys = self.writes.keys[:, :, 0].unflatten(1, (self.length, -1))[:, :, 0]
        return keys.repeat_interleave(self.heads // keys.shape[2], dim=2)

    def transitions(self) -> Tensor:
        """A_t of every token (N, T, H, K, K), found by applying each token to the identity."""
        key_size = self.writes.keys.shape[-1]
        eye = torch.eye(key_size, dtype=self.queries.dtype)
        state = eye.expand(self.queries.shape[0], self.heads, -1, -1)
        shape = (*self.writes.values.shape[:-1], key_size)
        silent = replace(self.writes, values=self.writes.values.new_zeros(shape))
        return torch.stack([self._token(t, state, silent) for t in range(self.length)], dim=1)

    def states(self) -> Iterator[tuple[Tensor, Tensor]]:
        """S_{t-1} and S_t (N, H, V, K) of every token, in order."""
        values, keys = self.writes.values, self.writes.keys
        state = values.new_zeros(values.shape[0], self.heads, values.shape[-1], keys.shape[-1])
        for t in range(self.length):
            before, state = state, self._token(t, state, self.writes)
            yield before, state

    def _token(self, t: int, state: Tensor, writes: Writes) -> Tensor:
        """The state after token t, by the scan's own reference."""
        steps = writes.values.shape[1] // self.length
        tokens = slice(t * steps, (t + 1) * steps)
        return scan(
            self.queries[:, t : t + 1],
            _cut(self.transition, tokens),
            _cut(writes, tokens),
            state,
            backend="reference",
        ).state


def _cut(record: T, tokens: slice) -> T:
    """The same record with every tensor cut along its second axis."""
    cut: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Tensor):
            value = value[:, tokens]
        elif is_dataclass(value) and not isinstance(value, type):
            value = _cut(value, tokens)
        cut[field.name] = value
    return replace(record, **cut)


@torch.no_grad()
def traces(model: LanguageModel, tokens: Tensor) -> list[Trace]:
    """A trace of every layer that has a memory, from one call in float64.

    Args:
        model: on the CPU; it is left in float64, in evaluation mode.
        tokens: (N, T) int64.
    """
    model.double().eval()
    mixers = dict(enumerate(model.mixers()))
    found: dict[int, dict[str, Any]] = {}
    hooks = []
    for layer, mixer in mixers.items():
        memory, anchor = getattr(mixer, "memory", None), getattr(mixer, "anchor", None)
        if not isinstance(memory, Memory):
            continue
        found[layer] = {"x": None, "u": None}
        hooks.append(memory.register_forward_hook(partial(_keep_memory, found[layer])))
        if isinstance(anchor, nn.Module):
            hooks.append(anchor.register_forward_hook(partial(_keep_anchor, found[layer])))
    try:
        model.hidden(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    return [Trace(layer, mixers[layer], **kept) for layer, kept in found.items()]


def _keep_anchor(kept: dict[str, Any], _module: nn.Module, inputs: Any, output: Tensor) -> None:
    kept["x"], kept["u"] = inputs[0], output


def _keep_memory(kept: dict[str, Any], _module: nn.Module, inputs: Any, _output: Tensor) -> None:
    queries, kept["transition"], kept["writes"] = inputs[:3]
    kept["queries"] = queries[:, :, 0] if queries.ndim == 5 else queries
