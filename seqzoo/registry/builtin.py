"""The built-in parts: modules registered in the same way as a plugin's entry point."""

from __future__ import annotations

__all__ = ["MODULES"]

MODULES = (
    "seqzoo.scan.parts",
    "seqzoo.operators.parts",
    "seqzoo.model.parts",
    "seqzoo.tasks.parts",
    "seqzoo.train.parts",
    "seqzoo.probe.parts",
    "seqzoo.grid.parts",
)
