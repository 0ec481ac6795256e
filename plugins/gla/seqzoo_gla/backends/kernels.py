"""Which of flash-linear-attention's functions computes which scan, and how it is called."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

__all__ = ["FUNCTIONS", "Function", "Installed", "Kernels"]

INSTALL = "pip install 'seqzoo-gla[fla]'"


@dataclass(frozen=True)
class Function:
    """An operation of fla.ops, in its two forms.

    Attributes:
        title: the layer it was made for.
        package: below fla.ops.
        name: the rest of its functions' names after `chunk_` and `fused_recurrent_`.
        decay: its keyword for the log decay in whole sequences; None if it takes none.
        token_decay: its keyword for one token.
        erases: whether it takes a strength `beta`, of the write and of the erase alike.
        halves_only: whether whole sequences must be float16 or bfloat16.
    """

    title: str
    package: str
    name: str
    decay: str | None = None
    token_decay: str | None = None
    erases: bool = False
    halves_only: bool = False


FUNCTIONS: dict[tuple[str, bool], Function] = {
    ("none", False): Function("linear attention", "linear_attn", "linear_attn"),
    ("head", False): Function("simple GLA", "simple_gla", "simple_gla", "g", "g"),
    ("channel", False): Function("GLA", "gla", "gla", "g", "gk"),
    ("none", True): Function(
        "the delta rule", "delta_rule", "delta_rule", erases=True, halves_only=True
    ),
    ("head", True): Function(
        "the gated delta rule", "gated_delta_rule", "gated_delta_rule", "g", "g", erases=True
    ),
    ("channel", True): Function("KDA", "kda", "kda", "g", "g", erases=True),
}
"""By decay (none, head, channel), and whether something is erased along the write's key."""


class Kernels(Protocol):
    """Where the functions come from."""

    def refusal(self, device: torch.device) -> str | None:
        """Why none of them can run there; None if they can."""
        ...

    def function(self, package: str, name: str) -> Callable[..., Any]:
        """`fla.ops.PACKAGE.NAME`."""
        ...


class Installed:
    """The distribution flash-linear-attention, imported when something is first computed."""

    def refusal(self, device: torch.device) -> str | None:
        """A CPU, or no such distribution."""
        if device.type == "cpu":
            return "flash-linear-attention's kernels run on GPUs, and the tensors are on the CPU"
        if importlib.util.find_spec("fla") is None:
            return f"flash-linear-attention is not installed: {INSTALL}"
        return None

    def function(self, package: str, name: str) -> Callable[..., Any]:
        """Imported from fla.ops."""
        return getattr(importlib.import_module(f"fla.ops.{package}"), name)
