"""The fused step's problems: one token, no gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqzoo.scan.triton.aot.kernel_case import Tensors
from seqzoo.scan.triton.aot.scan_case import ScanCase, fields
from seqzoo.scan.triton.run_step import run_step


@dataclass(frozen=True)
class StepCase:
    """One token of a scan's problem.

    Args:
        scan: whose first token it is.
    """

    scan: ScanCase

    @property
    def name(self) -> str:
        """Its features."""
        return f"step of {self.scan.name}"

    @property
    def dtype(self) -> torch.dtype:
        """Of the large tensors."""
        return self.scan.dtype

    def tensors(self, device: torch.device) -> Tensors:
        """The first token's."""
        given = self.scan.tensors(device)
        return {
            name: tensor if name == "state" else tensor[:, 0].contiguous()
            for name, tensor in given.items()
        }

    def run(self, tensors: Tensors, cotangents: Tensors | None = None) -> tuple[Tensors, Tensors]:
        """By the kernel; it has no gradients."""
        before, along = self.scan.erase == "before decay", self.scan.erase == "along key"
        outputs, state = run_step(fields(tensors), tensors.get("state"), before, 1.0, along)
        return {"outputs": outputs, "state": state}, {}

    def reference(self, tensors: Tensors) -> Tensors:
        """By torch."""

        def lengthened(name: str, tensor: Tensor) -> Tensor:
            return tensor if name == "state" else tensor.unsqueeze(1)

        scan = self.scan.reference({n: lengthened(n, t) for n, t in tensors.items()})
        return {"outputs": scan["outputs"][:, 0], "state": scan["state"]}


STEP_CASES = (
    StepCase(ScanCase(torch.bfloat16, rank=2)),
    StepCase(ScanCase(torch.float32, "channel", "before decay", key_size=256, value_size=256)),
    StepCase(ScanCase(torch.float16, "none", "none", key_size=20, value_size=9, with_state=False)),
    StepCase(ScanCase(torch.bfloat16, "head", "read", key_size=128, value_size=128)),
    StepCase(ScanCase(torch.bfloat16, "head", "along key", heads=4, key_heads=2)),
)
