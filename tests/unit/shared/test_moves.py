"""What buttons carry fits into them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.playbooks.core.item import MOVES
from shared.messages.actions import Colleague
from shared.messages.moves import LABELS, LONGEST_VALUE, OFFERED, Handle, read_handle


@given(st.text(max_size=400), st.lists(st.text(max_size=60), max_size=25))
def test_a_handle_fits_and_comes_back_as_it_was_but_for_what_is_too_long(title: str, names: list[str]) -> None:
    people = [Colleague(id=f"p{number}", name=name) for number, name in enumerate(names)]
    about = Handle(item_id="act_1", account_id="northwind", kind="task", title=title, to=people)
    value = about.encode()
    assert len(value) <= LONGEST_VALUE
    read = read_handle(value)
    assert (read.item_id, read.account_id, read.kind, read.title) == ("act_1", "northwind", "task", title[:120])
    assert read.to == people[: len(read.to)]
    assert len(read.to) >= min(5, len(people))


@pytest.mark.parametrize("value", ["", "null", "{}", "[1]", '{"item_id": 3}', "not json"])
def test_what_is_none_of_ours_is_told_from_it(value: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_handle(value)


def test_what_is_offered_can_happen() -> None:
    for (kind, state), moves in OFFERED.items():
        for move in moves:
            assert (state, move) in MOVES[kind], (kind, state, move)
            assert move in LABELS
