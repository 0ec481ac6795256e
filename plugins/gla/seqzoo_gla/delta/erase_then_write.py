"""Erase, then delta: a token first erases along a separate key, and then writes."""

from __future__ import annotations

from typing import Any, get_args

import torch
from torch import Tensor

from seqzoo.operators import Dims, FirstWrite, Gate, Injection, Projection, Stream, Strength
from seqzoo.operators.forgets.erasing import EraseSpec
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["EraseThenWrite"]

UNIT = {"type": "linear", "norm": "unit"}
INITIAL_ERASE = 0.11920292202211755  # sigmoid(-2)


class EraseThenWrite(Injection):
    """Two micro-steps: nothing under e_t, then beta_t v_t k_t^T (EDA, arXiv 2606.26560).

    With a delta rule for a forget, which erases along each micro-step's key with its strength,

        A_t = Diag(alpha_t)(I - gamma_t e_t e_t^T)(I - beta_t k_t k_t^T)
    """

    name = "erase_then_write"

    class Spec(PartSpec):
        """What is erased, and what is written.

        erase: a projection, e. erase_strength: a gate, gamma.
        key, value: projections. strength: a gate, beta.
        """

        erase: PartSpec[Projection] = slot("projection", UNIT, default_type="linear")
        erase_strength: PartSpec[Gate] = slot("gate", {"type": "sigmoid", "initial": INITIAL_ERASE})
        key: PartSpec[Projection] = slot("projection", UNIT, default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        strength: PartSpec[Gate] = slot("gate", "sigmoid")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place = dims.place
        self.erase: Projection = spec.erase.build(place, dims.key_heads, dims.key_size)
        self.erase_strength: Gate = spec.erase_strength.build(place, dims.heads)
        self.key: Projection = spec.key.build(place, dims.key_heads, dims.key_size)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        self.strength: Gate = spec.strength.build(place, dims.heads)

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """What holds for both micro-steps."""
        keys = (spec.erase, spec.key)
        strengths = [gate.part.strength for gate in (spec.erase_strength, spec.strength)]
        weakest = next(each for each in get_args(Strength) if each in strengths)
        return FirstWrite(all(key.part.is_unit(key) for key in keys), weakest)

    @classmethod
    def micro_steps(cls, spec: Any) -> int:
        """One that erases, one that writes."""
        return 2

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """The forget must erase along this injection's keys."""
        if isinstance(forget, EraseSpec) and forget.key is None and forget.strength is None:
            return ""
        return (
            f"'{cls.name}' says along which key and how strongly to erase, and "
            f"'{forget.part.name}' does not ask it; use forget: gated_delta, or delta, without a "
            "key or strength of its own"
        )

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes of rank R = 1 in T * 2 micro-steps."""
        erased, keys = self.erase(u, stream), self.key(u, stream)
        values = self.value(u, stream)
        gamma = self.erase_strength(u, stream, erased)
        beta = self.strength(u, stream, keys)
        if gamma is None or beta is None:
            raise ValueError("both micro-steps erase, and need strengths")
        return Writes(
            self._micro(erased, keys),
            self._micro(torch.zeros_like(values), values),
            self._micro(gamma, beta),
            steps=2,
        )

    @staticmethod
    def _micro(first: Tensor, second: Tensor) -> Tensor:
        """Two of (B, T, heads, ...) -> (B, T * 2, 1, heads, ...)."""
        return torch.stack([first, second], dim=2).flatten(1, 2).unsqueeze(2)
