"""The linear recurrence's problems: each kind of decay and erase, each precision, each size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from seqzoo.scan.chunked.rows import ScanOptions, ScanTensors
from seqzoo.scan.triton.aot.kernel_case import Tensors, numbers_for
from seqzoo.scan.triton.backward import run_backward
from seqzoo.scan.triton.forward import run_forward
from seqzoo.scan.triton.setting import Setting

Decay = Literal["none", "head", "channel"]
EraseKind = Literal["none", "tied", "read", "along key", "general", "before decay"]


@dataclass(frozen=True)
class ScanCase:
    """S_t = S_{t-1} A_t + B_t, o_t = S_t q_t.

    Args:
        dtype: of queries, keys, values and the erase's keys; gates and strengths are float32.
        decay: kind of the decay.
        erase: none; the delta rule on write key 1, or on a key of its own; with a read of its own
            along write key 1; any rank-one matrix, reading behind or before the decay.
        rank: R.
        key_size, value_size: K and V.
        time: T, no multiple of a chunk.
        batch, heads: B and H.
        key_heads: G; None is H.
        packed: two sequences and an empty one in place of a batch.
        with_state: from an initial state.
        chunk_size: the most tokens per chunk.
    """

    dtype: torch.dtype
    decay: Decay = "head"
    erase: EraseKind = "tied"
    rank: int = 1
    key_size: int = 64
    value_size: int = 64
    time: int = 150
    batch: int = 2
    heads: int = 2
    key_heads: int | None = None
    packed: bool = False
    with_state: bool = True
    chunk_size: int = 64

    @property
    def name(self) -> str:
        """Its features."""
        dtype = str(self.dtype).removeprefix("torch.")
        packed = ", packed" if self.packed else ""
        groups = "" if self.key_heads is None else f", {self.heads} heads on {self.key_heads}"
        return (
            f"scan, decay {self.decay}, erase {self.erase}, rank {self.rank}, "
            f"{self.key_size} x {self.value_size}, {dtype}{packed}{groups}"
        )

    def tensors(self, device: torch.device) -> Tensors:
        """Unit keys, erases that never amplify, decays from none to strong."""
        home, generator = numbers_for(device)
        batch = 1 if self.packed else self.batch
        tokens = (batch, self.time)
        of_keys = (self.key_heads or self.heads, self.key_size)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, device=home)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=home)

        def unit(*shape: int) -> Tensor:
            return torch.nn.functional.normalize(normal(*shape), dim=-1)

        made = {
            "queries": normal(*tokens, *of_keys).to(self.dtype),
            "keys": unit(*tokens, self.rank, *of_keys).to(self.dtype),
            "values": normal(*tokens, self.rank, self.heads, self.value_size).to(self.dtype),
            "strengths": uniform(*tokens, self.rank, self.heads),
        }
        if self.decay != "none":
            channels = (self.key_size,) if self.decay == "channel" else ()
            made["log_decay"] = -8 * uniform(*tokens, self.heads, *channels) ** 6
        if self.erase in ("tied", "read", "along key"):
            made["strength"] = uniform(*tokens, self.heads)
        if self.erase in ("read", "along key", "general", "before decay"):
            made["read"] = unit(*tokens, *of_keys).to(self.dtype)
        if self.erase in ("general", "before decay"):
            made["write"] = (-0.5 * unit(*tokens, *of_keys)).to(self.dtype)
        if self.with_state:
            sequences = 3 if self.packed else batch
            made["state"] = normal(sequences, self.heads, self.value_size, self.key_size)
        return {name: tensor.to(device) for name, tensor in made.items()}

    def run(self, tensors: Tensors, cotangents: Tensors | None = None) -> tuple[Tensors, Tensors]:
        """By the kernels."""
        results = self.forward(tensors)
        return results, self.backward(tensors, cotangents)

    def forward(self, tensors: Tensors) -> Tensors:
        """The results of the forward kernels."""
        setting = self._setting(tensors)
        return dict(zip(_RESULTS, run_forward(setting, tensors.get("state")), strict=True))

    def backward(self, tensors: Tensors, cotangents: Tensors | None = None) -> Tensors:
        """Every input's gradient by the backward kernels; cotangents None are ones."""
        setting, given, state = self._setting(tensors), fields(tensors), tensors.get("state")
        if cotangents is None:
            sequences = (setting.num_sequences, setting.heads)
            cotangents = {
                "outputs": torch.ones_like(setting.values[:, :, 0]),
                "state": setting.values.new_ones(
                    *sequences, self.value_size, self.key_size, dtype=torch.float32
                ),
            }
        gradients, of_state = run_backward(
            setting, given, state, cotangents["outputs"], cotangents["state"]
        )
        named = dict(zip(_NAMES, gradients, strict=True)) | {"state": of_state}
        return {n: g for n, g in named.items() if g is not None and n in tensors}

    def _setting(self, tensors: Tensors) -> Setting:
        bounds = self._bounds(tensors["queries"].device)
        before_decay, along_key = self.erase == "before decay", self.erase == "along key"
        options = ScanOptions(bounds, before_decay, 1.0, self.chunk_size, along_key)
        return Setting(fields(tensors), options)

    def reference(self, tensors: Tensors) -> Tensors:
        """Token by token."""
        from seqzoo.scan.check import check_scan
        from seqzoo.scan.recurrence import Erase, Transition, Writes
        from seqzoo.scan.reference import ReferenceBackend

        erase = None
        if self.erase != "none":
            read, strength, write = (tensors.get(n) for n in ("read", "strength", "write"))
            before_decay, along_key = self.erase == "before decay", self.erase == "along key"
            erase = Erase(read, strength, write, along_key=along_key, before_decay=before_decay)
        writes = Writes(tensors["keys"], tensors["values"], tensors["strengths"])
        problem = check_scan(
            tensors["queries"],
            Transition(tensors.get("log_decay"), erase),
            writes,
            tensors.get("state"),
            self._bounds(torch.device("cpu")),
        )
        return ReferenceBackend().scan(problem)._asdict()

    def _bounds(self, device: torch.device) -> Tensor | None:
        if not self.packed:
            return None
        return torch.tensor([0, self.time // 3, self.time // 3, self.time]).to(device)


_RESULTS = ("outputs", "state")

_NAMES = (
    "queries",
    "keys",
    "values",
    "strengths",
    "log_decay",
    "read",
    "strength",
    "write",
)


def fields(tensors: Tensors) -> ScanTensors:
    """A case's tensors as the launchers take them."""
    return ScanTensors(*(tensors.get(name) for name in _NAMES))  # type: ignore[arg-type]


_HALF = torch.bfloat16

SCAN_CASES = (
    ScanCase(_HALF),
    ScanCase(torch.float16),
    ScanCase(torch.float32),
    ScanCase(_HALF, rank=2),
    ScanCase(_HALF, "none", "none"),
    ScanCase(_HALF, "head", "none"),
    ScanCase(_HALF, "channel", "none"),
    ScanCase(_HALF, "none", "tied"),
    ScanCase(_HALF, "channel", "tied"),
    ScanCase(torch.float32, "channel", "tied", rank=2, packed=True, with_state=False),
    ScanCase(_HALF, "head", "read", rank=2),
    ScanCase(_HALF, "channel", "before decay"),
    ScanCase(torch.float32, "head", "before decay", rank=2, packed=True),
    ScanCase(_HALF, "head", "general"),
    ScanCase(_HALF, "head", "along key", heads=4, key_heads=2),
    ScanCase(torch.float32, "channel", "along key", rank=2),
    *(
        ScanCase(dtype, decay, rank=2, key_size=size, value_size=size)
        for dtype in (_HALF, torch.float32)
        for decay in ("head", "channel")
        for size in (16, 32, 128, 256)
    ),
    ScanCase(torch.float32, key_size=48, value_size=80, chunk_size=16),
    ScanCase(torch.float32, "channel", "before decay", key_size=48, value_size=80, chunk_size=32),
)
"""Every kind of launch at head size 64, and the sizes of the table for the heaviest kinds; other
sizes are filled up to multiples of 16 before they come here."""
