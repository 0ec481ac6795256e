"""Sequential-parallel duality: a layer's work over n tokens, and its memory between steps.

SPD-(T(n), m(n)): a parallel form of polylogarithmic depth and total work T(n), and a sequential
form of the same function with working memory m(n) (arXiv 2506.10918). A layer whose update must be
computed token by token has depth n and is outside the class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ATTENTION", "GROWTH", "LINEAR", "LOGARITHMIC", "SERIAL", "Duality", "duality_of_all"]

GROWTH = ("1", "log n", "n", "n log n", "n^2")


@dataclass(frozen=True)
class Duality:
    """How a layer's costs grow with the number of tokens n; widths and chunk sizes are constants.

    Attributes:
        work: of the parallel form, one of `GROWTH`.
        memory: carried from token to token, one of `GROWTH`.
        parallel: whether the parallel form has polylogarithmic depth.
    """

    work: str
    memory: str
    parallel: bool = True

    def __str__(self) -> str:
        if self.parallel:
            return f"SPD-({self.work}, {self.memory})"
        return (
            f"outside SPD: depth n, for each token's update needs the state; memory {self.memory}"
        )


ATTENTION = Duality("n^2", "n")
LINEAR = Duality("n", "1")
LOGARITHMIC = Duality("n", "log n")
SERIAL = Duality("n", "1", parallel=False)


def duality_of_all(layers: Iterable[Duality | None]) -> Duality | None:
    """The duality of a stack of layers: the largest of each; None if a layer gives none."""
    each = tuple(layers)
    known = [layer for layer in each if layer is not None]
    if not known or len(known) < len(each):
        return None
    work, memory = (
        max((getattr(layer, what) for layer in known), key=GROWTH.index)
        for what in ("work", "memory")
    )
    return Duality(work, memory, all(layer.parallel for layer in known))
