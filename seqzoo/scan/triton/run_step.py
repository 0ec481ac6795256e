"""One token of the recurrence in one kernel, tensors in, tensors out."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.chunked.rows import ScanTensors
from seqzoo.scan.triton.configs import HeadSize, config_for
from seqzoo.scan.triton.kernels.step_token import step_kernel
from seqzoo.scan.triton.launch import launch


def run_step(
    tensors: ScanTensors,
    state: Tensor | None,
    before_decay: bool,
    scale: float,
    along_key: bool,
) -> tuple[Tensor, Tensor]:
    """Outputs (B, H, V) in the queries' dtype, and the next state (B, H, V, K) float32.

    Args:
        tensors: without time axis.
        state: (B, H, V, K) float32; None is zero.
        before_decay: the erase reads the state before the decay.
        scale: a factor on the outputs.
        along_key: an erase with a read and a strength takes away along write key 1.
    """
    given = ScanTensors(*(None if t is None else t.contiguous() for t in tensors))  # type: ignore[arg-type]
    batch, key_heads, key_size = given.queries.shape
    heads, value_size = given.values.shape[-2:]
    outputs = given.queries.new_empty(batch, heads, value_size)
    shape = (batch, heads, value_size, key_size)
    final = given.queries.new_empty(shape, dtype=torch.float32)
    size = HeadSize(max(key_size, value_size), 8 * given.queries.element_size())
    config = config_for(step_kernel.__name__, size, given.queries.device)
    arguments = {
        "queries": given.queries,
        "keys": given.keys,
        "values": given.values,
        "strengths": given.strengths,
        "log_decay": given.log_decay,
        "read": given.erase_read,
        "strength": given.erase_strength,
        "write": given.erase_write,
        "state": None if state is None else state.contiguous(),
        "outputs": outputs,
        "final": final,
        "heads": heads,
        "key_heads": key_heads,
        "key_size": key_size,
        "value_size": value_size,
        "scale": float(scale),
        "KIND": 0 if given.log_decay is None else given.log_decay.ndim - 1,
        "ERASE": int(given.erases),
        "BEFORE": int(before_decay),
        "ALONG": int(along_key),
        "RANK": given.keys.shape[1],
        "KEYS": 1 << (key_size - 1).bit_length(),
    }
    grid = (batch, heads, -(-value_size // config.tiles["BLOCK_V"]))
    launch(step_kernel, grid, arguments, config)
    return outputs, final
