"""Entry points of real, if throwaway, distributions: each loaded alone, the broken set aside."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqzoo.errors import SpecError
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
        (
            "import no_such_module",
            "toy_bad.py:1: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("raise SystemExit(3)", "toy_bad.py:1: SystemExit: 3"),
        ("def (", "toy_bad.py:1: SyntaxError: invalid syntax"),
        (
            good("bad").replace(
                "register(BadAnchor)", "register(BadAnchor); raise OSError('no\\nlog')"
            ),
            "toy_bad.py:14: OSError: no log",
        ),
        (
            good("bad").replace('name = "bad"', 'name = "Bad Name"'),
            "toy_bad.py:6: TypeError: part toy_bad.BadAnchor: name 'Bad Name' must be lower case "
            "words joined by '_' or '-'",
        ),
        (
            good("bad").replace("(Anchor)", "(object)"),
            "toy_bad.py:14: toy_bad.BadAnchor is not a part; subclass a family such as "
            "seqzoo.operators.Anchor and give it a name",
        ),
        (
            good("bad").replace("def register_parts", "def register_task"),
            "toy_bad.py:12: there is no hook 'register_task'; did you mean 'register_parts'?",
        ),
        (
            good("bad").replace("@hookimpl\n", ""),
            "toy_bad.py:12: register_parts is not marked as a hook; put @seqzoo.hookimpl above it",
        ),
        (
            good("bad").replace("def forward", "def forwards"),
            "toy_bad.py:6: TypeError: part toy_bad.BadAnchor: lacks what its family requires: "
            "forward (rename forwards?)",
        ),
        (
            good("bad").replace('name = "bad"', 'name = "ema"'),
            "toy_bad.py:14: two parts named anchor 'ema': one from seqzoo VERSION (plugin "
            "'builtin'), one from seqzoo-bad 1.2 (plugin 'bad'); uninstall one of the two, or "
            "have one part renamed",
        ),
        (
            good("bad").replace("def register_parts(register)", "def register_parts(registry)"),
            "PluginValidationError: Plugin 'bad' for hook 'register_parts' hookimpl definition: "
            "register_parts(registry) Argument(s) {'registry'} are declared in the hookimpl but "
            "can not be found in the hookspec",
        ),
    ],
    ids=[
        "import",
        "exit",
        "syntax",
        "hook",
        "name",
        "no-part",
        "misspelt-hook",
        "mark",
        "abstract",
        "clash",
        "signature",
    ],
)
def test_a_broken_plugin_is_set_aside_and_the_next_one_works(
    install: Install, tmp_path: Path, source: str, error: str
) -> None:
    install("bad", source)
    install("mint", good("mint"))
    registry = load("bad", "mint")
    assert registry.get("anchor", "mint") is not None
    assert registry.get("anchor", "bad") is None
    told = broken(registry).replace(f"{tmp_path}/", "")
    error = error.replace("VERSION", importlib.metadata.version("seqzoo"))
    assert told == f"plugin 'bad' (seqzoo-bad 1.2) could not be loaded: {error}"
    assert registry.broken[0].traceback.startswith("Traceback")


def test_the_place_is_the_plugins_where_the_backport_of_metadata_loads_it(install: Install) -> None:
    pytest.importorskip("importlib_metadata")  # which MLflow brings
    install("bad", "raise SystemExit(3)")
    assert "could not be loaded: " in broken(load("bad"))
    assert "toy_bad.py:1: SystemExit: 3" in broken(load("bad"))


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


def test_a_name_that_two_plugins_want_is_an_error_where_it_is_asked_for(install: Install) -> None:
    install("mint", good("mint"))
    install("other", good("mint") + "\n\nclass Own(MintAnchor):\n    name = 'own'\n")
    registry = load("mint", "other")
    assert "two parts named anchor 'mint': one from seqzoo-mint 1.2" in broken(registry)
    assert "one from seqzoo-other 1.2 (plugin 'other')" in broken(registry)
    assert registry.spec("anchor", "ema").part.name == "ema"
    with pytest.raises(SpecError, match=r"two parts named anchor 'mint': .*; uninstall one of"):
        registry.spec("anchor", "mint")


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
