"""What would come of a playbook if nothing else happened is what comes when nothing else happens."""

from datetime import datetime
from typing import Any, Final

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from services.playbooks.core.assignment import Load
from services.playbooks.core.glance import glance
from services.playbooks.core.outlook import SOON, outlook
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rehearsal import Rehearsed, alone, rehearse, whom_told, would_ask
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.standing import Standing, standing
from services.playbooks.core.work import Work
from services.playbooks.files import load_playbook, read_people
from shared.files.templates import render
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, a_look, a_playbook, an_assessment, stalled

PEOPLE: Final = read_people(
    "csms: [{id: own, name: Owner, email: owner@example.com, manager: lead, time_zone: Europe/Berlin, "
    "hours: 09:00-17:00}, "
    "{id: lead, name: Lead, email: lead@example.com}]",
    "csms.yaml",
)


def rules_of(text: str) -> Rules:
    return Rules(Library((load_playbook(text, "test.yaml"),)), PEOPLE, render)


def stands(facts: dict[str, Any], **others: Any) -> Standing:
    return standing("northwind", an_assessment(1, MONDAY, facts, **others))


def said(playbook: Playbook, facts: dict[str, Any], **others: Any) -> tuple[str, datetime | None]:
    found = outlook(playbook, a_look(facts, MONDAY, **others))
    assert found.words
    return found.state, found.at


def test_it_fires_now_is_held_or_time_alone_makes_it_fire() -> None:
    assert said(stalled(), LOW) == ("now", MONDAY)
    assert said(stalled(held_for="20d"), LOW) == ("held", MONDAY + 20 * DAY)
    signed = {"account.signed_at": (MONDAY - 27 * DAY).isoformat()}
    silent = a_playbook("id: p\nwhen: days_since account.signed_at >= 30\nsteps: [alert: Hi]")
    assert said(silent, signed) == ("by_time", MONDAY + 3 * DAY)
    later = a_playbook("id: p\nwhen: days_since account.signed_at >= 60\nsteps: [alert: Hi]")
    assert said(later, signed) == ("false", None), "in more than seven days"
    assert outlook(later, a_look(signed, MONDAY), 40 * DAY).at == MONDAY + 33 * DAY


def test_nothing_is_to_come_and_why() -> None:
    scoped = a_playbook("id: p\nfor_accounts: account.plan == pro\nwhen: usage.breadth < 40 %\nsteps: [alert: Hi]")
    exits = a_playbook("id: p\nwhen: usage.breadth < 40 %\nexit_when: support.open > 3\nsteps: [alert: Hi]")
    called = a_playbook("id: p\non_event: feedback.nps\nwhen: event.score <= 6\nsteps: [task: Call]")
    assert said(stalled(), HIGH) == ("false", None)
    assert said(stalled(), {}) == ("unknown", None)
    assert said(scoped, {**LOW, "account.plan": "free"}) == ("not_for_account", None)
    assert said(exits, {**LOW, "support.open": 5}) == ("false", None)
    assert said(stalled(), LOW, quiet=True) == ("importing", None)
    assert said(stalled(), {**LOW, "account.churned": True}) == ("gone", None)
    assert said(stalled(), LOW, interrupted=["usage"]) == ("unknown", None)
    assert said(called, LOW) == ("event", None)
    assert said(stalled(), LOW, muted="a fair") == ("muted", None)


FACTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "usage.breadth": st.sampled_from([25.0, 75.0]),
        "support.open": st.sampled_from([0, 5]),
        "account.signed_at": st.sampled_from([(MONDAY - day * DAY).isoformat() for day in (1, 5, 20, 29)]),
        "account.renews_at": st.sampled_from([(MONDAY + day * DAY).isoformat() for day in (2, 6, 40)]),
        "account.churned": st.just(True),
    },
)
TEXTS: Final = [
    "id: p\nwhen: usage.breadth < 40 %\nsteps: [{task: Call}]",
    "id: p\nwhen: usage.breadth < 40 %\nheld_for: 3d\nsteps: [{task: Call}]",
    "id: p\nwhen: days_since account.signed_at >= 7\nsteps: [{alert: Hi}]",
    "id: p\nwhen: [days_since account.signed_at >= 21, days_until account.renews_at <= 5]\nsteps: [{alert: Hi}]",
    "id: p\nfor_accounts: days_since account.signed_at < 25\nwhen: usage.breadth < 40 %\nheld_for: 2 business days\n"
    "steps: [{alert: Hi}]",
    "id: p\nwhen: days_since account.signed_at >= 6\nheld_for: 30h\nexit_when: support.open > 3\nsteps: [{flag: Sell}]",
]


