"""Mamba-1, written out token by token and channel by channel."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.scan.selective import composed, passes

from .functions import conv, silu, softplus
from .transcriptions import REGISTRY, check_transcription


def rms(x: Tensor, gain: Tensor | None) -> Tensor:
    return x if gain is None else gain * x / (x.square().mean() + 1e-5).sqrt()


def mamba1(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """S <- exp(Delta A) S + Delta B x, y = C S + D x, times silu(z); heads side by side."""
    channels, states = w["log_rate"].shape
    heads, _, size = w["select.weight"].shape
    rank = w["select.weight"].shape[1] - 2 * states
    rates = -torch.exp(w["log_rate"])
    state = torch.zeros(channels, states, dtype=x.dtype)
    seen, outputs = [], []
    for token in x:
        both = w["project_in.weight"] @ token
        seen.append(both[:channels])
        z = both[channels:]
        u = silu(conv(seen, w["conv.weight"], w["conv.bias"]))
        reads, rows = [], []
        for h in range(heads):
            mine = slice(h * size, (h + 1) * size)
            made = w["select.weight"][h] @ u[mine]
            r = rms(made[:rank], w.get("rank_norm.weight"))
            b = rms(made[rank : rank + states], w.get("write_norm.weight"))
            c = rms(made[rank + states :], w.get("read_norm.weight"))
            delta = softplus(w["step_size.weight"][h] @ r + w["step_size.bias"][h])
            new = torch.exp(delta[:, None] * rates[mine]) * state[mine]
            new = new + torch.outer(delta * u[mine], b)
            rows.append(new)
            reads.append(new @ c + w["skip"][mine] * u[mine])
        state = torch.cat(rows)
        outputs.append(w["project.weight"] @ (torch.cat(reads) * silu(z)))
    return torch.stack(outputs)


@pytest.mark.parametrize(
    "spec",
    [
        "mamba1",
        {"type": "mamba1", "norm": "rms_norm", "state_size": 3, "rank": 2, "conv_bias": True},
        {"type": "mamba1", "heads": 4, "expand": 1},
    ],
)
def test_it_is_the_published_layer(spec: object) -> None:
    mixer = check_transcription(spec, mamba1)
    assert dict(mixer.recurrence())["layer"].startswith("h_t = exp(-Delta_t exp(A))")


def test_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few channels or tokens are taken at once: outputs, states, gradients; in a graph."""
    mixer = seqzoo.build_mixer("mamba1", 16, REGISTRY).double()
    x = torch.randn(2, 9, 16, dtype=torch.float64, requires_grad=True)

    def results(run) -> list[Tensor]:
        y, state = run(x)
        loss = y.square().sum() + state["space.state"].square().sum()
        return [y, *state.values(), *torch.autograd.grad(loss, [x, *mixer.parameters()])]

    whole = results(mixer)
    monkeypatch.setattr(composed, "ELEMENTS", 5 * 2 * 9 * 16)
    monkeypatch.setattr(passes, "ELEMENTS", 4 * 32 * 16)
    monkeypatch.setattr(passes, "LEAST_TOKENS", 4)
    torch.compiler.reset()
    try:
        graph = torch.compile(mixer, backend="aot_eager", fullgraph=True)
        for pieces in (results(mixer), results(graph)):
            for found, expected in zip(pieces, whole, strict=True):
                torch.testing.assert_close(found, expected)
    finally:
        torch.compiler.reset()


def test_initial_values_are_the_papers() -> None:
    mixer = seqzoo.build_mixer({"type": "mamba1", "step": [0.01, 0.02]}, 32, REGISTRY)
    weights = mixer.state_dict()
    assert weights["step_size.weight"].shape == (1, 64, 2)  # rank 32 / 16
    assert weights["step_size.weight"].abs().max() <= 2**-0.5
    step = F.softplus(weights["step_size.bias"])
    assert 0.00999 < step.min() < step.max() < 0.02001
    torch.testing.assert_close(weights["log_rate"][5].exp(), torch.arange(1.0, 17.0))
    assert weights["skip"].eq(1).all()


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpecError, match="3 heads do not divide 32 channels"):
        seqzoo.build_mixer({"type": "mamba1", "heads": 3}, 16, REGISTRY)
