"""What modules of delta rules share: one convolution over q, k and v, and a gated norm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import refuse_unless

__all__ = ["convolved", "projections", "readout"]


def convolved(module: Any) -> dict[str, Any]:
    """Settings of a projection behind `conv1d`, which must be followed by SiLU.

    Raises:
        SpecError: another activation, or a bias of the convolution.
    """
    refuse_unless(module.activation in ("silu", "swish"), module, f"it has {module.activation}")
    refuse_unless(module.conv1d.bias is None, module, "its convolution has a bias")
    return {"kernel_size": module.conv1d.kernel_size[0]}


def projections(module: Any, matrices: tuple[Tensor, Tensor, Tensor]) -> Mapping[str, Tensor]:
    """Weights of queries, keys and values: their matrices, and each one's part of `conv1d`."""
    parts = ("queries", "injection.key", "injection.value")
    taps = module.conv1d.weight.split([len(matrix) for matrix in matrices])
    return {
        **{f"{part}.project.weight": matrix for part, matrix in zip(parts, matrices, strict=True)},
        **{f"{part}.conv.weight": own for part, own in zip(parts, taps, strict=True)},
    }


def readout(norm: Any) -> dict[str, Any]:
    """Settings of a readout with the module's gated norm."""
    epsilon = {"type": "rms_norm", "epsilon": norm.variance_epsilon}
    activation = {"swish": "silu"}.get(norm.activation, norm.activation)
    return {"norm": epsilon, "activation": activation}
