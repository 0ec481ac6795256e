"""The driver of serial rules: over whole sequences, in pieces, packed, and with bounded memory.

For the backward pass a serial rule would have to keep every intermediate state. Instead the tokens
are cut into spans; only the states between spans are kept, and each span is recomputed in the
backward pass. With spans of about sqrt(T) tokens that is sqrt(T) states in place of T.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.checkpoint import checkpoint

from seqzoo.scan.precision import full_precision
from seqzoo.scan.serial.rule import SerialRule, Tree

__all__ = ["serial_scan"]


def serial_scan(
    rule: SerialRule,
    tokens: Tree,
    state: Tree | None = None,
    *,
    cu_seqlens: Tensor | None = None,
    recompute: int | None = 0,
) -> tuple[Tensor, Tree]:
    """Run a rule over sequences, outside autocast: its products have the dtype of its state.

    Args:
        rule: see `SerialRule`.
        tokens: a tree of (B, T, ...), the rule's inputs for each token.
        state: before the first token, a tree of (B, ...), or (N, ...) with documents; None is what
            the rule starts from.
        cu_seqlens: (N + 1,) integer, where N documents begin in the row (B = 1), and T.
        recompute: tokens of a span that is computed again for the gradient, rounded up to whole
            chunks; 0 is about sqrt(T), None keeps everything.

    Returns:
        outputs (B, T, ...), and the state after the last token of each sequence.

    Raises:
        ValueError: the tokens do not share their (B, T) axes, or B is not 1 with documents.
    """
    leaves = pytree.tree_leaves(tokens)
    shapes = {tuple(leaf.shape[:2]) for leaf in leaves}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2:
        raise ValueError("serial_scan: tokens must be tensors that share their axes (B, T)")
    batch, time = shape
    if cu_seqlens is not None and batch != 1:
        raise ValueError(f"serial_scan: cu_seqlens needs a batch of 1, got B = {batch}")
    sequences = batch if cu_seqlens is None else len(cu_seqlens) - 1
    if state is None:
        state = rule.start(sequences, leaves[0])
    with full_precision(leaves[0]):
        if time == 0:
            return _no_outputs(rule, state, tokens), state
        span = _span(rule, time, recompute)
        if cu_seqlens is None:
            return _sequence(rule, tokens, state, span)
        if torch.compiler.is_compiling():
            return _documents_in_a_graph(rule, tokens, state, cu_seqlens)
        return _documents(rule, tokens, state, cu_seqlens, span)


def _documents(
    rule: SerialRule, tokens: Tree, state: Tree, cu_seqlens: Tensor, span: int
) -> tuple[Tensor, Tree]:
    """Document after document, each from its own state."""
    outputs, finals = [], []
    for number, (begin, end) in enumerate(pairwise(cu_seqlens.tolist())):
        own = _map(lambda x, n=number: x[n : n + 1], state)
        if begin < end:
            document = _map(lambda x, a=begin, b=end: x[:, a:b], tokens)
            output, own = _sequence(rule, document, own, span)
            outputs.append(output)
        finals.append(own)
    final = pytree.tree_map(lambda *each: torch.cat(each), *finals)
    return torch.cat(outputs, dim=1), final


def _span(rule: SerialRule, time: int, recompute: int | None) -> int:
    """Tokens of a span, in whole chunks; 0 if nothing is recomputed."""
    if recompute is None:
        return 0
    chunk = max(1, rule.chunk_size)
    wanted = recompute or math.isqrt(time - 1) + 1
    return -(-wanted // chunk) * chunk


def _sequence(rule: SerialRule, tokens: Tree, state: Tree, span: int) -> tuple[Tensor, Tree]:
    """Sequences of one length, span by span; whole under torch.func, which refuses to recompute."""
    time = pytree.tree_leaves(tokens)[0].shape[1]
    transformed = torch._C._are_functorch_transforms_active()
    if not span or span >= time or transformed or not torch.is_grad_enabled():
        return _run(rule, tokens, state)
    outputs = []
    for begin in range(0, time, span):
        part = _map(lambda x, a=begin: x[:, a : a + span], tokens)
        output, state = checkpoint(_run, rule, part, state, use_reentrant=False)
        outputs.append(output)
    return torch.cat(outputs, dim=1), state


def _run(rule: SerialRule, tokens: Tree, state: Tree) -> tuple[Tensor, Tree]:
    """Sequences of one length, chunk by chunk or token by token."""
    time = pytree.tree_leaves(tokens)[0].shape[1]
    outputs = []
    if rule.chunk_size and time > 1:
        for begin in range(0, time, rule.chunk_size):
            end = begin + rule.chunk_size
            part = _map(lambda x, a=begin, b=end: x[:, a:b], tokens)
            state, output = rule.chunk(state, part)
            outputs.append(output)
        return torch.cat(outputs, dim=1), state
    for t in range(time):
        state, output = rule.step(state, _map(lambda x, t=t: x[:, t], tokens))
        outputs.append(output)
    return torch.stack(outputs, dim=1), state


def _documents_in_a_graph(
    rule: SerialRule, tokens: Tree, state: Tree, cu_seqlens: Tensor
) -> tuple[Tensor, Tree]:
    """Token by token, each from the state of its document: the bounds' numbers are never read."""
    first = pytree.tree_leaves(tokens)[0]
    lengths = cu_seqlens.diff()
    numbers = torch.arange(len(lengths), device=lengths.device)
    document = numbers.repeat_interleave(lengths, output_size=first.shape[1]).to(first.device)
    outputs = []
    for t in range(first.shape[1]):
        at = document[t : t + 1]
        own = _map(lambda x, at=at: x.index_select(0, at), state)
        own, output = rule.step(own, _map(lambda x, t=t: x[:, t], tokens))
        state = pytree.tree_map(lambda all, one, at=at: all.index_copy(0, at, one), state, own)
        outputs.append(output)
    return torch.stack(outputs, dim=1), state


def _no_outputs(rule: SerialRule, state: Tree, tokens: Tree) -> Tensor:
    """(B, 0, ...): of the shape that a step over zeros has."""
    zeros = _map(lambda x: x.new_zeros(x.shape[0], *x.shape[2:]), tokens)
    sequences = pytree.tree_leaves(zeros)[0].shape[0]
    own = _map(lambda x: x[:sequences], state)
    _, output = rule.step(own, zeros)
    return output.unsqueeze(1)[:, :0]


def _map(function, tree: Tree) -> Tree:
    return pytree.tree_map(function, tree)
