from seqzoo.registry import Registry


def test_optimizers_and_schedules_are_registered_by_the_public_road(registry: Registry) -> None:
    assert registry.names("optimizer") == ("adamw", "muon")
    assert registry.names("schedule") == ("constant", "cosine", "wsd")
    assert all(entry.doc for entry in registry if entry.family in ("optimizer", "schedule"))
