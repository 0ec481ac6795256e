"""Its equation is tested in test_presets.py, against a restatement."""

import torch

import seqzoo
from seqzoo.operators import Place


def test_every_memory_has_the_full_width_and_is_carried() -> None:
    spec = seqzoo.load_registry().spec("mixer", {"type": "dense_mom", "memories": 3})
    mixer = spec.build(Place(16))
    assert mixer.state_size(7) == 3 * 16 * 16
    assert sum(p.numel() for p in mixer.parameters()) == (1 + 3 + 3 + 1) * 256 + 16 + 3 * 17
    lines = dict(mixer.recurrence())
    assert lines["state"] == "3 memories, each 16 x 16"


def test_routes_are_a_mixture() -> None:
    torch.manual_seed(0)
    spec = seqzoo.load_registry().spec("mixer", {"type": "dense_mom", "memories": 2})
    mixer = spec.build(Place(16))
    x = torch.randn(1, 5, 16)
    with torch.no_grad():
        mixer.key.weight[16:] = mixer.key.weight[:16]
        mixer.value.weight[16:] = mixer.value.weight[:16]
        before = mixer(x)[0]
        mixer.router.bias += torch.tensor([3.0, -1.0])  # equal memories: any mixture is the same
        torch.testing.assert_close(mixer(x)[0], before)
        mixer.value.weight[16:] *= 2
        assert not torch.allclose(mixer(x)[0], before)
