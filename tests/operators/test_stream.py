"""The stream: what is kept is found again, by its owner alone; positions; what layers hand on."""

import pytest
import torch
from torch import nn

from seqzoo.errors import SpecError
from seqzoo.operators import Carrier, Dims, Handed, Owner, Place, PreviousToken, Stream


class Inner(Carrier):
    pass


class Outer(Carrier, metaclass=Owner):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.rows = nn.ModuleList([Inner(), Inner()])


def test_an_owner_tells_each_carrier_its_path() -> None:
    outer = Outer()
    assert [outer.path, outer.inner.path] == ["", "inner"]
    assert [row.path for row in outer.rows] == ["rows.0", "rows.1"]


def test_what_is_kept_is_found_at_the_next_call() -> None:
    outer = Outer()
    first = Stream(2)
    assert first.past(outer.inner, "x", lambda: None) is None
    first.keep(outer.inner, "x", torch.ones(2, 3))
    first.keep(outer.rows[1], "y", lambda: torch.zeros(2, 1))
    state = first.after()
    assert list(state) == ["inner.x", "rows.1.y"]
    second = Stream(2, state)
    assert torch.equal(second.past(outer.inner, "x", lambda: None), torch.ones(2, 3))
    second.keep(outer.inner, "x", torch.full((2, 3), 2.0, dtype=torch.float64))
    assert second.after()["inner.x"].dtype == torch.float32  # as it was found


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"other": torch.ones(2)}, "the state has no 'inner.x'"),
        ((), "the state has no 'inner.x'"),
        ({"inner.x": torch.ones(3)}, "for 3 sequences and the inputs hold 2"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stream(2, state).past(Outer().inner, "x", lambda: None)


def test_documents_need_a_row() -> None:
    bounds = torch.tensor([0, 1, 4])
    assert Stream.over(torch.zeros(1, 4, 2), None, bounds).sequences == 2
    with pytest.raises(ValueError, match="got 3 rows"):
        Stream.over(torch.zeros(3, 4, 2), None, bounds)
    with pytest.raises(SpecError, match="Inner cannot keep documents apart"):
        Stream.over(torch.zeros(1, 4, 2), None, bounds).single(Inner())
    Stream.over(torch.zeros(3, 4, 2)).single(Inner())


def test_positions_count_on() -> None:
    carrier, x = Inner(), torch.zeros(2, 3, 1)
    stream = Stream.over(x)
    assert stream.positions(carrier, x).tolist() == [[0, 1, 2]] * 2
    again = Stream.over(x, stream.after())
    assert again.positions(carrier, x).tolist() == [[3, 4, 5]] * 2
    row = torch.zeros(1, 6, 1)
    documents = Stream.over(row, {"position": torch.tensor([5, 7, 9])}, torch.tensor([0, 2, 2, 6]))
    assert documents.positions(carrier, row).tolist() == [[5, 6, 9, 10, 11, 12]]
    assert documents.after()["position"].tolist() == [7, 7, 13]


def test_layers_hand_on_what_they_share_and_their_losses_add_up() -> None:
    first = Stream(1)
    assert first.shared("v") is None
    first.share("v", torch.ones(1))
    first.add_loss("balance", torch.tensor(2.0))
    second = Stream(1, handed=first.handed())
    assert torch.equal(second.shared("v"), torch.ones(1))  # pyright: ignore[reportArgumentType]
    second.share("w", torch.zeros(1))
    second.add_loss("balance", torch.tensor(3.0))
    second.add_loss("other", torch.tensor(1.0))
    handed = second.handed()
    assert {name: float(loss) for name, loss in handed.losses.items()} == {
        "balance": 5.0,
        "other": 1.0,
    }
    assert set(handed.shared) == {"v", "w"}
    assert first.handed() == Handed(first.handed().shared, first.handed().losses)
    assert set(first.handed().shared) == {"v"}  # what a later layer adds does not come back


def test_the_previous_token() -> None:
    part = PreviousToken()
    x = torch.arange(1.0, 5.0).view(1, 4, 1)
    stream = Stream.over(x)
    assert part(x, stream).flatten().tolist() == [0, 1, 2, 3]
    again = Stream.over(x, stream.after())
    assert part(x, again).flatten().tolist() == [4, 1, 2, 3]
    bounds = torch.tensor([0, 1, 1, 4])
    past = {"token": torch.tensor([[7.0], [8.0], [9.0]])}
    documents = Stream.over(x, past, bounds)
    assert part(x, documents).flatten().tolist() == [7, 9, 2, 3]
    assert documents.after()["token"].flatten().tolist() == [1, 8, 4]


def test_sizes() -> None:
    assert Dims(Place(8), 4, 2, 2).key_heads == 4
    assert Dims(Place(8), 4, 2, 2, key_heads=2).key_heads == 2
    assert Dims(Place(8), 4, 2, 2).width == 8
    with pytest.raises(ValueError, match="4 heads are not a multiple of 3 key heads"):
        Dims(Place(8), 4, 2, 2, key_heads=3)


def test_a_graph_keeps_a_tree() -> None:
    """What a serial rule carries may be a dict; a graph cannot ask whether it is callable."""
    outer = Outer()

    def call(x: torch.Tensor) -> dict[str, torch.Tensor]:
        stream = Stream(2)
        stream.keep(outer, "state", {"sum": x + 1, "parts": [x, x * 2]})
        return stream.after()["state"]

    torch.compiler.reset()
    found = torch.compile(call, backend="eager", fullgraph=True)(torch.ones(2, 3))
    assert torch.equal(found["sum"], torch.full((2, 3), 2.0))
    assert [part.mean().item() for part in found["parts"]] == [1.0, 2.0]
    torch.compiler.reset()


@pytest.mark.parametrize("bounds", [[0, 3, 7], [0, 3, 12], [0, 7, 3, 10], [1, 3, 10]])
def test_bounds_of_documents_that_do_not_fit_are_refused(bounds: list[int]) -> None:
    with pytest.raises(ValueError, match="start at 0, never fall, and end at T = 10"):
        Stream.over(torch.zeros(1, 10, 4), cu_seqlens=torch.tensor(bounds))


def test_bounds_of_documents_are_whole_numbers() -> None:
    with pytest.raises(ValueError, match=r"must be int32 or int64 of shape \(N \+ 1,\)"):
        Stream.over(torch.zeros(1, 10, 4), cu_seqlens=torch.tensor([0.0, 10.0]))
