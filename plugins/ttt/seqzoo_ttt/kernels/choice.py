"""Which backend computes a rule of gradients over many tokens, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from seqzoo.errors import BackendError
from seqzoo.scan.triton.available import available
from seqzoo.scan.triton.verdict import set_aside, warn_once
from seqzoo.scan.used import note
from seqzoo_ttt.loss import LnReconstruction
from seqzoo_ttt.memories import LinearMemory
from seqzoo_ttt.optimizers import SgdOptimizer

if TYPE_CHECKING:
    from seqzoo_ttt.rules.ttt import TttRule

__all__ = ["LARGEST", "LONGEST", "Backend", "backend_for", "common_dtype", "refusal"]

Backend = Literal["auto", "chunked", "triton", "reference"]

OPERATION = "test-time training"
LARGEST = 64
"""The largest head size of the kernels in half precision; in float32 it is half of that."""
LONGEST = 16
"""The longest mini-batch of the kernels."""


def backend_for(
    rule: TttRule, tokens: dict[str, Tensor]
) -> Literal["chunked", "triton", "reference"]:
    """The backend of tokens that begin with a mini-batch, which is noted.

    Raises:
        BackendError: the kernels were asked for and cannot.
    """
    backend = rule.backend
    if backend in ("chunked", "reference"):
        note(OPERATION, backend, (f"{backend}: used, it was asked for by name",))
        return backend
    device = tokens["keys"].device
    why = refusal(rule, tokens)
    if backend == "triton":
        if why is not None:
            raise BackendError(
                f"rule 'ttt': backend 'triton' cannot compute this problem: {why}. "
                "backend: auto takes one that can."
            )
        note(OPERATION, "triton", ("triton: used, it was asked for by name",))
        return "triton"
    if why is None and device.type != "cpu":
        note(OPERATION, "triton", ("triton: used, it can compute the problem",))
        return "triton"
    why = why or "in Triton's interpreter it is for tests"
    if device.type != "cpu":
        warn_once(why)
    note(OPERATION, "chunked", (f"triton: not used, {why}", "chunked: used, it comes next"))
    return "chunked"


def refusal(rule: TttRule, tokens: dict[str, Tensor]) -> str | None:
    """Why the kernels cannot compute what the rule does to these tokens; None if they can."""
    memory, loss, optimizer = rule.memory, rule.loss, rule.optimizer
    for part, own, what in (
        (memory, LinearMemory, "the memory 'linear'"),
        (loss, LnReconstruction, "the loss 'ln_reconstruction'"),
        (optimizer, SgdOptimizer, "the optimizer 'sgd'"),
    ):
        if type(part) is not own:
            return f"it has {what} alone, not '{part.name}'"
    if "bias" not in memory.initial()["only"]:
        return "its memory has a bias, and this one has none"
    if optimizer.period > LONGEST:
        return f"it has mini-batches of up to {LONGEST} tokens, not {optimizer.period}"
    size = tokens["keys"].shape[-1]
    kept = [*memory.parameters(), *tokens.values()]
    if any(x.dtype == torch.float64 for x in kept):
        return "it computes in float32, and an argument is float64"
    wide = common_dtype(tokens).itemsize == 4
    if size > (most := LARGEST // 2 if wide else LARGEST):
        return f"its heads have up to {most} features in {common_dtype(tokens)}, not {size}"
    device = tokens["keys"].device
    return available(device) or set_aside("ttt", device)


def common_dtype(tokens: dict[str, Tensor]) -> torch.dtype:
    """What queries, keys and values are multiplied in: the widest among them."""
    dtype = torch.promote_types(tokens["queries"].dtype, tokens["keys"].dtype)
    return torch.promote_types(dtype, tokens["values"].dtype)
