"""Traits that playbooks set: what stands already is not set again, and other systems hear of what is."""

from typing import Any

import pytest

from services.playbooks.core.look import OURS
from services.playbooks.core.subscribed import Subscribed
from shared.messages.assessments import Cause
from shared.messages.outward import WEBHOOK_TYPES
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

GILD = "id: gild\nwhen: usage.breadth < 40 %\nsteps: [trait: {plan_tier: gold, segment: smb}]"
GILDED = {"account.traits.plan_tier": "gold", "account.segment": "smb"}
PEOPLE = "csms: [{id: ana, name: Ana, email: ana@example.com}]"


def an_office(*playbooks: str) -> Office:
    made = Office(*playbooks or (GILD,), people=PEOPLE)
    made.rules = made.rules._replace(subscribed=Subscribed(frozenset(WEBHOOK_TYPES) - {"health.changed"}))
    return made


def said(made: Office) -> list[str]:
    return [move.reason for move in made.moves if "plan_tier" in move.reason or "account is" in move.reason]


def set_back(at: Any, **traits: str) -> Cause:
    """Our own event, when scoring has folded it."""
    data = {"traits": traits}
    return Cause(kind="event", source=OURS, id="e", type="account.updated", time=at, data=data)


def test_what_is_set_is_told_with_who_set_it() -> None:
    made = an_office()
    made.assess(MONDAY, LOW)
    (told,) = made.outward
    assert told.type == "traits.set"
    assert told.data["traits"] == {"plan_tier": "gold", "segment": "smb"}
    (episode,) = made.episodes.values()
    assert (told.data["playbook"], told.data["episode_id"]) == (f"gild@{episode.version}", episode.id)
    assert told.data["account"]["id"] == "northwind"


def test_what_stands_already_is_neither_set_nor_told_and_the_history_says_so() -> None:
    made = an_office()
    made.assess(MONDAY, {**LOW, **GILDED})
    assert (made.updated, made.outward) == ([], [])
    assert said(made) == ["plan_tier is gold already; segment is smb already"]


def test_where_one_of_them_is_other_all_are_set() -> None:
    made = an_office()
    made.assess(MONDAY, {**LOW, **GILDED, "account.segment": "key"})
    assert [one.traits for one in made.updated] == [{"plan_tier": "gold", "segment": "smb"}]


def test_an_owner_who_looks_after_it_already_is_not_given_it() -> None:
    made = an_office("id: give\nwhen: usage.breadth < 40 %\nsteps: [assign_owner: [person: ana]]")
    made.assess(MONDAY, {**LOW, "account.owner": "ana@example.com"})
    assert (made.updated, made.outward) == ([], [])
    assert said(made) == ["the account is Ana's already"]


def test_what_is_on_its_way_is_what_counts() -> None:
    silver = GILD.replace("gild", "silver").replace("gold", "silver").replace("< 40 %", "> 90 %")
    made = an_office(GILD, silver)
    was = {"account.traits.plan_tier": "silver", "account.segment": "smb"}
    made.assess(MONDAY, {**LOW, **was})
    # Gold is not back yet, so silver does not stand, whatever the facts say.
    made.assess(MONDAY + HOUR, {"usage.breadth": 95.0, **was})
    assert [one.traits["plan_tier"] for one in made.updated] == ["gold", "silver"]
    made.assess(MONDAY + 2 * HOUR, {**HIGH, **was}, cause=set_back(MONDAY, plan_tier="gold", segment="smb"))
    made.assess(MONDAY + 3 * HOUR, {**HIGH, **was}, cause=set_back(MONDAY, plan_tier="silver", segment="smb"))
    made.assess(MONDAY + DAY, {"usage.breadth": 95.0, **was})
    assert len(made.updated) == 2


@pytest.mark.parametrize("mode", ["mode: shadow", "holdout: 50 %"])
def test_what_only_decides_tells_no_other_system(mode: str) -> None:
    for number in range(12):
        made = an_office(f"{GILD.replace('gild', f'gild-{number}')}\n{mode}")
        made.assess(MONDAY, LOW)
        decided = any(move.reason.startswith(("would", "held out")) for move in made.moves)
        assert bool(made.outward) is not decided


def test_what_names_only_what_was_so_fires_nothing() -> None:
    made = an_office("id: updated\non_event: account.updated\nsteps: [task: Look]")
    made.assess(MONDAY, HIGH)
    made.event(MONDAY + HOUR, "account.updated", traits={})
    assert not made.items
    made.event(MONDAY + 2 * HOUR, "account.updated", traits={"seats": 4})
    assert made.only("task").state == "open"
