"""What modules look up on themselves while they run: attributes, and fields of their specs.

A setting that is never looked up changes no number, whether or not it is stored.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.spec import SpecModel

__all__ = ["Readings", "watching"]

PLAIN = (bool, int, float, complex, str, bytes, type(None))
INTERNAL = frozenset({*vars(nn.Module()), *dir(nn.Module)}) - {"forward"}  # of every module
WHOLE = frozenset({"__dict__", "model_dump", "model_copy", "__pydantic_fields_set__"})
_unlike = itertools.count()  # numbers for values that equal nothing


class Readings:
    """Names that were looked up on modules and specs, by the object's id."""

    def __init__(self) -> None:
        self._names: dict[int, set[str]] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def add(self, owner: Any, name: str) -> None:
        """Note that an attribute was looked up."""
        known = self._names.get(id(owner))
        if known is None:
            known = self._names[id(owner)] = set()
            self._kept.append(owner)
        known.add(name)

    def of(self, model: nn.Module) -> str:
        """A hash of everything looked up in a model: names, values and the modules' types."""
        modules = {id(module): path for path, module in model.named_modules()}
        lines = []
        for path, module in model.named_modules():
            names = self._names.get(id(module), set()) - INTERNAL
            if names:
                own = vars(module)
                read = {name: own[name] for name in sorted(names) if name in own}
                lines.append((path, _name_of(type(module)), self._plain(read, modules, ())))
        return hashlib.sha256(repr(lines).encode()).hexdigest()

    def _plain(self, value: Any, modules: Mapping[int, str], above: tuple[int, ...]) -> Any:
        """The value as nested tuples of plain data; anything opaque equals nothing else."""
        if isinstance(value, PLAIN):
            return type(value).__name__, repr(value)
        if isinstance(value, torch.dtype | torch.device | torch.Size):
            return repr(value)
        if isinstance(value, Tensor):
            return "tensor", str(value.dtype), tuple(value.shape), digest(value)
        if id(value) in modules:
            return "module", modules[id(value)]
        if id(value) in above:
            return "above", len(above) - above.index(id(value))
        inner = (*above, id(value))
        if isinstance(value, Mapping):
            pairs = ((k, self._plain(v, modules, inner)) for k, v in value.items())
            return _name_of(type(value)), tuple(sorted(pairs, key=repr))
        if isinstance(value, list | tuple):
            items = tuple(self._plain(each, modules, inner) for each in value)
            return _name_of(type(value)), items
        if isinstance(value, set | frozenset):
            return "set", tuple(sorted(repr(self._plain(each, modules, inner)) for each in value))
        if isinstance(value, type | ModuleType):
            return _name_of(value)
        return self._of_object(value, modules, inner)

    def _of_object(self, value: Any, modules: Mapping[int, str], above: tuple[int, ...]) -> Any:
        if isinstance(value, FunctionType):
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            held = [cells, value.__defaults__, value.__kwdefaults__]
            code = (value.__code__.co_code.hex(), value.__code__.co_names, value.__code__.co_consts)
            return _name_of(value), repr(code), self._plain(held, modules, above)
        if isinstance(value, functools.partial):
            held = [value.func, value.args, value.keywords]
            return "partial", self._plain(held, modules, above)
        if isinstance(value, SpecModel):
            names = self._names.get(id(value), set())
            fields = [name for name in type(value).model_fields if name in names or names & WHOLE]
            held = {name: object.__getattribute__(value, name) for name in fields}
            return _name_of(type(value)), self._plain(held, modules, above)
        if dataclasses.is_dataclass(value):
            held = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
            return _name_of(type(value)), self._plain(held, modules, above)
        own = type(value).__module__.partition(".")[0] not in ("torch", "numpy", "builtins")
        if own and hasattr(value, "__dict__") and not hasattr(type(value), "__slots__"):
            return _name_of(type(value)), self._plain(vars(value), modules, above)
        return "unlike", next(_unlike)


def digest(tensor: Tensor) -> str:
    """A hash of a tensor's numbers."""
    numbers = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
    return hashlib.sha256(numbers.numpy().tobytes()).hexdigest()


def _name_of(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}"


@contextmanager
def watching() -> Iterator[Readings]:
    """Record what modules and specs look up on themselves inside the block, in this process."""
    readings = Readings()

    def look_up(self: Any, name: str) -> Any:
        readings.add(self, name)
        return object.__getattribute__(self, name)

    watched: tuple[Any, ...] = (nn.Module, SpecModel)
    for base in watched:
        base.__getattribute__ = look_up
    try:
        yield readings
    finally:
        for base in watched:
            del base.__getattribute__
