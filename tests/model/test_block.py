"""Blocks and MLPs by their formulas: norms, residuals, dropout on both branches, shared values."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import MLP, Mixer, build_model
from seqzoo.model.block import Block
from seqzoo.model.heads import default_heads
from seqzoo.model.mlp import GatedMLP, PlainMLP
from seqzoo.operators import Place, PreviousToken, Stream
from seqzoo.registry import Origin, Registry
from seqzoo.spec import PartSpec

WIDTH = 8


def mlp(spec: object) -> MLP:
    torch.manual_seed(0)
    return seqzoo.load_registry().spec("mlp", spec).build(Place(WIDTH)).double()


def x(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, WIDTH, generator=generator, dtype=torch.float64)


def test_a_plain_mlp_is_two_matrices_around_an_activation() -> None:
    part = cast("PlainMLP", mlp({"type": "mlp", "ratio": 3}))
    assert part.up.out_features == 3 * WIDTH
    hidden = F.linear(x(2, 3), part.up.weight, part.up.bias)
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    expected = F.linear(hidden, part.down.weight, part.down.bias)
    torch.testing.assert_close(part(x(2, 3), Stream(2)), expected)


def test_swiglu_multiplies_silu_of_the_first_half_by_the_second() -> None:
    part = cast("GatedMLP", mlp({"type": "swiglu", "ratio": 2}))
    first, second = part.gate_and_up.weight.chunk(2)
    assert len(first) == 2 * WIDTH
    gate, up = x(2, 3) @ first.T, x(2, 3) @ second.T
    expected = (gate * gate.sigmoid() * up) @ part.down.weight.T
    torch.testing.assert_close(part(x(2, 3), Stream(2)), expected)


@pytest.mark.parametrize(("width", "heads"), [(16, 1), (64, 1), (128, 2), (192, 3), (320, 5)])
def test_there_is_a_head_for_every_64_features(width: int, heads: int) -> None:
    assert default_heads(width) == heads


def model(registry: Registry | None = None, **changes: object):
    torch.manual_seed(0)
    spec = {"width": WIDTH, "layers": 1, "mixer": "linear_attention", "mlp": "mlp", **changes}
    return build_model(spec, registry or seqzoo.load_registry(), vocab_size=5).double()


@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_a_block_is_two_residual_branches_behind_norms(norm: str) -> None:
    net = model(norm=norm).eval()
    block = cast("Block", net.blocks[0])
    assert block.mlp is not None
    for parameter in (*block.mixer_norm.parameters(), *net.norm.parameters()):
        nn.init.uniform_(parameter, 0.5, 1.5)
    tokens = torch.tensor([[0, 3, 1, 4]])

    def normed(h: Tensor, module: nn.Module) -> Tensor:
        centred = h - h.mean(-1, keepdim=True) if norm == "layer_norm" else h
        h = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        bias = module.get_parameter("bias") if norm == "layer_norm" else 0.0
        return h * module.get_parameter("weight") + bias

    h = net.embedding(tokens)
    h = h + block.mixer(normed(h, block.mixer_norm))[0]
    assert block.mlp_norm is not None
    h = h + block.mlp(normed(h, block.mlp_norm), Stream(1))
    expected = normed(h, net.norm) @ net.head.weight.T
    torch.testing.assert_close(net(tokens)[0], expected)


@pytest.mark.parametrize("branch", ["mixer", "mlp"])
def test_dropout_is_on_both_branches(branch: str) -> None:
    net = model(dropout=0.5).train()
    block = cast("Block", net.blocks[0])
    assert block.mlp is not None
    other = block.mlp if branch == "mixer" else block.mixer
    for parameter in other.parameters():
        nn.init.zeros_(parameter)  # the other branch adds nothing, dropped or not
    h = x(1, 200)
    added = block(h).x - h
    dropped = float((added == 0).double().mean())
    assert 0.4 < dropped < 0.6
    kept = added[added != 0]
    exact = (block.eval()(h).x - h)[added != 0]
    torch.testing.assert_close(kept, 2 * exact)


class Shares(Mixer):
    """The first layer shares its inputs' mean, which later ones add; each adds a loss."""

    name = "shares"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.scale = nn.Parameter(torch.full((place.width,), 0.5))

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        first = stream.shared("first")
        if first is None:
            stream.share("first", x * self.scale)
        stream.add_loss("size", 0.1 * x.square().mean())
        return x * self.scale if first is None else first + x * self.scale


class Shifts(MLP):
    """Adds the token before: the channel mix of the RWKV family looks back too."""

    name = "shifts"
    looks_back = True

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.previous = PreviousToken()
        self.scale = nn.Parameter(torch.ones(place.width))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return self.scale * self.previous(x, stream)


class Blind(Shares):
    name = "blind"
    streams = False


@pytest.fixture
def registry() -> Registry:
    registry = seqzoo.load_registry()
    for part in (Shares, Shifts, Blind):
        registry.add(part, Origin("test", "test", "0"))
    return registry


@pytest.mark.parametrize("recompute", [False, True])
def test_values_and_losses_pass_from_layer_to_layer(registry: Registry, recompute: bool) -> None:
    net = model(registry, layers=3, mixer="shares", mlp=None)
    tokens = torch.tensor([[0, 3, 1], [2, 2, 4]])
    for block in net.blocks:
        vars(block)["recompute"] = recompute
    hidden, _, losses = net.hidden_and_losses(tokens)
    h, first, loss = net.embedding(tokens), None, torch.zeros((), dtype=torch.float64)
    for block in net.blocks:
        block = cast("Block", block)
        normed = block.mixer_norm(h)
        scaled = normed * block.mixer.get_parameter("scale")
        loss = loss + 0.1 * normed.square().mean()
        h = h + (scaled if first is None else first + scaled)
        first = scaled if first is None else first
    torch.testing.assert_close(hidden, net.norm(h))
    torch.testing.assert_close(losses["size"], loss)
    sources = list(net.blocks.parameters())
    found = torch.autograd.grad(hidden.sum() + losses["size"], sources, allow_unused=True)
    expected = torch.autograd.grad(net.norm(h).sum() + loss, sources, allow_unused=True)
    torch.testing.assert_close(found, expected)


def test_an_mlp_may_look_back_in_calls_steps_and_at_positions(registry: Registry) -> None:
    net = model(registry, layers=2, mlp="shifts").eval()
    tokens = torch.randint(0, 5, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, _ = net(tokens)
        first, state = net(tokens[:, :4])
        second, _ = net(tokens[:, 4:], state)
        torch.testing.assert_close(torch.cat([first, second], 1), logits)
        state = net.initial_state(2)
        for t in range(9):
            step, state = net.step(tokens[:, t], state)
            torch.testing.assert_close(step, logits[:, t])
        everywhere, _ = net.hidden(tokens)
        positions = torch.tensor([3, 10])
        there, _ = net.hidden(tokens, positions=positions)
        torch.testing.assert_close(there, everywhere.flatten(0, 1)[positions])
    assert net.state_size(9) == sum(mixer.state_size(9) for mixer in net.mixers()) + 2 * WIDTH


def test_a_mixer_that_does_not_stream_takes_no_state(registry: Registry) -> None:
    net = model(registry, mixer="blind", mlp=None)
    tokens = torch.tensor([[0, 3, 1]])
    _, state = net(tokens)
    with pytest.raises(SpecError, match="mixer 'blind' carries no state: give the model whole"):
        net(tokens, state)
    with pytest.raises(SpecError, match="mixer 'blind' carries no state: give it the whole"):
        net.mixers()[0](x(1, 3), {})
