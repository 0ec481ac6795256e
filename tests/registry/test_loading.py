"""Entry points of real, if throwaway, distributions: each loaded alone, the broken set aside."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqzoo.errors import PluginError, SpecError
from seqzoo.registry import Registry, load_registry

GOOD = """
from seqzoo import hookimpl
from seqzoo.operators import Anchor
from seqzoo.spec import Preset

class {title}Anchor(Anchor):
    '''{title}, for tests.'''
    name = "{name}"
    def forward(self, x, state=None):
        return x, state

@hookimpl
def register_parts(register):
    register({title}Anchor)
"""

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution `seqzoo-NAME` 1.2 with one module on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def install(name: str, source: str) -> None:
        module = f"toy_{name}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"seqzoo_{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: seqzoo-{name}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[seqzoo]\n{name} = {module}\n")
        importlib.invalidate_caches()

    yield install
    for module in modules:
        sys.modules.pop(module, None)


def good(name: str) -> str:
    return GOOD.format(name=name, title=name.title())


def load(*names: str) -> Registry:
    """The registry of the built-ins and these installed plugins alone."""
    points = importlib.metadata.entry_points(group="seqzoo")
    return load_registry([point for point in points if point.name in names])


def broken(registry: Registry) -> str:
    (only,) = registry.broken
    return str(only)


def test_a_good_plugin_is_found_by_its_entry_point(install: Install) -> None:
    install("mint", good("mint"))
    entry = load_registry().get("anchor", "mint")
    assert entry is not None
    assert entry.doc == "Mint, for tests."
    assert str(entry.origin) == "seqzoo-mint 1.2"
    assert entry.origin.plugin == "mint"


def test_built_ins_come_from_the_same_hooks() -> None:
    registry = load()
    entry = registry.get("anchor", "identity")
    assert entry is not None
    assert entry.origin.plugin == "builtin"
    assert {"mixer", "task", "optimizer", "scan"} <= set(registry.families())
    assert not registry.broken


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError: invalid syntax (toy_bad.py, line 1)"),
        (
            good("bad").replace(
                "register(BadAnchor)", "register(BadAnchor); raise OSError('no\\nlog')"
            ),
            "OSError: no log",
        ),
        (
            good("bad").replace('name = "bad"', 'name = "Bad Name"'),
            "TypeError: part toy_bad.BadAnchor: name 'Bad Name' must be lower case words joined by "
            "'_' or '-'",
        ),
        (
            good("bad").replace("(Anchor)", "(object)"),
            "PluginError: seqzoo-bad 1.2: toy_bad.BadAnchor is not a part; subclass a family such "
            "as seqzoo.operators.Anchor and give it a name",
        ),
        (
            good("bad").replace("def register_parts", "def register_tasks"),
            "PluginError: seqzoo-bad 1.2: register_tasks takes parts of family 'task', not <class "
            "'toy_bad.BadAnchor'>; use register_parts for other families",
        ),
        (
            good("bad").replace("def register_parts(register)", "def register_parts(registry)"),
            "PluginValidationError: Plugin 'bad' for hook 'register_parts' hookimpl definition: "
            "register_parts(registry) Argument(s) {'registry'} are declared in the hookimpl but "
            "can not be found in the hookspec",
        ),
    ],
    ids=["import", "exit", "syntax", "hook", "name", "no-part", "wrong-hook", "signature"],
)
def test_a_broken_plugin_is_set_aside_and_the_next_one_works(
    install: Install, source: str, error: str
) -> None:
    install("bad", source)
    install("mint", good("mint"))
    registry = load("bad", "mint")
    assert registry.get("anchor", "mint") is not None
    assert registry.get("anchor", "bad") is None
    assert broken(registry) == f"plugin 'bad' (seqzoo-bad 1.2) could not be loaded: {error}"
    assert registry.broken[0].traceback.startswith("Traceback")


def test_a_broken_plugin_is_an_error_only_where_its_part_is_asked_for(install: Install) -> None:
    install("bad", "import no_such_module")
    registry = load("bad")
    assert registry.spec("anchor", "identity").part.name == "identity"
    with pytest.raises(SpecError) as failure:
        registry.spec("mixer", {"type": "recurrent", "anchor": "bad"})
    assert str(failure.value).startswith(
        "anchor: unknown anchor 'bad', and plugin 'bad' (seqzoo-bad"
    )
    assert str(failure.value).endswith("repair or uninstall the plugin")


def test_two_distributions_with_one_name_are_both_named(install: Install) -> None:
    install("mint", good("mint"))
    install("other", good("mint"))
    with pytest.raises(PluginError) as failure:
        load("mint", "other")
    assert "two parts named anchor 'mint': one from seqzoo-mint 1.2" in str(failure.value)
    assert "one from seqzoo-other 1.2 (plugin 'other')" in str(failure.value)


def test_a_plugin_cannot_take_a_built_in_name(install: Install) -> None:
    install("mint", good("mint").replace('name = "mint"', 'name = "ema"'))
    with pytest.raises(
        PluginError, match=r"anchor 'ema': one from seqzoo .*, one from seqzoo-mint"
    ):
        load("mint")


def test_a_misspelt_hook_is_an_error_with_the_nearest_name(install: Install) -> None:
    install("mint", good("mint").replace("def register_parts", "def register_part"))
    with pytest.raises(PluginError) as failure:
        load("mint")
    assert str(failure.value) == (
        "plugin 'mint' (seqzoo-mint 1.2) implements a hook 'register_part' that does not exist; "
        "did you mean 'register_parts'? (all hooks: seqzoo/registry/hookspecs.py)"
    )


def test_a_hook_without_its_mark_is_told(install: Install) -> None:
    install("mint", good("mint").replace("@hookimpl\n", ""))
    (broken,) = load("mint").broken
    assert "register_parts is not marked as a hook; put @seqzoo.hookimpl above it" in str(broken)


def test_a_plugin_may_register_nothing(install: Install) -> None:
    install("mint", '"""Nothing yet."""')
    assert not load("mint").broken


def test_presets_come_from_files(install: Install, tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "slow.yaml").write_text("doc: Slow.\nfamily: anchor\nspec: {type: ema}\n")
    hook = f"""
from pathlib import Path
from seqzoo import hookimpl

@hookimpl
def register_presets(register):
    register(Path({str(folder)!r}))
"""
    install("mint", hook)
    registry = load("mint")
    assert registry.spec("anchor", "slow").part.name == "ema"
    (folder / "fast.yaml").write_text("dok: Fast.\nspec: {tipe: ema}\n")
    assert "fast.yaml:1:1 dok: unknown key 'dok'" in broken(load("mint"))
