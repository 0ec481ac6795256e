"""Anchors against their sums written out."""

import pytest
import torch

import seqzoo
from seqzoo.operators import Anchor, Dims, Place, Stream

REGISTRY = seqzoo.load_registry()
WIDTH, LENGTH = 6, 17


def anchor(spec: object) -> Anchor:
    torch.manual_seed(0)
    dims = Dims(Place(WIDTH), heads=2, key_size=3, value_size=3)
    return REGISTRY.spec("anchor", spec).build(dims).double()


def inputs() -> torch.Tensor:
    return torch.randn(2, LENGTH, WIDTH, dtype=torch.float64)


def at(x: torch.Tensor, t: int) -> torch.Tensor:
    return x[:, t] if t >= 0 else torch.zeros_like(x[:, 0])


@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_short_conv_is_the_silu_of_the_weighted_last_tokens(kernel_size: int) -> None:
    part = anchor({"type": "short_conv", "kernel_size": kernel_size})
    weight = part.get_parameter("conv.weight")[:, 0]
    x = inputs()
    u = part(x, Stream.over(x))
    for t in range(LENGTH):
        mixed = sum(weight[:, kernel_size - 1 - j] * at(x, t - j) for j in range(kernel_size))
        assert isinstance(mixed, torch.Tensor)
        torch.testing.assert_close(u[:, t], mixed * mixed.sigmoid())


def test_token_shift_mixes_with_the_token_before() -> None:
    part = anchor("token_shift")
    part.get_parameter("mix").data.uniform_(0, 1)
    x = inputs()
    u = part(x, Stream.over(x))
    for t in range(LENGTH):
        expected = at(x, t) + part.get_parameter("mix") * (at(x, t - 1) - at(x, t))
        torch.testing.assert_close(u[:, t], expected)


def test_ema_is_the_average_it_says() -> None:
    part = anchor({"type": "ema", "decay": 0.8})
    x = inputs()
    u = part(x, Stream.over(x))
    average = torch.zeros_like(x[:, 0])
    for t in range(LENGTH):
        average = 0.8 * average + 0.2 * x[:, t]
        torch.testing.assert_close(u[:, t], average, rtol=1e-6, atol=1e-7)


def test_identity_is_the_token() -> None:
    x = inputs()
    u = anchor("identity")(x, Stream.over(x))
    assert torch.equal(u, x)


def test_ema_is_computed_by_the_backend_that_the_mixer_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the chunked form was asked")

    mixers = {}
    for scan in ("reference", "chunked"):
        torch.manual_seed(0)
        spec = {"type": "recurrent", "anchor": "ema", "scan": scan}
        mixers[scan] = seqzoo.build_mixer(spec, 32, REGISTRY).double()
    x = torch.randn(2, LENGTH, 32, dtype=torch.float64)
    chunked, _ = mixers["chunked"](x)
    monkeypatch.setattr("seqzoo.scan.elementwise.scan.elementwise_states", refuse)
    reference, _ = mixers["reference"](x)
    torch.testing.assert_close(reference, chunked, rtol=1e-12, atol=1e-12)
    with pytest.raises(AssertionError, match="the chunked form was asked"):
        mixers["chunked"](x)
