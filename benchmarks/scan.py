"""The scan's speed, peak memory and error in one run, beside its peers and the machine's limits.

    python benchmarks/scan.py [--device cuda] [--json FILE] [--judge] [--figure FILE.svg]
    python benchmarks/scan.py --only kda --only ranks --json FILE --add   a part, into the same file
    python benchmarks/scan.py --from FILE --judge                         show an earlier run

Peers are optional: pip install -c constraints.txt -r benchmarks/requirements.txt. One that is not
installed, or cannot run on this device, is named with the reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from scanning import figure, tables, verdicts, warm
from scanning.machine import describe_machine, describe_run, load_average
from scanning.measure import Measurement, Row, describe
from scanning.plan import EXTENTS, group_names, make_plan
from scanning.record import Record, RecordFile, read_record
from scanning.roofline import measure_ceilings
from seqzoo.train.allocator import keep_freed_memory

MINUTES = {"cpu": 30.0, "cuda": 8.0}
WARM_SHARE = 0.4  # of the minutes, at most, for compiling ahead on a GPU
TUNING_MS = 20  # that fla's autotuners take a candidate


def positive(kind: type) -> Callable[[str], Any]:
    """What argparse reads a positive number with."""

    def read(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be more than 0, got {text}")
        return value

    return read


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="The scan's speed, memory and error, beside its peers."
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--add", action="store_true", help="keep the file's other rows")
    parser.add_argument(
        "--resume", action="store_true", help="add what the file, or its .part, has not measured"
    )
    parser.add_argument("--from", type=Path, dest="source", help="show this file; measure nothing")
    parser.add_argument("--judge", action="store_true", help="print the judged lines")
    parser.add_argument("--figure", type=Path, help="draw the figures here, as SVG, PNG or PDF")
    parser.add_argument("--only", action="append", default=[], choices=group_names())
    parser.add_argument(
        "--quick", action="store_true", help="small shapes, few rounds: does it run"
    )
    parser.add_argument(
        "--backend", action="append", help="ours: auto (the default), chunked, triton; repeatable"
    )
    parser.add_argument("--threads", type=positive(int), default=2, help="torch's, on a CPU")
    parser.add_argument(
        "--minutes", type=positive(float), help="leave out what is not reached by then"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave peak memory out")
    options = parser.parse_args(argv)
    if (options.add or options.resume) and not options.json:
        parser.error("--add and --resume need --json, the file to add to")
    return options


def measure(
    options: argparse.Namespace,
    console: Console,
    keep: Callable[[Record], None],
    measured: Callable[[Row], bool] = lambda _: False,
) -> Record:
    """Run the plan and return the record; progress goes to standard error.

    Args:
        keep: is given the record before the first measurement and after each group.
        measured: whether a row is known; a group whose rows all are is left out.
    """
    device = torch.device(options.device)
    minutes = MINUTES[device.type] if options.minutes is None else options.minutes
    start = time.monotonic()
    deadline = start + 60 * minutes
    torch.set_num_threads(options.threads)
    extent = EXTENTS[device.type, options.quick]
    backends = options.backend or ["auto"]
    plan = [
        group
        for group in make_plan(device, options.quick, backends, options.only)
        if not all(measured(describe(work, group.name)) for work in group.works)
    ]
    run: dict[str, Any] = describe_run() | {"quick": options.quick, "only": options.only}
    rows: list[Row] = []
    record: Record = {"machine": describe_machine(device), "runs": [run], "rows": rows}
    keep(record)
    if device.type == "cpu":
        run["freed_memory_kept"] = keep_freed_memory()
    if device.type == "cuda":
        works = {work for group in plan for work in group.works}
        console.print(f"compiling for {len(works)} works")
        run["warm"] = warm.warm(works, 60 * minutes * WARM_SHARE)
        warm.shorten_tuning(TUNING_MS)
        run["tuning_ms"] = TUNING_MS
    ceilings = measure_ceilings(device, extent.dtype, options.quick)
    run["ceilings"] = ceilings._asdict()
    measurement = Measurement(extent, ceilings, deadline, not options.no_memory)
    for number, group in enumerate(plan, 1):
        first = group.works[0]
        console.print(f"{number}/{len(plan)} {group.name} {first.shape} {first.action}")
        rows += [row | {"run": 0} for row in measurement.rows(group)]
        keep(record)
    run["load_average_after"] = load_average()
    run["seconds"] = round(time.monotonic() - start, 1)
    return record


def main(argv: list[str] | None = None) -> int:
    """Measure or read, print, and write what was asked for; 2 if the input is wrong."""
    options = arguments(argv)
    console, progress = Console(), Console(stderr=True)
    file = RecordFile(options.json, options.add or options.resume)
    try:
        if options.source:
            record = read_record(options.source)
        else:
            if options.device == "cuda" and not torch.cuda.is_available():
                raise ValueError("torch sees no GPU here; --device cpu measures without one")
            file.read_earlier(part=options.resume)
            known = file.has_measured if options.resume else lambda _: False
            record = file.whole(measure(options, progress, file.keep, known))
        file.write(record)
        tables.print_rows(console, record["rows"])
        if options.judge:
            tables.print_verdicts(console, verdicts.judge(record))
        if options.figure:
            figure.draw(record, options.figure)
    except ValueError as error:
        progress.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        progress.print(f"stopped{file.kept_where()}", highlight=False, soft_wrap=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