@given(st.sampled_from(TEXTS), FACTS)
def test_what_is_foretold_is_what_comes_when_nothing_happens(text: str, facts: dict[str, Any]) -> None:
    rules = rules_of(text)
    one = stands(facts)
    found = outlook(rules.library.loaded[0].playbook, glance(rules, (), one, "now", "test"))
    event(found.state)
    fired = _first_firing(rules, facts, MONDAY + (found.at - MONDAY if found.at is not None else SOON))
    assert fired == found.at


def _first_firing(rules: Rules, facts: dict[str, Any], until: datetime) -> datetime | None:
    """When it fires in earnest: an assessment comes, and then timers alone."""
    work = Work(rules, (), ())
    work.assess("northwind", an_assessment(1, MONDAY, facts), {})
    while True:
        fired = [one.fired_at for one in work.changes.episodes.values() if one.fired_at is not None]
        at = work.standings["northwind"].look_at
        if fired or at is None or at > until:
            return fired[0] if fired else None
        work.time("northwind", at)


STEPS: Final = """
id: p
when: usage.breadth < 40 %
steps:
  - {id: call, task: "Call {{ account.name }}", due: 1 business day, severity: high}
  - {after: 3d, alert: Look again, assign: [manager], severity: low}
  - if: support.open > 3
    then: [{alert: Many}]
    else: [{alert: Few}]
  - {after_end_of: call, survey: adoption, ask: [admin]}
  - flag: Sell
  - {trait: {watched: true}}
"""


def rehearsed(facts: dict[str, Any], at: datetime = MONDAY) -> list[Rehearsed]:
    rules, one = rules_of(STEPS), stands({**facts, "account.owner": "owner@example.com", "health.band": "red"})
    look = glance(rules, (), one, "now", "test")
    return rehearse(rules.library.loaded[0].playbook, one, look, rules, {"own": Load()}, at)


def test_each_step_is_told_with_when_on_their_clock_to_whom_and_why() -> None:
    call, again, way, many, few, *others = rehearsed(LOW)
    assert (call.title, call.to, call.because) == (
        "Call Northwind",
        "Owner <owner@example.com>",
        "owner of the account",
    )
    assert "11:00 Berlin time" in call.when
    assert call.due_at == MONDAY + DAY
    assert (again.to, again.at) == ("Lead <lead@example.com>", MONDAY + 3 * DAY)
    assert again.brought_at is not None
    assert again.brought_at > MONDAY + 3 * DAY, "what weighs little waits for the digest"
    assert (way.kind, way.title, way.to) == ("if", "support.open > 3 tickets", None)
    assert (many.when, few.when) == ("after step 3: if that is so", "after step 3: if it is not")
    assert [one.at for one in (many, few)] == [None, None]
    survey, flag, trait = others[-3:]
    assert survey.when == "after the end of task 1"
    assert flag.held_back == "the account's health is red"
    assert (trait.kind, trait.title) == ("trait", "watched: True")


@pytest.mark.parametrize("shadow", [False, True])
def test_what_would_be_asked_for_is_what_is_asked_for_in_earnest(shadow: bool) -> None:
    text = STEPS.replace("id: p\n", "id: p\nmode: shadow\n") if shadow else STEPS
    rules = rules_of(text)
    one = stands({**LOW, "account.owner": "owner@example.com", "health.band": "green"})
    tried = alone(rules, rules.library.loaded[0])
    before = msgspec.msgpack.encode(one)
    asked, loads = would_ask(tried, one, [], {"own": Load(), "lead": Load()}, MONDAY + HOUR)
    assert whom_told(asked) == ["Owner", "Owner"]
    assert {one.kind for one in asked} == {"task", "flag"}
    assert loads["own"].open_tasks == 1
    assert msgspec.msgpack.encode(one) == before
