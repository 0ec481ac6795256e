"""Locate a failure in a plugin's own files."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pluggy

from seqzoo.errors import SeqzooError, SpecError

__all__ = ["fault_of", "naming_faults", "place_of"]

_ROAD = (  # what loads plugins and builds their parts
    Path(__file__).parents[1],
    Path(pluggy.__file__).parent,
    Path(importlib.__file__).parent,
    *(
        Path(folder)
        for name in ("importlib_metadata", "torch")  # once imported, the first loads plugins too
        for folder in getattr(importlib.util.find_spec(name), "submodule_search_locations", None)
        or ()
    ),
)


def fault_of(failure: BaseException) -> str:
    """`FILE:LINE: ErrorType: message` in one line; without a place if no plugin's file is to
    blame."""
    place = _syntax_place(failure) or _place(failure)
    kind = "" if isinstance(failure, SeqzooError) else f"{type(failure).__name__}: "
    error = " ".join(f"{kind}{_message(failure)}".split())
    return f"{place}: {error}" if place else error


@contextmanager
def naming_faults(what: str) -> Iterator[None]:
    """Turn an exception of a plugin's own code into one sentence with file and line.

    An error with no place in a plugin, such as running out of memory, is left as it is.

    Raises:
        SpecError: `what` fails; the exception is its cause.
    """
    try:
        yield
    except (SeqzooError, MemoryError):
        raise
    except Exception as failure:
        if not _place(failure) or "memory" in str(failure):
            raise
        raise SpecError(f"{what} fails: {fault_of(failure)}") from failure


def place_of(function: Callable[..., Any]) -> str:
    """`FILE:LINE: ` of a function's definition; "" for anything but a Python function."""
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}: " if code is not None else ""


def _message(failure: BaseException) -> str:
    return str(failure.msg) if isinstance(failure, SyntaxError) else str(failure)


def _syntax_place(failure: BaseException) -> str:
    if isinstance(failure, SyntaxError) and failure.filename:
        return f"{failure.filename}:{failure.lineno or 1}"
    return ""


def _place(failure: BaseException) -> str:
    """The last line that ran in the plugin: in the package of the first frame."""
    frames = [
        frame
        for frame in traceback.extract_tb(failure.__traceback__)
        if not _is_road(frame.filename)
    ]
    if not frames:
        return ""
    first = Path(frames[0].filename)
    own = [
        frame
        for frame in frames
        if frame.filename == frames[0].filename
        or (first.name == "__init__.py" and Path(frame.filename).is_relative_to(first.parent))
    ]
    return f"{own[-1].filename}:{own[-1].lineno}"


def _is_road(filename: str) -> bool:
    return filename.startswith("<") or any(map(Path(filename).is_relative_to, _ROAD))
