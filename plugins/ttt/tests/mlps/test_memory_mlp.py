"""In-Place TTT as an MLP, against its equations, and the checks of MLPs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.model import MLP, build_model
from seqzoo.operators import Place, Stream
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
WIDTH = 8


def built(chunk: int) -> MLP:
    torch.manual_seed(0)
    spec = REGISTRY.spec("mlp", {"type": "in-place-ttt", "chunk": chunk})
    mlp: MLP = spec.build(Place(WIDTH)).double()
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return mlp


def literal(mlp: MLP, x: Tensor, chunk: int) -> Tensor:
    """z_c (W_down + sum over earlier chunks of rate (t W_p)^T z)^T."""
    p = dict(mlp.named_parameters())
    hidden = p["rule.initial"].shape[2]
    outputs = []
    for sequence in x:
        gate, up = (sequence @ p["gate_and_up.weight"].T).split(hidden, dim=-1)
        z, down, pieces = F.silu(gate) * up, p["rule.initial"][0], []
        for begin in range(0, len(sequence), chunk):
            now = slice(begin, begin + chunk)
            pieces.append(z[now] @ down.T)
            taps = p["rule.taps"][0].unsqueeze(1)
            target = F.conv1d(sequence[now].T, taps, padding=2, groups=WIDTH).T
            down = down + 0.3 * (target @ p["rule.project"][0]).T @ z[now]
        outputs.append(torch.cat(pieces))
    return torch.stack(outputs)


def test_it_is_the_equations_at_once_and_token_by_token() -> None:
    mlp, chunk = built(4), 4
    x = torch.randn(2, 11, WIDTH, dtype=torch.float64, requires_grad=True)

    def stepped(x: Tensor) -> Tensor:
        stream = Stream.over(x)
        mlp(x[:, :0], stream)
        state, outputs = stream.after(), []
        for t in range(x.shape[1]):
            stream = Stream.over(x[:, t : t + 1], state)
            outputs.append(mlp(x[:, t : t + 1], stream))
            state = stream.after()
        return torch.cat(outputs, 1)

    found = []
    for form in (
        lambda x: literal(mlp, x, chunk),
        lambda x: mlp(x, Stream.over(x)),
        stepped,
    ):
        y = form(x)
        found.append([y, *torch.autograd.grad(y.sin().sum(), [x, *mlp.parameters()])])
    for mine in found[1:]:
        for one, right in zip(mine, found[0], strict=True):
            assert error_ratio(one, right) < 1e-9


def test_a_model_decodes_with_it_as_it_computes_at_once() -> None:
    spec = {
        "width": 16,
        "layers": 2,
        "mixer": {"type": "attention", "heads": 2},
        "mlp": {"type": "in-place-ttt", "chunk": 4},
    }
    torch.manual_seed(0)
    model = build_model(spec, REGISTRY, vocab_size=11).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    tokens = torch.randint(0, 11, (2, 14))
    with torch.no_grad():
        logits, _ = model(tokens)
        state = model.initial_state(2)
        for t in range(14):
            one, state = model.step(tokens[:, t], state)
            assert error_ratio(one, logits[:, t]) < 1e-9
