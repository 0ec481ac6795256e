"""The tables of figures at 80 and 120 columns, and the figure."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqzoo.bench.figure import draw
from seqzoo.bench.table import print_rows
from seqzoo.errors import SpecError


def row(mixer: str, phase: str, length: int, **changes: Any) -> dict[str, Any]:
    return {
        "mixer": mixer,
        "width": 256,
        "phase": phase,
        "length": length,
        "ms": 1234.5,
        "ms_p20": 1200.0,
        "ms_p80": 1300.0,
        "calls": 3,
        "tokens_per_s": 13270.0,
        "scan_ms": 700.0,
        "projections_ms": 99.95,
        "over_floor": 1.543,
        "state_bytes": 66_560,
        "peak_bytes": 3 << 30,
        "scan_backends": [
            {"operation": "scan", "backend": "chunked", "reasons": ["chunked: used, it is first"]}
        ],
    } | changes


ROWS = [
    row("gated_deltanet", "training", 512),
    row("gated_deltanet", "training", 16384, scan_ms=None, over_floor=None),
    {"mixer": "{type: x}", "phase": "training", "length": 512, "skipped": "ValueError: too [odd]"},
    row("gated_deltanet", "decode", 512, ms=0.51234, tokens_per_s=1_952_000.0),
    row("gated_deltanet", "decode", 1024, tokens_per_s=999_700.0),
]


def printed(width: int) -> list[str]:
    console = Console(width=width, record=True, highlight=False, file=io.StringIO())
    print_rows(console, ROWS)
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    training = next(line for line in lines if line.startswith("gated_deltanet"))
    spread = ["1,200-1,300"] if width == 120 else []
    figures = ["512", "1,234", *spread, "700", "100", "1.54", "13.3k", "3", "GiB"]
    assert training.split() == ["gated_deltanet", *figures]
    assert any("{type: x} at 512: not measured, ValueError: too [odd]" in line for line in lines)
    decode = [line for line in lines if "1.95M" in line]
    assert decode[0].split()[-2:] == ["65", "KiB"]
    assert any(" 1M " in line for line in lines)
    assert any("scan on backend chunked in gated_deltanet" in line for line in lines)


def test_the_figure_has_a_line_a_mixer(tmp_path: Path) -> None:
    path = tmp_path / "bench.svg"
    rows = [*ROWS, row("attention $2$", "training", 512)]
    draw(rows, path)
    text = path.read_text()
    for words in ("training, tokens a second", "peak memory in training, MiB", "attention $2$"):
        assert words in text
    assert text.count("16K") == 2
    with pytest.raises(SpecError, match="nothing was measured"):
        draw([ROWS[2]], path)
