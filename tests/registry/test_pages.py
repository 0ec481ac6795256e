"""docs/parts is what the registry says."""

from pathlib import Path

import seqzoo
from seqzoo.operators import Anchor
from seqzoo.registry.pages import pages
from seqzoo.registry.registry import Origin
from seqzoo.spec import PartSpec

FOLDER = Path(__file__).parents[2] / "docs" / "parts"
AGAIN = "`python -m seqzoo.registry.pages docs/parts` (or `make parts-pages`) writes them anew"


class Odd(Anchor):
    """u_t = s x_t | no table's bar.

    Source: none.
    """

    name = "odd"

    class Spec(PartSpec):
        """s: a factor | or *none*."""

        s: str = "a|b"

    def __init__(self, spec, dims):
        super().__init__(spec, dims)

    def forward(self, x, stream):
        return x


def test_the_committed_pages_are_current() -> None:
    made = pages(seqzoo.load_registry())
    found = {page.name: page.read_text() for page in FOLDER.glob("*.md")}
    assert sorted(found) == sorted(made), AGAIN
    for name, text in made.items():
        assert found[name] == text, f"docs/parts/{name} is not current: {AGAIN}"


def test_a_part_has_its_text_and_every_key_with_type_default_and_meaning() -> None:
    made = pages(seqzoo.load_registry([]))
    assert "\n## adamw\n" in made["optimizer.md"]
    row = "| `lr` | a number \\> 0 and \\<= 1e+30 | `0.001` | learning rate after warm-up. |"
    assert row in made["optimizer.md"].splitlines()
    assert "| [optimizer](optimizer.md) |" in made["index.md"]


def test_signs_of_a_table_are_escaped() -> None:
    registry = seqzoo.load_registry([])
    registry.add(Odd, Origin("odd [x](y)", "odd", "1"))
    page = pages(registry)["anchor.md"]
    assert "From odd \\[x\\](y)." in page
    assert '| `s` | text | `"a\\|b"` | a factor \\| or \\*none\\*. |' in page


def test_a_part_without_a_constructor_of_its_own_is_made_from_its_spec() -> None:
    made = pages(seqzoo.load_registry([]))
    assert "A class that derives from `seqzoo.tasks.Task` is made by `(spec)`." in made["task.md"]
    assert "`seqzoo.operators.Anchor` is made by `(spec, dims)`." in made["anchor.md"]
    assert not any("args" in line for text in made.values() for line in text.splitlines()[:8])
