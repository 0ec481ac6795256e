"""Delayed writes against their equations, chunk by chunk, with torch's own convolution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.model import Mixer
from seqzoo.testing import error_ratio

from ..measuring import in_pieces, measured

REGISTRY = seqzoo.load_registry()
HEADS, WIDTH = 2, 12
SIZE = WIDTH // HEADS


def layer(chunk: int, look_ahead: int) -> Mixer:
    torch.manual_seed(0)
    rule = {"type": "delayed", "chunk": chunk, "look_ahead": look_ahead, "rate": 0.7}
    spec = {"type": "serial", "heads": HEADS, "rule": rule, "scale": 1.0}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return mixer


def literal(mixer: Mixer, x: Tensor, chunk: int, look_ahead: int) -> Tensor:
    p: dict[str, Tensor] = dict(mixer.named_parameters())
    outputs = []
    for sequence in x:
        heads = []
        for h in range(HEADS):
            own = slice(h * SIZE, (h + 1) * SIZE)
            q, k, v = (
                sequence @ p[f"{name}.project.weight"][own].T
                for name in ("queries", "key", "value")
            )
            k = k / (k.square().sum(-1, keepdim=True) + 1e-12).sqrt()
            weights, taps = p["rule.initial"][h], p["rule.taps"][h].unsqueeze(1)
            for begin in range(0, len(sequence), chunk):
                now = slice(begin, begin + chunk)
                heads.append(q[now] @ weights.T)
                targets = F.conv1d(v[now].T, taps, padding=look_ahead, groups=SIZE).T
                weights = weights + 0.7 * (targets @ p["rule.project"][h]).T @ k[now]
        reads = torch.cat(heads).view(HEADS, len(sequence), SIZE).transpose(0, 1).flatten(1)
        outputs.append(reads @ p["readout.project.weight"].T)
    return torch.stack(outputs)


def inputs(length: int) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(2, length, WIDTH, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("chunk", "look_ahead"), [(1, 0), (1, 2), (3, 2), (4, 0), (5, 1), (16, 2)])
def test_scan_and_single_tokens_are_the_equations(chunk: int, look_ahead: int) -> None:
    mixer, x = layer(chunk, look_ahead), inputs(19)
    expected = measured(mixer, x, lambda x: literal(mixer, x, chunk, look_ahead))
    forms = (lambda x: mixer(x)[0], lambda x: in_pieces(mixer, x, list(range(1, 19))))
    for form in forms:
        for mine, right in zip(measured(mixer, x, form), expected, strict=True):
            assert error_ratio(mine, right) < 1e-9


def test_pieces_and_documents_are_the_equations() -> None:
    mixer, x = layer(4, 2), inputs(15)[:1]
    assert error_ratio(in_pieces(mixer, x, [3, 9]), literal(mixer, x, 4, 2)) < 1e-9
    bounds = [0, 6, 6, 15]
    alone = [literal(mixer, x[:, a:b], 4, 2) for a, b in pairwise(bounds) if a < b]
    assert error_ratio(mixer(x, cu_seqlens=torch.tensor(bounds))[0], torch.cat(alone, 1)) < 1e-9


def test_whole_chunks_are_one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    from seqzoo_ttt.rules import delayed

    calls: list[int] = []
    scan = delayed.scan

    def counted(queries: Tensor, *arguments: Any) -> Any:
        calls.append(queries.shape[1])
        return scan(queries, *arguments)

    monkeypatch.setattr(delayed, "scan", counted)
    with torch.no_grad():
        layer(4, 2)(inputs(15))
    assert calls == [24]  # reads and writes of three chunks


def test_nothing_is_written_before_it_is_trained() -> None:
    mixer = seqzoo.build_mixer({"type": "serial", "rule": "delayed"}, WIDTH, REGISTRY)
    rule: Any = mixer.get_submodule("rule")
    assert not bool(rule.taps.any())
    assert torch.equal(rule.project, torch.diag_embed(rule.project.diagonal(dim1=1, dim2=2)))
