"""One function of another library, called with our inputs."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scanning.recurrences import Leaves
from seqzoo.scan import ScanResult


class PeerMissingError(Exception):
    """The peer cannot run here; the text says why, and what would help."""


@dataclass(frozen=True)
class Peer:
    """A peer's function and its calling convention.

    Args:
        recurrence: the recurrence it stands beside.
        distribution: what pip installs; "torch" for torch itself.
        module: where the function is.
        function: its name.
        arguments: leaves -> its keyword arguments.
        exact: it computes the same function; False for the nearest one there is.
        gpu_only: its kernels need a GPU.
        dtypes: the input dtypes it takes; None for all.
        state_v_first: its state is (B, H, V, K), as ours, not (B, H, K, V).
        unwrap: the name is a wrapper that calls another library's kernel where one is installed;
            the function below it is meant.
        allow: lifts what the library refuses on this GPU, for timing, and says so; None if it
            refuses nothing.
    """

    recurrence: str
    distribution: str
    module: str
    function: str
    arguments: Callable[[Leaves], dict[str, Any]]
    exact: bool = True
    gpu_only: bool = False
    dtypes: tuple[torch.dtype, ...] | None = None
    state_v_first: bool = False
    unwrap: bool = False
    allow: Callable[[], str | None] | None = None

    @property
    def name(self) -> str:
        """As tables print it."""
        library = {"fla-core": "fla", "torch": "torch"}.get(self.distribution, self.distribution)
        return f"{library} {self.function}"

    @property
    def backend(self) -> str:
        """What computes: the distribution and its version."""
        try:
            return f"{self.distribution} {importlib.metadata.version(self.distribution)}"
        except importlib.metadata.PackageNotFoundError:
            return self.distribution

    def note(self, device: torch.device) -> str | None:
        """What has to be known of its figures on this device."""
        return self.allow() if self.allow is not None and device.type == "cuda" else None

    def load(self, device: torch.device, dtype: torch.dtype) -> Callable[[Leaves], ScanResult]:
        """The function of the leaves.

        Raises:
            PeerMissingError: not installed, not importable, or not for this device or dtype.
        """
        if self.gpu_only and device.type != "cuda":
            raise PeerMissingError("needs a GPU")
        if self.dtypes is not None and dtype not in self.dtypes:
            raise PeerMissingError(f"does not take {str(dtype).removeprefix('torch.')}")
        function = self.imported()
        self.note(device)
        return lambda leaves: self.result(function(**self.arguments(leaves)))

    def imported(self) -> Callable[..., Any]:
        """The bare function.

        Raises:
            PeerMissingError: not installed or not importable.
        """
        try:
            importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            raise PeerMissingError(
                f"{self.distribution} is not installed: pip install -r benchmarks/requirements.txt"
            ) from None
        try:
            function = getattr(importlib.import_module(self.module), self.function)
        except Exception as error:  # whatever a peer's import raises is a reason, never a stop
            raise PeerMissingError(f"{type(error).__name__}: {error}") from error
        return inspect.unwrap(function) if self.unwrap else function

    def result(self, returned: Tensor | tuple[Tensor, Tensor | None]) -> ScanResult:
        """What it returned, in our convention; a state that is not returned is empty."""
        outputs, state = returned if isinstance(returned, tuple) else (returned, None)
        if state is None:
            return ScanResult(outputs, outputs.new_empty(0))
        return ScanResult(outputs, state if self.state_v_first else state.transpose(-1, -2))
