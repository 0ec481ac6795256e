"""Which scan backends computed the runs, with warnings for slower ones than expected."""

from __future__ import annotations

from collections.abc import Iterable

from seqzoo.errors import and_others
from seqzoo.report.collect.results import Collection, Result

__all__ = ["backend_lines", "backends_of"]

FASTEST = {"cuda": "triton"}  # kind of device -> the backend that should compute there
SLOW = ("chunked", "reference")  # those that say why they compute there all the same


def backend_lines(collection: Collection) -> list[str]:
    """One line per combination of backends, then one warning per slow one.

    `scan by chunked` if all runs agree; otherwise with the names of the variants.
    """
    ways: dict[str, dict[str, None]] = {}
    slow: dict[str, dict[str, None]] = {}
    for result in collection.results:
        name = result.variant or collection.name
        if said := backends_of(result):
            ways.setdefault(said, {})[name] = None
        for warning in _warnings(result):
            slow.setdefault(warning, {})[name] = None
    lines = [
        said if len(ways) == 1 else f"{said}: {', '.join(names)}" for said, names in ways.items()
    ]
    return [*lines, *(f"slow: {and_others(list(who))}: {what}" for what, who in slow.items())]


def backends_of(result: Result) -> str:
    """The backends of a run: `scan by chunked`; "" if its record does not name any."""
    if result.record is None:
        return ""
    used: dict[str, list[str]] = {}
    for each in result.record.scan:
        used.setdefault(each.operation, []).append(each.backend)
    return ", ".join(
        f"{operation} by {' and '.join(dict.fromkeys(backends))}"
        for operation, backends in used.items()
    )


def _warnings(result: Result) -> Iterable[str]:
    record = result.record
    if record is None:
        return
    best = FASTEST.get(record.device.kind)
    for each in record.scan:
        if best is not None and each.backend in SLOW:
            refused = f"{best}: not used, "
            reasons = [r.removeprefix(refused) for r in each.reasons if r.startswith(refused)]
            why = reasons[0] if reasons else "asked for by name"
            what = f"{each.operation} by {each.backend}"
            yield f"{what} on {record.device.kind}, not by {best}: {why}"
