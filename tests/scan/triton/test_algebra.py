"""The scan's algebra by the kernels: erases along the first key, grouped heads, micro-steps.

Against the dense loops of `tests/scan/dense.py`, which know nothing of seqzoo.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqzoo.scan import scan, step
from seqzoo.scan.check import check_scan
from seqzoo.scan.chunked.rows import ScanOptions, scan_tensors
from seqzoo.scan.token import transition_at, writes_at
from seqzoo.scan.triton.setting import Setting

from ..dense import Sizes, T, dense, measured
from ..oracle import error_ratio

CASES = [
    Sizes(decay="none", erase="along_key"),
    Sizes(key_heads=2, decay="head", erase="along_key", before_decay=True),
    Sizes(key_heads=1, decay="channel", erase="along_key"),
    Sizes(decay="channel", erase="along_key", before_decay=True),
    Sizes(key_heads=2, steps=2, decay="head"),
    Sizes(steps=2, decay="channel", erase="along_key"),
]


def in_float32(leaves: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: leaf.to(device, torch.float32) for name, leaf in leaves.items()}


@pytest.mark.parametrize(
    ("sizes", "packed"),
    [*((sizes, False) for sizes in CASES), (CASES[1], True), (CASES[-2], True)],
    ids=str,
)
def test_values_and_gradients_are_the_dense_loops(device, sizes: Sizes, packed):
    sizes = sizes.drawn(batch=1)
    bounds = [0, 4, 4, T] if packed else [0, T]
    if packed:
        sizes.leaves["state"] = sizes.leaves["state"].repeat(3, 1, 1, 1)

    def ours(leaves):
        leaves = in_float32(leaves, device)
        result = scan(
            *sizes.arguments(leaves),
            leaves["state"],
            cu_seqlens=torch.tensor(bounds, device=device) if packed else None,
            scale=0.7,
            backend="triton",
        )
        return result.outputs.cpu(), result.state.cpu()

    found = measured(sizes, ours)
    expected = measured(sizes, lambda leaves: dense(sizes, leaves, bounds))
    for name, mine, right in zip(("outputs", "state", *sizes.leaves), found, expected, strict=True):
        assert error_ratio(mine.cpu(), right) < (1e-5 if device.type == "cpu" else 1e-4), name


@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_steps_give_what_one_call_gives(device, sizes: Sizes):
    sizes = sizes.drawn(batch=1)
    whole, final = dense(sizes, sizes.leaves, [0, T])
    leaves = in_float32(sizes.leaves, device)
    queries, transition, writes = sizes.arguments(leaves)
    n, state, outputs = sizes.steps, leaves["state"], []
    for t in range(T):
        if n == 1:
            of_token = transition_at(transition, t), writes_at(writes, t)
        else:
            rows = {name: leaf[:, t * n : (t + 1) * n] for name, leaf in leaves.items()}
            of_token = sizes.arguments(rows | {"queries": queries})[1:]
        output, state = step(queries[:, t], *of_token, state, scale=0.7, backend="triton")
        outputs.append(output.cpu())
    assert error_ratio(torch.stack(outputs, 1), whole) < 1e-5
    assert error_ratio(state.cpu(), final) < 1e-5


def test_an_erase_along_the_first_key_has_no_scores_of_its_own():
    drawn = Sizes(decay="head", erase="along_key").drawn()
    tensors = scan_tensors(check_scan(*drawn.arguments(drawn.leaves)))
    options = ScanOptions(None, before_decay=False, scale=1.0, chunk_size=16)
    along, apart = Setting(tensors, options._replace(along_key=True)), Setting(tensors, options)
    assert (along.streams, apart.streams) == (2, 3)


def test_a_transposed_read_is_refused_and_left_to_another_backend(device):
    drawn = Sizes(decay="none", erase="none", transposed=True).drawn(batch=1)
    leaves = in_float32(drawn.leaves, device)
    arguments = *drawn.arguments(leaves), leaves["state"]
    with pytest.raises(ValueError, match="does not read the state transposed"):
        scan(*arguments, transposed_read=True, backend="triton")
    result = scan(*arguments, transposed_read=True, scale=0.7)
    expected, _ = dense(drawn, drawn.leaves, [0, T])
    assert error_ratio(result.outputs.cpu(), expected) < 1e-5
