"""Newton-Schulz: a matrix moved towards the nearest one with orthonormal rows or columns."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["LACT_COEFFICIENTS", "MUON_COEFFICIENTS", "orthogonalised"]

Coefficients = tuple[tuple[float, float, float], ...]

MUON_COEFFICIENTS: Coefficients = ((3.4445, -4.7750, 2.0315),) * 5
"""Five equal steps, as Muon takes them."""

LACT_COEFFICIENTS: Coefficients = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
"""Five steps of their own, as LaCT takes them (arXiv 2505.23884, its published code)."""

EPSILON = 1e-7


def orthogonalised(x: Tensor, coefficients: Coefficients = MUON_COEFFICIENTS) -> Tensor:
    """X <- a X + (b X X^T + c (X X^T)^2) X for each (a, b, c), from X / |X|.

    Singular values go to about 1; how near depends on the coefficients. x (..., m, n) -> the same.
    """
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + EPSILON)
    for a, b, c in coefficients:
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
