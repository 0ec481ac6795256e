"""The axes of the injection: what each changes, and nothing else; its rank, cost and refusals.

That the values are the published ones is shown in test_presets.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import Dims, FirstWrite, Place, Stream
from seqzoo.scan import Writes
from seqzoo.testing import MIXER_CHECKS, MixerCase
from seqzoo_prism.residual_refinement import ResidualRefinement

REGISTRY = seqzoo.load_registry()
DIMS = Dims(Place(12), heads=3, key_size=4, value_size=4)
GELU = torch.nn.functional.gelu


def injection(dims: Dims = DIMS, **settings: object) -> ResidualRefinement:
    torch.manual_seed(0)
    spec = REGISTRY.spec("injection", {"type": "residual_refinement", **settings})
    return spec.build(dims).double()


def anchor(seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 6, DIMS.width, generator=generator, dtype=torch.float64)


def written(part: ResidualRefinement) -> tuple[Tensor, Writes]:
    u = anchor()
    return u, part(u, Stream.over(u))


def shapes(part: ResidualRefinement) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in part.named_parameters()}


BASE = shapes(injection())


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"residual": "value"}, {}),
        ({"chain": "none"}, {}),
        ({"activation": "identity"}, {}),
        ({"gate": {"squash": "all"}}, {}),
        ({"gate": {"squash": "none"}}, {}),
        ({"gate": {"bias": True}}, {"gates.project.bias": (6,)}),
        ({"keys": {"norm": "none"}}, {}),
        ({"keys": {"of": "shared"}}, {"keys.project.down.weight": (12, 12)}),
        ({"keys": {"bias": True}}, {"keys.project.down.bias": (24,)}),
        (
            {"keys": {"rank": 5}},
            {"keys.project.down.weight": (10, 12), "keys.project.up": (2, 12, 5)},
        ),
        ({"gain": "constant"}, {"gain.project.weight": None}),
        ({"swapped": True}, {}),
        ({"value": {"bias": True}}, {"value.project.bias": (12,)}),
        (
            {"depth": 3},
            {
                "keys.project.down.weight": (36, 12),
                "gain.project.weight": (36, 12),
                "gates.project.weight": (9, 12),
            },
        ),
    ],
    ids=str,
)
def test_an_axis_changes_its_own_parameters_and_the_result(
    settings: dict[str, Any], changed: dict[str, tuple[int, ...] | None]
) -> None:
    part = injection(**settings)
    expected = {name: shape for name, shape in {**BASE, **changed}.items() if shape is not None}
    assert shapes(part) == expected
    base = injection()
    if not changed:  # the same parameters give something else
        part.load_state_dict(base.state_dict())
        _, first = written(base)
        _, second = written(part)
        assert not all(
            torch.equal(*pair)
            for pair in (
                (first.keys, second.keys),
                (first.values, second.values),
                (strengths(first), strengths(second)),
            )
        )


def strengths(writes: Writes) -> Tensor:
    assert writes.strengths is not None
    return writes.strengths


def test_values_that_no_anchor_is_taken_from_may_have_any_size() -> None:
    dims = Dims(Place(12), heads=3, key_size=4, value_size=5)
    part = injection(dims, residual="value", activation="identity", chain="none", gain="constant")
    u, writes = written(part)
    assert part.value is not None
    value = part.value(u, Stream.over(u))
    assert torch.equal(writes.values, value.unsqueeze(2).expand(-1, -1, 2, -1, -1))
    keys = injection(dims, residual="value", swapped=True)(u, Stream.over(u)).keys
    assert keys.shape[-1] == 4, "swapped, the steps are what queries meet"


@pytest.mark.parametrize("shape", [(), (4,), (3, 1), (2, 1, 4), (6, 2, 3, 4)], ids=str)
def test_gains_may_be_all_that_broadcasts(shape: tuple[int, ...]) -> None:
    part, residual = injection(), anchor().unflatten(-1, (3, 4))
    gains = torch.rand(shape, dtype=torch.float64)
    full = gains.broadcast_to(2, 6, 2, 3, 4)
    assert torch.equal(part._refined(residual, gains), part._refined(residual, full))


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_rank_of_what_a_token_writes_is_its_depth(depth: int, activation: str) -> None:
    _, writes = written(injection(depth=depth, activation=activation))
    token = torch.einsum("btrhv,btrhk->bthvk", writes.values, writes.keys)
    assert torch.linalg.matrix_rank(token).eq(depth).all()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_rank_is_the_depth_after_training_too(depth: int) -> None:
    torch.manual_seed(0)
    document = {"width": 16, "layers": 1, "mixer": {"type": "prism", "depth": depth}}
    model = seqzoo.build_model(document, REGISTRY, vocab_size=9).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    tokens = torch.randint(9, (4, 12))
    losses = []
    for _ in range(40):
        logits, _ = model(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    seen: list[Any] = []
    part = next(each for each in model.modules() if isinstance(each, ResidualRefinement))
    part.register_forward_hook(lambda _module, _inputs, writes: seen.append(writes))
    with torch.no_grad():
        model(tokens)
    token = torch.einsum("btrhv,btrhk->bthvk", seen[0].values, seen[0].keys)
    assert torch.linalg.matrix_rank(token).eq(depth).all()


def test_shared_keys_write_rank_one() -> None:
    _, writes = written(injection(depth=3, keys={"of": "shared"}))
    token = torch.einsum("btrhv,btrhk->bthvk", writes.values, writes.keys)
    assert torch.linalg.matrix_rank(token).eq(1).all()


def test_swapped_writes_are_the_transposed() -> None:
    _, plain = written(injection())
    _, swapped = written(injection(swapped=True))
    assert torch.equal(plain.keys, swapped.values)
    assert torch.equal(plain.values, swapped.keys)


def test_linear_steps_with_gain_one_leave_nothing_for_the_second() -> None:
    _, writes = written(injection(activation="identity", gain="constant"))
    assert writes.values[:, :, 0].abs().max() > 0.1
    assert writes.values[:, :, 1].abs().max() == 0


def test_without_a_chain_every_step_starts_from_the_same_residual() -> None:
    part = injection(chain="none", gain="constant", depth=3)
    u, writes = written(part)
    assert part.value is not None
    residual = part.value(u, Stream.over(u)) - u.unflatten(-1, (3, 4))
    for step in range(3):
        torch.testing.assert_close(writes.values[:, :, step], GELU(residual))


def test_swapped_sides_may_differ_in_size() -> None:
    dims = Dims(Place(12), heads=3, key_size=4, value_size=7)
    part = injection(dims, swapped=True, gain={"type": "step_gains", "rank": 2})
    u = anchor()
    writes = part(u, Stream.over(u))
    assert writes.keys.shape == (2, 6, 2, 3, 4)
    assert writes.values.shape == (2, 6, 2, 3, 7)


def test_keys_may_be_shared_by_heads() -> None:
    dims = Dims(Place(12), heads=3, key_size=5, value_size=4, key_heads=1)
    part = injection(dims, depth=2)
    u = anchor()
    writes = part(u, Stream.over(u))
    assert writes.keys.shape == (2, 6, 2, 1, 5)
    assert writes.values.shape == (2, 6, 2, 3, 4)


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
def test_the_kit_passes_with_keys_that_heads_share(check) -> None:
    check(MixerCase({"type": "prism", "heads": 4, "key_heads": 2, "depth": 3}, REGISTRY))


class CountMatmuls(TorchDispatchMode):
    """Counts matrix products."""

    NAMES = ("aten.mm.", "aten.addmm.", "aten.bmm.", "aten.baddbmm.")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += str(func).startswith(self.NAMES)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("preset", ["prism", "prism-mom", "prism-probing", "prism-lm"])
def test_depth_4_takes_no_more_matrix_products_than_depth_1(preset: str) -> None:
    counts = []
    for depth in (1, 4):
        mixer = REGISTRY.spec("mixer", {"type": preset, "depth": depth}).build(Place(32))
        x = torch.randn(2, 7, 32)
        u = mixer.anchor(x, Stream.over(x))
        with CountMatmuls() as counter:
            writes = mixer.injection(u, Stream.over(x))
            (writes.keys.sum() + writes.values.sum() + writes.strengths.sum()).backward()
        counts.append(counter.count)
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({}, FirstWrite(unit_key=True, strength="at_most_one")),
        ({"gate": {"squash": "all"}}, FirstWrite(unit_key=True, strength="at_most_one")),
        ({"gate": {"squash": "none"}}, FirstWrite(unit_key=True, strength="unbounded")),
        ({"keys": {"norm": "none"}}, FirstWrite(unit_key=False, strength="at_most_one")),
        ({"keys": {"norm": "rms_norm"}}, FirstWrite(unit_key=False, strength="at_most_one")),
        ({"swapped": True}, FirstWrite(unit_key=False, strength="at_most_one")),
        ({"keys": {"of": "base"}}, FirstWrite(unit_key=False, strength="at_most_one")),
    ],
    ids=str,
)
def test_what_an_erase_may_be_tied_to(settings: dict[str, Any], first: FirstWrite) -> None:
    spec = REGISTRY.spec("injection", {"type": "residual_refinement", **settings})
    assert ResidualRefinement.first_write(spec) == first


def test_an_unsquashed_first_gate_is_refused_where_a_forget_erases_with_it() -> None:
    with pytest.raises(SpecError, match="the first strength of 'residual_refinement', which has"):
        REGISTRY.spec("mixer", {"type": "prism", "gate": "none"})
    REGISTRY.spec("mixer", {"type": "prism", "gate": "none", "forget": "head_decay"})


@pytest.mark.parametrize(
    ("settings", "dims", "message"),
    [
        ({}, Dims(Place(12), 3, 4, 5), r"heads \* value_size \(3 \* 5\) must be the width 12"),
        ({"swapped": True}, Dims(Place(12), 3, 5, 4), r"heads \* key_size \(3 \* 5\) must be"),
        ({"swapped": True}, Dims(Place(12), 3, 4, 4, 1), r"as many key heads \(1\) as heads"),
        ({"value": None}, DIMS, "value: null takes what a write before it has"),
        ({"keys": {"of": "base"}}, DIMS, r"keys\.of takes what a write before it has"),
        ({"keys": {"of": "base_first"}}, DIMS, r"put it into \{type: concatenated"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], dims: Dims, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        injection(dims, **settings)


def test_every_ablation_of_table_3_differs_from_prism_in_one_axis() -> None:
    full = REGISTRY.spec("mixer", "prism").model_dump()
    for name, (section, key, value) in {
        "prism-depth1": ("injection", "depth", 1),
        "prism-linear": ("injection", "activation", {"type": "identity"}),
        "prism-constant-gain": ("injection", "gain", {"type": "constant", "value": 1.0}),
    }.items():
        ablated = REGISTRY.spec("mixer", name).model_dump()
        assert ablated[section].pop(key) == value
        expected = {**full, section: {k: v for k, v in full[section].items() if k != key}}
        assert ablated == expected
    ablated = REGISTRY.spec("mixer", "prism-no-anchor").model_dump()
    assert ablated == {**full, "anchor": {"type": "identity"}}


@pytest.mark.parametrize("gain", REGISTRY.names("predictor"))
@pytest.mark.parametrize(
    "check",
    [check for check in MIXER_CHECKS if "compile" not in check.__name__],  # as each one's own graph
    ids=lambda check: check.__name__,
)
def test_every_predictor_serves_as_gain(gain: str, check) -> None:
    check(MixerCase({"type": "prism", "gain": gain}, REGISTRY))


@pytest.mark.parametrize("forget", list(REGISTRY.names("forget")))
def test_any_forget_goes_with_it_or_says_what_it_needs(forget: str) -> None:
    case = MixerCase({"type": "prism", "forget": forget}, REGISTRY)
    try:
        case.build()
    except SpecError:
        with pytest.raises(SpecError, match=rf"'{forget}' .*injection"):
            case.build()
        return
    for check in MIXER_CHECKS:
        if check.__name__ in ("is_causal", "steps_agree", "scans_agree"):
            check(case)


def test_swapped_steps_take_only_what_has_one_size_for_keys_and_values() -> None:
    swapped = {"residual": "value", "swapped": True, "value": None}
    spec = {"type": "concatenated", "then": {"type": "residual_refinement", **swapped}}
    sizes = {"type": "recurrent", "heads": 2, "value_size": 8, "injection": spec}
    with pytest.raises(SpecError, match="key_size 4 is not value_size 8; make them equal"):
        seqzoo.build_mixer({**sizes, "key_size": 4}, 16)
    mixer = seqzoo.build_mixer({**sizes, "key_size": 8}, 16)
    assert mixer(torch.zeros(1, 3, 16))[0].shape == (1, 3, 16)
