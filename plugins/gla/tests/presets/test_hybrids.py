"""Hybrids follow the published patterns. That they build and stream is the conformance kit's."""

import seqzoo

PATTERNS = {
    "kimi-linear": ["kda"] * 3 + ["latent_attention"],
    "qwen3-next": ["gated_deltanet"] * 3 + ["attention"],
    "minimax": ["lightning"] * 7 + ["attention"],
    "griffin": ["rglru"] * 2 + ["attention"],
    "samba": ["mamba1", "attention"],
}


def test_each_is_its_papers_pattern() -> None:
    registry = seqzoo.load_registry()
    here = [each for each in registry if each.origin.plugin == "gla"]
    assert {each.name for each in here if each.family == "layers"} == set(PATTERNS)
    for name, mixers in PATTERNS.items():
        preset = registry.preset("layers", name)
        assert preset is not None
        found = []
        for group in preset.spec.values():
            mixer = group["mixer"]
            found += [mixer if isinstance(mixer, str) else mixer["type"]] * group.get("repeat", 1)
        assert found == mixers
