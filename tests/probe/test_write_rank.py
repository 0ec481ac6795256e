from dataclasses import replace

import pytest
import torch

from seqzoo.probe.write_rank import WriteRank


def test_rank_grows_by_one_a_write(subject) -> None:
    seen = subject("recurrent")
    (trace,) = seen.traces
    generator = torch.Generator().manual_seed(1)
    keys = torch.randn(3, 12, 3, 1, 8, generator=generator, dtype=torch.float64)
    values = torch.randn(3, 12, 3, 1, 8, generator=generator, dtype=torch.float64)
    seen = replace(
        seen, traces=[replace(trace, writes=replace(trace.writes, keys=keys, values=values))]
    )
    rows = WriteRank.Spec().build().rows(seen)
    assert [(row["write"], row["rank"], row["full"]) for row in rows] == [
        (1, 1.0, 1.0),
        (2, 2.0, 1.0),
        (3, 3.0, 1.0),
    ]
    assert rows[0]["effective"] == pytest.approx(1.0)
    assert 1.0 < rows[1]["effective"] < 2.0


def test_equal_keys_stay_at_one(subject) -> None:
    seen = subject("recurrent")
    (trace,) = seen.traces
    writes = replace(
        trace.writes,
        keys=trace.writes.keys.expand(-1, -1, 2, -1, -1),
        values=torch.cat([trace.writes.values, trace.writes.values.flip(-1)], dim=2),
    )
    rows = WriteRank.Spec().build().rows(replace(seen, traces=[replace(trace, writes=writes)]))
    assert [row["rank"] for row in rows] == [1.0, 1.0]


def test_the_tolerance_decides(subject) -> None:
    seen = subject("recurrent")
    (trace,) = seen.traces
    one = torch.eye(8, dtype=torch.float64)[:2].view(1, 1, 2, 1, 8).expand(3, 12, -1, -1, -1)
    writes = replace(trace.writes, keys=one, values=one * torch.tensor([1.0, 0.01]).view(2, 1, 1))
    seen = replace(seen, traces=[replace(trace, writes=writes)])
    assert WriteRank.Spec(tolerance=0.1).build().rows(seen)[1]["rank"] == 1.0
    assert WriteRank.Spec(tolerance=0.001).build().rows(seen)[1]["rank"] == 2.0


def test_silence_has_no_rank(subject) -> None:
    seen = subject("recurrent")
    (trace,) = seen.traces
    writes = replace(trace.writes, values=torch.zeros_like(trace.writes.values))
    finding = WriteRank.Spec().build().find(replace(seen, traces=[replace(trace, writes=writes)]))
    assert not finding.rows
    assert finding.note.startswith("does not apply")
