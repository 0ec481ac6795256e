"""The forget as a matrix A_t, read off the scan: a state of ones through one token."""

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Features, Place, Stream
from seqzoo.scan import Writes, scan
from seqzoo.testing import MIXER_CHECKS, MixerCase
from seqzoo_prism.normalised_delta import NormalisedDelta

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(8), heads=2, key_size=4, value_size=4)


def features() -> Features:
    generator = torch.Generator().manual_seed(1)
    x, u = torch.randn(2, 2, 5, 8, generator=generator, dtype=torch.float64).unbind()
    keys = 3.0 * u.view(2, 5, 2, 4)  # of any length
    return Features(x, u, keys, Writes(keys.unsqueeze(2), keys.unsqueeze(2)))


def forget(**settings: object) -> NormalisedDelta:
    torch.manual_seed(0)
    return REGISTRY.spec("forget", {"type": "normalised_delta", **settings}).build(DIMS).double()


def matrices(part: NormalisedDelta, at: Features) -> Tensor:
    """A_t of every token and head, (B, T, H, K, K), as what the scan makes of the identity."""
    transition = part(at, Stream.over(at.x))
    eye = torch.eye(4, dtype=torch.float64).expand(2, 2, 4, 4)
    nothing = Writes(at.writes.keys, torch.zeros_like(at.writes.values))
    found = []
    for t in range(5):
        token = slice(t, t + 1)
        erase = transition.erase
        assert erase is not None
        cut = {
            name: value[:, token] if isinstance(value, Tensor) else value
            for name, value in vars(erase).items()
        }
        one = type(transition)(transition.log_decay[:, token], type(erase)(**cut))
        writes = Writes(nothing.keys[:, token], nothing.values[:, token])
        found.append(scan(at.queries[:, token], one, writes, eye, backend="reference").state)
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("decay", ["floored_decay", "head_decay"])
@pytest.mark.parametrize("of", ["x", "u"])
@pytest.mark.parametrize("erase_first", [True, False])
def test_it_is_the_matrix_of_its_equation(decay: str, of: str, erase_first: bool) -> None:
    part, at = forget(decay=decay, of=of, erase_first=erase_first), features()
    found = matrices(part, at)
    alpha = part.decay.log_decay(at, Stream.over(at.x)).exp()
    source = at.x if of == "x" else at.u
    beta = part.strength(source, Stream.over(at.x))
    assert beta is not None
    for b, t, h in [(0, 0, 0), (1, 4, 1), (0, 3, 1)]:
        key = at.writes.keys[b, t, 0, h]
        key = key / key.norm()
        erase = torch.eye(4, dtype=torch.float64) - beta[b, t, h] * torch.outer(key, key)
        kept = torch.diag(alpha[b, t, h].expand(4))
        expected = erase @ kept if erase_first else kept @ erase
        torch.testing.assert_close(found[b, t, h], expected, rtol=1e-10, atol=1e-10)


def test_the_order_matters_only_for_a_decay_by_channel() -> None:
    at = features()
    for decay, same in (("head_decay", True), ("floored_decay", False)):
        first, last = (matrices(forget(decay=decay, erase_first=e), at) for e in (True, False))
        assert torch.allclose(first, last, atol=1e-9) == same


def test_what_does_not_fit_is_refused() -> None:
    product = {"type": "recurrent", "injection": "product_write", "forget": "normalised_delta"}
    with pytest.raises(SpecError, match="writes in several micro-steps, each with its own erase"):
        REGISTRY.spec("mixer", product)
    with pytest.raises(SpecError, match="'delta' is not a plain decay"):
        forget(decay="delta")
    with pytest.raises(SpecError, match="erase with gate 'softplus', which has no bound"):
        forget(strength="softplus")
    spec = REGISTRY.spec("forget", "normalised_delta")
    with pytest.raises(SpecError, match=r"as many key heads \(1\) as heads \(2\)"):
        spec.build(Dims(Place(8), 2, 4, 4, 1))


def test_heads_may_share_a_key_where_the_decay_comes_first() -> None:
    forget = {"type": "normalised_delta", "erase_first": False, "decay": "floored_decay"}
    spec = {"type": "recurrent", "heads": 4, "key_heads": 2, "forget": forget}
    for check in MIXER_CHECKS:
        if check.__name__ in ("scans_agree", "steps_agree"):
            check(MixerCase(spec, REGISTRY))


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
def test_the_kit_passes_with_the_decay_first(check) -> None:
    forget = {"type": "normalised_delta", "erase_first": False, "of": "u"}
    check(MixerCase({"type": "recurrent", "forget": forget}, REGISTRY))
