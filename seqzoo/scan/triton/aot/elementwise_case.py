"""The element-wise scan's problems."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqzoo.scan.triton.aot.kernel_case import Tensors, numbers_for


@dataclass(frozen=True)
class ElementwiseCase:
    """h_t = exp(g_t) h_{t-1} + b_t.

    Args:
        dtype: of log decay and inputs.
        channels: D.
        time: T.
        packed: two sequences and an empty one in place of a batch of two.
        with_state: from an initial state.
        broadcast: one decay for all channels.
    """

    dtype: torch.dtype
    channels: int = 64
    time: int = 150
    packed: bool = False
    with_state: bool = True
    broadcast: bool = False

    @property
    def name(self) -> str:
        """Its features."""
        features = [f"elementwise D={self.channels}"]
        features += [name for name in ("packed", "broadcast") if getattr(self, name)]
        features += [] if self.with_state else ["no state"]
        return ", ".join(features)

    def tensors(self, device: torch.device) -> Tensors:
        """log_decay, inputs (B, T, D), state (N, D)."""
        home, generator = numbers_for(device)
        batch = 1 if self.packed else 2
        shape = (batch, self.time, self.channels)
        decay_shape = (batch, self.time, 1) if self.broadcast else shape
        levels = torch.tensor([0.0, -0.01, -1.0, -30.0], device=home)
        log_decay = levels[torch.randint(4, decay_shape, generator=generator, device=home)]
        tensors = {
            "log_decay": log_decay.to(device, self.dtype).expand(shape),
            "inputs": torch.randn(shape, generator=generator, device=home).to(device, self.dtype),
        }
        if self.with_state:
            sequences = 3 if self.packed else batch
            state = torch.randn(sequences, self.channels, generator=generator, device=home)
            tensors["state"] = state.to(device)
        return tensors

    def run(self, tensors: Tensors, cotangents: Tensors | None = None) -> tuple[Tensors, Tensors]:
        """By the kernels."""
        from seqzoo.scan.triton.elementwise_run import elementwise_backward, elementwise_forward

        log_decay, inputs, state = (tensors.get(n) for n in ("log_decay", "inputs", "state"))
        assert log_decay is not None
        assert inputs is not None
        bounds = self._bounds(inputs.device)
        found = elementwise_forward(log_decay, inputs, state, bounds)
        if cotangents is None:
            cotangents = {
                "outputs": torch.ones_like(found.outputs),
                "state": torch.ones_like(found.final),
            }
        gradients = elementwise_backward(
            log_decay, inputs, bounds, found.states, cotangents["outputs"], cotangents["state"]
        )
        results = {"outputs": found.outputs, "state": found.final}
        return results, gradients._asdict()

    def reference(self, tensors: Tensors) -> Tensors:
        """Token by token."""
        log_decay, inputs = tensors["log_decay"], tensors["inputs"]
        bounds = self._bounds(torch.device("cpu"))
        cuts = [0, self.time] if bounds is None else bounds.tolist()
        outputs: list[Tensor] = []
        finals: list[Tensor] = []
        for n in range(len(cuts) - 1):
            row = slice(None) if bounds is None else slice(n, n + 1)
            hidden = tensors["state"][row] if self.with_state else torch.zeros_like(inputs[:, 0])
            for t in range(cuts[n], cuts[n + 1]):
                hidden = log_decay[:, t].exp() * hidden + inputs[:, t]
                outputs.append(hidden)
            finals.append(hidden)
        return {"outputs": torch.stack(outputs, dim=1), "state": torch.cat(finals)}

    def _bounds(self, device: torch.device) -> Tensor | None:
        if not self.packed:
            return None
        bounds = torch.tensor([0, self.time // 3, self.time // 3, self.time])
        return bounds.to(device)


ELEMENTWISE_CASES = (
    ElementwiseCase(torch.float32),
    ElementwiseCase(torch.bfloat16),
    ElementwiseCase(torch.float16),
    ElementwiseCase(torch.float32, channels=3, packed=True, with_state=False),
    ElementwiseCase(torch.float32, channels=16, packed=True),
    ElementwiseCase(torch.bfloat16, channels=100, broadcast=True, with_state=False),
)
