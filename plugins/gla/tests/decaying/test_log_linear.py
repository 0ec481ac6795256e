"""Log-linear Mamba-2 against the read of every bucket, written out token by token."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.scan import PrefixCounter
from seqzoo.testing import error_ratio
from seqzoo_gla.decaying.fenwick_memory import FenwickMemory

from .transcription import Weights, agrees, convolved, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, STATE, SIZE, LEVELS = 16, 2, 4, 16, 8
SPEC = {"type": "log_linear", "heads": HEADS, "key_size": STATE, "levels": LEVELS}


def buckets(t: int) -> list[tuple[int, int, int]]:
    """(level, first token, end): the token itself, then 2^(l-1) tokens for each 1-bit of t."""
    found, end = [(0, t, t + 1)], t
    for bit in range(LEVELS):
        if t >> bit & 1:
            found.append((bit + 1, end - 2**bit, end))
            end -= 2**bit
    return found


def tokens(weights: Weights, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """C, B, x, dt and a of each token."""

    def mixed(name: str, size: int) -> Tensor:
        y = x @ weights[f"{name}.project.weight"].T
        y = convolved(y, weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"])
        return F.silu(y).view(len(x), -1, size)

    strength = "injection.strength.project"
    dt = F.softplus(x @ weights[f"{strength}.weight"].T + weights[f"{strength}.bias"])
    a = torch.exp(-torch.exp(weights["forget.log_rate"]) * dt)
    c, b = mixed("queries", STATE), mixed("injection.key", STATE)
    return c, b, mixed("injection.value", SIZE), dt, a


def log_linear(weights: Weights, x: Tensor) -> Tensor:
    c, b, values, dt, a = tokens(weights, x)
    raw = (x @ weights["of_levels.weight"].T).view(len(x), HEADS, LEVELS)
    gains = F.softplus(weights["level_gains"] * raw)
    z = F.silu(x @ weights["readout.gate.weight"].T)
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            y = weights["readout.skip"][h] * values[t, h]
            for level, first, end in buckets(t):
                state = torch.zeros(SIZE, STATE, dtype=x.dtype)
                for s in range(first, end):
                    kept = a[s + 1 : t + 1, h].prod()
                    state = state + kept * dt[s, h] * torch.outer(values[s, h], b[s, 0])
                y = y + gains[t, h, level] * (state @ c[t, 0])
            heads.append(y)
        gated = torch.cat(heads) * z[t]
        rows.append(
            weights["readout.project.weight"] @ gain_normed(gated, weights["readout.weight"])
        )
    return torch.stack(rows)


def test_it_is_the_published_read_of_every_bucket() -> None:
    torch.manual_seed(0)
    agrees(seqzoo.build_mixer(SPEC, WIDTH, REGISTRY).double(), log_linear)


@pytest.mark.parametrize("chunk", [3, 16])
def test_chunks_change_nothing(chunk: int) -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(SPEC, WIDTH, REGISTRY).double()
    x = torch.randn(2, 37, WIDTH, dtype=torch.float64)
    expected, _ = mixer(x)
    memory = mixer.get_submodule("memory")
    assert isinstance(memory, FenwickMemory)
    memory.chunk = chunk
    torch.testing.assert_close(mixer(x)[0], expected)


def test_a_batch_without_sequences() -> None:
    mixer = seqzoo.build_mixer(SPEC, WIDTH, REGISTRY)
    y, state = mixer(torch.zeros(0, 9, WIDTH))
    assert y.shape == (0, 9, WIDTH)
    assert mixer.step(torch.zeros(0, WIDTH), state)[0].shape == (0, WIDTH)


def test_its_states_are_the_roots_of_a_prefix_counter() -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer(SPEC, WIDTH, REGISTRY).double()
    x = torch.randn(1, 23, WIDTH, dtype=torch.float64)
    _, state = mixer(x)
    _, b, values, dt, a = tokens(dict(mixer.named_parameters()), x[0])
    leaves = torch.einsum("th,thv,tk->thvk", dt, values, b[:, 0])

    def join(older: tuple[Tensor, Tensor], newer: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(decay, state) of two spans, one after the other."""
        return older[0] * newer[0], newer[0][..., None, None] * older[1] + newer[1]

    counter = PrefixCounter(join, levels=LEVELS - 1)
    for t in range(23):
        counter.push((a[t : t + 1], leaves[t : t + 1]))
    assert counter.state is not None
    roots = counter.state.roots[1][0]
    for bit in range(LEVELS - 1):
        if 23 >> bit & 1:
            later = (23 >> bit) << bit  # tokens after this root's span decay it further
            decays = a[later:].prod(0)
            expected = decays[:, None, None] * roots[bit]
            torch.testing.assert_close(state["memory.roots"][0, bit], expected)


def test_more_tokens_than_the_levels_hold_are_refused() -> None:
    mixer = seqzoo.build_mixer({**SPEC, "levels": 4}, WIDTH, REGISTRY)
    mixer(torch.zeros(1, 8, WIDTH))
    with pytest.raises(RuntimeError, match="4 levels hold 8 tokens per sequence"):
        mixer(torch.zeros(1, 9, WIDTH))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"injection": "comba_write"}, "use forget: paired_delta"),
        ({"queries": "turned"}, "are turned by the angles of injection: trapezoid"),
        ({"expand_values": 1.01}, "is no whole number of features for each of 2 heads"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        seqzoo.build_mixer({**SPEC, **changes}, WIDTH, REGISTRY)


def test_slow_decays_last_when_decoding_in_half_precision() -> None:
    """A decay of 0.9995 a token is 1 in bfloat16, and 0.88 after 255 tokens."""
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer({**SPEC, "levels": 10}, WIDTH, REGISTRY)
    x, state = torch.randn(1, 511, WIDTH), mixer.initial_state(1)
    with torch.no_grad():
        mixer.get_parameter("forget.log_rate").fill_(-4.0)
        _, right = mixer(x)
        with torch.autocast("cpu", torch.bfloat16):
            for t in range(x.shape[1]):
                _, state = mixer.step(x[:, t], state)
    roots, expected = state["memory.roots"][:, -1], right["memory.roots"][:, -1]
    assert error_ratio(roots, expected) < 0.02
