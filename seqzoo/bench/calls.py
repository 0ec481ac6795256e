"""Record the scans, attention and matrix products that a mixer calls, to repeat them alone.

Their cost is a lower bound for the layer: its scan on the same tensors, and its projections.
Convolutions, gates, norms and layouts come on top.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from seqzoo.scan.part import ScanPart

__all__ = ["Call", "Calls", "recorded_calls"]


PRODUCTS = frozenset({torch.einsum, torch.matmul, torch.bmm, Tensor.matmul, Tensor.__matmul__})
"""Other products than F.linear, which are projections where one factor is a parameter."""


@dataclass(frozen=True)
class Call:
    """A function and the arguments it was given: tensors, plain or inside dataclasses."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    def again(self, trained: bool) -> Callable[[], Any]:
        """A function that repeats the call on detached tensors.

        With `trained` it also computes the gradients of the arguments that had one, for an output
        gradient of ones.
        """
        leaves: list[Tensor] = []

        def cut(tensor: Tensor) -> Tensor:
            leaf = tensor.detach()
            if trained and tensor.requires_grad:
                leaves.append(leaf.requires_grad_())
            return leaf

        arguments, options = _mapped(self.arguments, cut), _mapped(dict(self.options), cut)

        def forward() -> list[Tensor]:
            returned = self.function(*arguments, **options)
            return list(returned) if isinstance(returned, tuple) else [returned]

        if not trained or not leaves:
            return forward

        def forward_and_backward() -> tuple[Tensor | None, ...]:
            reached = [end for end in forward() if end.requires_grad]
            ones = [torch.ones_like(end) for end in reached]
            return torch.autograd.grad(reached, leaves, ones, allow_unused=True)

        return forward_and_backward


@dataclass
class Calls:
    """The recorded calls.

    Attributes:
        scans: of the shared scans, and of softmax attention.
        projections: products with the mixer's own matrices.
    """

    scans: list[Call] = dataclasses.field(default_factory=list)
    projections: list[Call] = dataclasses.field(default_factory=list)


@contextmanager
def recorded_calls(mixer: nn.Module) -> Iterator[Calls]:
    """Record the mixer's calls inside the `with` block."""
    calls = Calls()
    mode = _Recording(calls)
    replaced = [
        (module, name, value)
        for module in mixer.modules()
        for name, value in vars(module).items()
        if isinstance(value, ScanPart)
    ]
    for module, name, scan in replaced:
        setattr(module, name, _RecordedScan(scan, calls, mode))
    try:
        with mode:
            yield calls
    finally:
        for module, name, scan in replaced:
            setattr(module, name, scan)


class _Recording(TorchFunctionMode):
    """Record projections and attention, but nothing that a scan itself calls."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.calls, self.is_paused = calls, False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if not self.is_paused:
            if func is F.linear or (func in PRODUCTS and _has_parameter(args)):
                self.calls.projections.append(Call(func, args, kwargs or {}))
            elif func is F.scaled_dot_product_attention:
                self.calls.scans.append(Call(func, args, kwargs or {}))
        return func(*args, **(kwargs or {}))


class _RecordedScan:
    """Takes the place of a scan part and records its calls."""

    def __init__(self, scan: ScanPart, calls: Calls, mode: _Recording) -> None:
        self._scan, self._calls, self._mode = scan, calls, mode

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scan, name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._noted(self._scan, arguments, options)

    def elementwise(self, *arguments: Any, **options: Any) -> Any:
        """As the part's own."""
        return self._noted(self._scan.elementwise, arguments, options)

    def selective(self, *arguments: Any, **options: Any) -> Any:
        """As the part's own."""
        return self._noted(self._scan.selective, arguments, options)

    def _noted(self, function: Callable[..., Any], arguments: tuple, options: Any) -> Any:
        self._calls.scans.append(Call(function, arguments, options))
        before, self._mode.is_paused = self._mode.is_paused, True
        try:
            return function(*arguments, **options)
        finally:
            self._mode.is_paused = before


def _has_parameter(arguments: tuple[Any, ...]) -> bool:
    return any(isinstance(each, nn.Parameter) for each in arguments)


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same value with every tensor changed; a tensor that occurs twice is changed once."""
    seen: dict[int, Tensor] = {}

    def of(each: Any) -> Any:
        if isinstance(each, Tensor):
            if id(each) not in seen:
                seen[id(each)] = change(each)
            return seen[id(each)]
        if isinstance(each, tuple | list):
            return type(each)(map(of, each))
        if isinstance(each, dict):
            return {key: of(item) for key, item in each.items()}
        if dataclasses.is_dataclass(each) and not isinstance(each, type):
            fields = {
                field.name: of(getattr(each, field.name)) for field in dataclasses.fields(each)
            }
            return dataclasses.replace(each, **fields)
        return each

    return of(value)
