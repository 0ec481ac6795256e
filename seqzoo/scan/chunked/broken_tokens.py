"""Tokens with a NaN or an infinity, which must not reach the tokens before them.

A chunk is a product of matrices, and 0 times NaN is NaN, so a mask cannot keep such a token from
the others. A scan whose results are not finite therefore runs again without them, and then marks
them: from the first of them on, a head's outputs and its state are NaN, as in the token loop. There
a query that is not finite spoils its own output alone; here all that follow too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqzoo.scan.chunked.rows import ScanTensors

__all__ = ["all_whole", "find_broken", "mark_broken", "reached", "without_broken"]


def all_whole(tensors: ScanTensors, outputs: Tensor, final: Tensor) -> bool:
    """Whether no token is broken, judging by a scan's results; False may be an overflow.

    A query's NaN or infinity shows in its output, a write's in the state after it, since products
    leave nothing out: 0 times either is NaN. Decays and erases are checked directly, since the
    first of a sequence finds no state to change.
    """
    if outputs.is_meta:
        return True
    gates = (tensors.erase_read, tensors.erase_strength, tensors.erase_write)
    looked_at = (outputs, final, *(gate for gate in gates if gate is not None))
    totals = [float(tensor.detach().sum()) for tensor in looked_at]
    if tensors.log_decay is not None:
        total = float(tensors.log_decay.detach().sum())
        totals.append(0.0 if total == -math.inf else total)
    return all(map(math.isfinite, totals))


def find_broken(tensors: ScanTensors) -> Tensor | None:
    """Which tokens of which heads are not finite, (B, T, H) bool; None where all are.

    A token is broken if one of its micro-steps is. A log decay of -inf is valid. A compiled graph
    cannot look, so it always gets a tensor; on the meta device it is None.
    """
    if tensors.queries.is_meta:
        return None
    in_graph = torch.compiler.is_compiling()
    time, heads = tensors.queries.shape[1], tensors.values.shape[-2]
    found: Tensor | None = None
    for name, tensor in zip(ScanTensors._fields, tensors, strict=True):
        if tensor is None:
            continue
        if not in_graph:
            try:
                total = float(tensor.detach().sum())  # finite only if every element is
            except RuntimeError:  # vmap has no number to look at; the scan refuses it, in words
                return None
            if math.isfinite(total) or (name == "log_decay" and total == -math.inf):
                continue
        wrong = _wrong(name, tensor).unflatten(1, (time, -1)).any(2)
        if name in ("keys", "values", "strengths"):
            wrong = wrong.any(2)  # of the writes
        wrong = wrong.flatten(3).any(3) if wrong.ndim > 3 else wrong
        wrong = wrong.repeat_interleave(heads // wrong.shape[2], dim=2)
        found = wrong if found is None else found | wrong
    return found if found is None or in_graph or bool(found.any()) else None


def without_broken(tensors: ScanTensors, where: ScanTensors | None = None) -> ScanTensors:
    """The same tensors with zeros where they, or those of `where`, are not finite."""
    cleaned = (
        None if tensor is None or other is None else tensor.masked_fill(_wrong(name, other), 0.0)
        for name, tensor, other in zip(ScanTensors._fields, tensors, where or tensors, strict=True)
    )
    return ScanTensors(*cleaned)  # type: ignore[arg-type]


def mark_broken(
    outputs: Tensor, final: Tensor, broken: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """NaN from the first broken token of a sequence's head on, and in the state it leaves."""
    after, at_end = reached(broken, cu_seqlens)
    return outputs.masked_fill(after, math.nan), final.masked_fill(at_end, math.nan)


def reached(broken: Tensor, cu_seqlens: Tensor | None) -> tuple[Tensor, Tensor]:
    """Which outputs, (B, T, H, 1), and which final states, (B, H, 1, 1) or (N, H, 1, 1) if packed,
    a broken token reaches; broken (B, T, H) bool."""
    seen = broken.cumsum(1)
    if cu_seqlens is None:
        after, at_end = seen > 0, seen[:, -1] > 0
    else:
        bounds = cu_seqlens.to(broken.device).long()
        before = torch.cat([seen.new_zeros(1, seen.shape[2]), seen[0]])  # (T + 1, H)
        starts = before[bounds[:-1]]
        starting = starts.repeat_interleave(bounds.diff(), dim=0, output_size=seen.shape[1])
        after, at_end = (seen[0] - starting > 0).unsqueeze(0), before[bounds[1:]] - starts > 0
    return after[..., None], at_end[..., None, None]


def _wrong(name: str, tensor: Tensor) -> Tensor:
    """Where it is NaN or infinite; a log decay may be -inf."""
    if name == "log_decay":
        return tensor.isnan() | (tensor == math.inf)
    return tensor.isfinite().logical_not()
