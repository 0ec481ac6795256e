"""The lines the scan is judged by, held or not, from the rows of one record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from scanning.plan import FLA_SHAPES, JUDGED_ON_CPU, LENGTHS, RANKED
from scanning.work import TRAINING

Row = dict[str, Any]

QWEN = "transformers torch_chunk_gated_delta_rule"
PRODUCT = "fla chunk_gated_delta_product"
LOOSER = ("d strengths", "d log_decay", "d steps")  # gradients of beta and g may err twice as far


class Verdict(NamedTuple):
    """A line: what is asked, what was found, and whether it holds; None if it was not measured."""

    line: str
    wanted: str
    found: str
    held: bool | None


def judge(record: dict[str, Any]) -> list[Verdict]:
    """The verdicts for the record's device."""
    rows = [row for row in record["rows"] if row["action"] == TRAINING and "skipped" not in row]
    on_cpu = record["machine"]["device"] == "cpu"
    return [*(_on_cpu(rows) if on_cpu else _on_gpu(rows)), *_errors(rows, on_cpu)]


def _on_cpu(rows: list[Row]) -> Iterator[Verdict]:
    for shape in JUDGED_ON_CPU:
        ours = _time(rows, "gated_delta_rule", shape, group="gated_delta_rule")
        peer = _time(rows, "gated_delta_rule", shape, QWEN, group="gated_delta_rule")
        yield _ratio(f"gated delta rule {shape}: speed over transformers", peer, ours, least=1.3)
    for decay in ("head", "channel"):
        for shape in JUDGED_ON_CPU:
            one, two = (
                _time(rows, f"prism_{decay}_{rank}", shape, group=RANKED) for rank in (1, 2)
            )
            yield _ratio(f"rank 2 over rank 1, {decay} decay, {shape}", two, one, most=1.45)
    for name in ("gated_delta_rule", "prism_head_2"):
        short, long = (_time(rows, name, (1, time, 4, 64), group=LENGTHS) for time in (2048, 16384))
        yield _ratio(f"{name} 16K over 2K tokens", long, short, most=8.8)
    shape = (1, 16384, 4, 64)
    ours, peer = (
        _value(rows, "peak_bytes", "gated_delta_rule", shape, subject, LENGTHS)
        for subject in (None, QWEN)
    )
    yield _ratio("peak memory at 16K over transformers'", ours, peer, most=0.5)


def _on_gpu(rows: list[Row]) -> Iterator[Verdict]:
    peers = {
        row["recurrence"]: row["subject"]
        for row in rows
        if row["subject"].startswith("fla ") and row["exact"]
    }
    for name, peer in peers.items():
        for field, claim, enough in (
            ("median_ms", "at least as fast as", 5),
            ("peak_bytes", "no more memory than", 6),
        ):
            pairs = [
                (
                    _value(rows, field, name, shape, None, name),
                    _value(rows, field, name, shape, peer, name),
                )
                for shape in FLA_SHAPES
            ]
            yield _count(f"{name}: {claim} {peer}", pairs, enough)
    gated, peer = "gated_delta_rule", "fla chunk_gated_delta_rule"
    for shape in FLA_SHAPES:
        two = _time(rows, "prism_head_2", shape, group=RANKED)
        yield _ratio(
            f"PRISM rank 2 over fla's gated DeltaNet, {shape}",
            two,
            _time(rows, gated, shape, peer, RANKED),
            most=1.5,
        )
        product = _time(rows, "prism_head_2", shape, PRODUCT, RANKED)
        yield _ratio(f"PRISM rank 2 over gated delta product 2, {shape}", two, product, most=1.0)
    for name in (gated, "prism_head_2"):
        short, long = (
            _time(rows, name, (1, time, 16, 128), group=LENGTHS) for time in (8192, 65536)
        )
        yield _ratio(f"{name} 64K over 8K tokens", long, short, most=8.8)


def _errors(rows: list[Row], on_cpu: bool) -> Iterator[Verdict]:
    """The largest ratio of ours, in each class of results."""
    measured = [row for row in rows if row["ours"] and "errors" in row]
    limits = (
        [("everything", 1e-5, lambda name: True)]
        if on_cpu
        else [
            ("outputs and states", 5e-3, lambda name: not name.startswith("d ")),
            ("gradients", 1e-2, lambda name: name.startswith("d ") and name not in LOOSER),
            ("gradients of strengths and decays", 2e-2, lambda name: name in LOOSER),
        ]
    )
    for what, limit, belongs in limits:
        found = [
            (ratio, f"{row['recurrence']} {name}")
            for row in measured
            for name, ratio in row["errors"].items()
            if belongs(name)
        ]
        line, wanted = f"largest error ratio of {what}", f"<= {limit:.0e}"
        if not found:
            yield Verdict(line, wanted, "not measured", None)
            continue
        ratio, where = max(found)
        yield Verdict(line, wanted, f"{ratio:.1e} ({where})", ratio <= limit)


def _ratio(
    line: str,
    above: float | None,
    below: float | None,
    least: float | None = None,
    most: float | None = None,
) -> Verdict:
    wanted = f">= {least:g}" if least is not None else f"<= {most:g}"
    if above is None or below is None:
        return Verdict(line, wanted, "not measured", None)
    ratio = above / below
    held = ratio >= least if least is not None else most is not None and ratio <= most
    return Verdict(line, wanted, f"{ratio:.2f}", held)


def _count(line: str, pairs: Iterable[tuple[float | None, float | None]], enough: int) -> Verdict:
    """In how many shapes ours is at most the peer's."""
    both = [(ours, peer) for ours, peer in pairs if ours is not None and peer is not None]
    wanted = f">= {enough} of {len(FLA_SHAPES)} shapes"
    if not both:
        return Verdict(line, wanted, "not measured", None)
    good = sum(ours <= peer for ours, peer in both)
    worst = max(ours / peer for ours, peer in both)
    held = True if good >= enough else False if len(both) == len(FLA_SHAPES) else None
    return Verdict(line, wanted, f"{good} of {len(both)}, worst ratio {worst:.2f}", held)


def _time(
    rows: list[Row],
    recurrence: str,
    shape: Iterable[int],
    subject: str | None = None,
    group: str | None = None,
) -> float | None:
    return _value(rows, "median_ms", recurrence, shape, subject, group)


def _value(
    rows: list[Row],
    field: str,
    recurrence: str,
    shape: Iterable[int],
    subject: str | None,
    group: str | None,
) -> float | None:
    """A field of one row; the subject None is ours, the fastest of our backends."""
    found = [
        row[field]
        for row in rows
        if row["recurrence"] == recurrence
        and row["shape"] == list(shape)
        and (row["ours"] if subject is None else row["subject"] == subject)
        and (group is None or row["group"] == group)
        and field in row
    ]
    return min(found, default=None)
