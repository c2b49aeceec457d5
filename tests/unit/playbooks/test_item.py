"""Tasks, alerts and flags are machines: every state meets every event, and is moved as its table says or refused."""

from typing import Any, get_args, get_origin, get_type_hints

import pytest

from services.playbooks.api import listings
from services.playbooks.core.item import MOVES, OPEN, Item, NotPossible
from services.playbooks.files import StepFile
from shared.messages.actions import KINDS, AccountCard, ActionRequested
from tests.support.playbooks import MONDAY


def states(kind: str) -> tuple[str, ...]:
    """Those that its list can be asked for."""
    (listing,) = [one for one in listings.LISTS if one.name == kind]
    wanted = get_args(get_type_hints(listing.filters)["state"])[0]
    return get_args(get_args(wanted)[0] if get_origin(wanted) is list else wanted)


STATES = {kind: states(kind) for kind in MOVES}
EVENTS = {kind: sorted({event for _, event in moves}) for kind, moves in MOVES.items()}


def an_item(kind: Any, state: str) -> Item:
    told = ActionRequested(
        action_id="act_1",
        kind=kind,
        playbook="stalled@1",
        playbook_title="Stalled",
        episode_id="ep_1",
        step=0,
        title="Look",
        account=AccountCard(id="northwind", name="Northwind"),
    )
    return Item("act_1", "act_1", kind, "northwind", "ep_1", "stalled", state, None, "", MONDAY, None, None, told)


@pytest.mark.parametrize(
    ("kind", "state", "event"),
    [(kind, state, event) for kind in MOVES for state in STATES[kind] for event in EVENTS[kind]],
)
def test_every_event_moves_every_state_as_the_table_says_or_is_refused(kind: str, state: str, event: str) -> None:
    item = an_item(kind, state)
    after = MOVES[kind].get((state, event))
    if after is None:
        with pytest.raises(NotPossible, match=f"^The {kind} is {state.replace('_', ' ')}; it can't be "):
            item.moved(event, note="so")
        return
    assert item.moved(event, note="so") == item._replace(state=after, note="so")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for_ended_and_listed(kind: str) -> None:
    assert kind in StepFile.model_fields
    assert ("open", "close") in MOVES[kind]
    assert [kind] == [listing.name for listing in listings.LISTS if listing.name == kind]


@pytest.mark.parametrize("kind", MOVES)
def test_what_is_closed_stays_closed_and_nobody_sees_a_state_that_the_table_lacks(kind: str) -> None:
    assert {state for (before, _), after in MOVES[kind].items() for state in (before, after)} == set(STATES[kind])
    moves = {move: after for move, after in MOVES[kind].items() if move[1] != "reopen"}
    assert {after for (before, _), after in moves.items() if before not in OPEN} <= set(STATES[kind]) - OPEN
    for (before, _), after in moves.items():
        assert before in OPEN or after == before


def test_what_people_can_ask_for_is_in_the_machines() -> None:
    for listing in listings.LISTS:
        if listing.name in MOVES:
            assert {way.path for way in listing.moves} <= set(EVENTS[listing.name])
