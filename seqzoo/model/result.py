"""Check that a layer's result fits the residual stream to which it is added."""

from __future__ import annotations

from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.model.mixer import Mixer
from seqzoo.model.mlp import MLP

__all__ = ["ResultError", "check_result"]


class ResultError(SpecError):
    """A layer's result does not fit its input."""


def check_result(part: Mixer | MLP, x: Tensor, y: object, layer: int | None = None) -> None:
    """Refuse a result that is not a tensor, or differs from the input in shape or kind.

    Broadcasting would silently add a wrong shape to the residual stream, and a wider dtype would
    spread to all later layers. Narrower dtypes are fine: autocast makes them.

    Args:
        part: the layer.
        x: (..., D), what it was given.
        y: what it returned.
        layer: index of its block; a mixer knows its own.

    Raises:
        ResultError: names the part, its block, what was found and what is wanted.
    """
    found = wanted = ""
    if not isinstance(y, Tensor):
        found, wanted = f"a {type(y).__name__}", "a tensor"
    elif y.shape != x.shape:
        found, wanted = f"shape {tuple(y.shape)}", f"{tuple(x.shape)}, that of its input"
    elif not y.dtype.is_floating_point or y.dtype.itemsize > x.dtype.itemsize:
        found, wanted = f"{y.dtype}", f"{x.dtype}, that of its input, or a narrower float"
    if found:
        block = part.place.layer if isinstance(part, Mixer) else layer
        raise ResultError(
            f"{part.family} '{part.name}' ({type(part).__module__}.{type(part).__qualname__}, "
            f"block {block}) returns {found}, expected {wanted}"
        )
