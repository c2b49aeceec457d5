"""What a change of playbooks would do at the accounts, told before it is done."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Entry, Library, Pause, Rules
from services.playbooks.core.standing import Standing, standing
from services.playbooks.core.touched import Edit, Touched, Touching
from services.playbooks.files import read_people
from shared.files.templates import render
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, a_playbook, an_assessment

WHEN = "id: stalled\nwhen: usage.breadth < {} %\nsteps: [alert: Hi]\n"
OLD, NEW = a_playbook(WHEN.format(20)), a_playbook(WHEN.format(40))
PEOPLE = read_people("csms: [{id: ana, name: Ana, email: ana@example.com}]", "csms.yaml")


def an_account(id: str = "a", facts: dict[str, Any] | None = None, **others: Any) -> Standing:
    assessed = an_assessment(1, MONDAY, {"account.owner": "ana@example.com", **(LOW if facts is None else facts)})
    return msgspec.structs.replace(standing(id, assessed), **others)


def touching(edit: Edit, *busy: str, pauses: tuple[Pause, ...] = ()) -> Touching:
    entries = [Entry(edit.after, "")] if edit.after is not None else []
    rules = Rules(Library(entries, pauses), PEOPLE, render)
    return Touching({"stalled": edit}, rules, {(account, "stalled") for account in busy}, (), MONDAY + DAY)


def told(edit: Edit, *accounts: Standing, busy: tuple[str, ...] = (), pauses: tuple[Pause, ...] = ()) -> Touched:
    counted = touching(edit, *busy, pauses=pauses)
    for one in accounts:
        counted.show(one)
    return counted.of("stalled")


def test_what_holds_by_the_new_text_is_found_where_nothing_of_it_is_open() -> None:
    accounts = [an_account("a"), an_account("b"), an_account("c", HIGH), an_account("d", {"usage.breadth": 10.0})]
    assert told(Edit(OLD, NEW), *accounts, busy=("b", "d")) == Touched(4, 3, 1, 1)
    assert told(Edit(None, NEW), *accounts) == Touched(4, 3, 0, 3)
    assert told(Edit(OLD, None), *accounts) == Touched(0, 0, 1, 0)


@pytest.mark.parametrize(
    ("after", "account"),
    [
        (OLD, an_account(facts={"usage.breadth": 10.0})),
        (NEW, an_account(quiet=True)),
        (NEW, an_account(facts={**LOW, "account.churned": True})),
        (NEW, an_account(facts={})),
        (a_playbook(WHEN.format(40) + "exit_when: account.seats > 5"), an_account(facts={**LOW, "account.seats": 9})),
        (a_playbook("id: stalled\non_event: feedback.nps\nwhen: event.score < 7\nsteps: [alert: Hi]"), an_account()),
    ],
    ids=["the same text", "an import is open", "left", "not known", "exits at once", "of an event"],
)
def test_nothing_is_found(after: Playbook, account: Standing) -> None:
    assert told(Edit(OLD, after), account).found == 0


def test_what_is_paused_is_found_only_when_it_goes_on() -> None:
    pause = Pause("stalled", MONDAY, None, "We are looking into it", "ana")
    assert told(Edit(OLD, NEW), an_account(), pauses=(pause,)) == Touched(1, 1, 0, 0)


def test_an_owner_gets_a_list_and_of_many_accounts_several() -> None:
    counted = touching(Edit(OLD, NEW))
    for number in range(150):
        counted.show(an_account(str(number)))
    for number in range(3):
        counted.show(an_account(f"x-{number}", {**LOW, "account.owner": "gone@example.com"}))
    assert counted.lists() == {"ana": (2, 150), "": (1, 3)}
    assert counted.lists(share=0.5) == {"ana": (3, 300), "": (1, 6)}
    assert counted.of("stalled", share=0.5).found == 306


def test_in_shadow_nobody_hears_of_it() -> None:
    counted = touching(Edit(OLD, a_playbook(WHEN.format(40) + "mode: shadow")))
    counted.show(an_account())
    assert (counted.of("stalled").found, counted.lists()) == (1, {})


def test_of_accounts_that_are_held_out_nobody_hears() -> None:
    text = "id: stalled\nwhen: usage.breadth < 40 %\nholdout: 50 %\nsteps: [{message: tips, to: champion}]"
    held = a_playbook(text)
    ids = [f"a{number}" for number in range(40)]
    counted = touching(Edit(None, held))
    for id in ids:
        counted.show(an_account(id))
    reached = sum(not is_held_out(held, id) for id in ids)
    assert 0 < reached < 40
    assert counted.lists() == {"ana": (1, reached)}


def test_time_counts_as_of_now() -> None:
    late = a_playbook("id: stalled\nwhen: days_since account.signed_at >= 14 days\nsteps: [alert: Hi]")
    account = an_account(facts={"account.signed_at": (MONDAY - timedelta(days=13, hours=12)).isoformat()})
    assert told(Edit(None, late), account).holds == 1
