"""How a new or changed playbook meets accounts to which nothing happens: the pace, and what is found so."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.playbooks.core.episode import Episode
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.starting import start
from services.playbooks.core.sweep import introduce, pace
from services.playbooks.core.work import Work
from services.playbooks.files import load_playbook, read_people
from shared.files.templates import render
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, SECOND, an_assessment

TRIAL = "id: trial\nwhen: days_since account.signed_at >= 30\nsteps: [alert: A month]"
STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [alert: Few]"


def rules(*texts: str) -> Rules:
    return Rules(
        Library([load_playbook(text, "x.yaml") for text in texts]), read_people("csms: []", "csms.yaml"), render
    )


def known(facts: dict[str, Any], at: datetime, *texts: str) -> Standing:
    """An account as it stood after its last assessment."""
    work = Work(rules(*texts), (), ())
    work.assess("northwind", an_assessment(1, at, facts), {})
    return work.changes.standings["northwind"]


def introduced(stands: Standing, at: datetime, *texts: str, adopted_at: datetime = MONDAY) -> list[Episode]:
    work = Work(rules(*texts), [stands], (), adopted_at=adopted_at)
    introduce(work, "northwind", at)
    return list(work.changes.episodes.values())


@pytest.mark.parametrize("accounts", [0, 1, 20, 1_000, 100_000, 5_000_000])
def test_a_sweep_ends_within_the_hour_and_small_ones_at_once(accounts: int) -> None:
    assert accounts * pace(accounts) <= min(timedelta(minutes=45), accounts * timedelta(milliseconds=50))


def test_what_holds_is_found_so() -> None:
    (found,) = introduced(known(LOW, MONDAY - 300 * DAY), MONDAY + HOUR, STALLED)
    assert (found.state, found.found_in) == ("found", f"playbook stalled@{found.version}")


def test_who_has_met_them_all_is_not_looked_at() -> None:
    work = Work(rules(STALLED), [known(HIGH, MONDAY - DAY, STALLED)], (), adopted_at=MONDAY)
    introduce(work, "northwind", MONDAY)
    assert not work.changes.standings


def test_who_has_gone_meets_nothing() -> None:
    work = Work(rules(), [known(LOW, MONDAY - DAY)], ())
    work.assess("northwind", an_assessment(2, MONDAY - HOUR, LOW, gone="erased"), {})
    assert introduced(work.changes.standings["northwind"], MONDAY, STALLED) == []


def test_nobody_starts_anything_at_who_has_gone() -> None:
    work = Work(rules(STALLED), [known(LOW, MONDAY - DAY)], ())
    work.assess("northwind", an_assessment(2, MONDAY - HOUR, LOW, gone="erased"), {})
    stalled = work.rules.library.current["stalled"]
    assert work.on_playbook("northwind", stalled, lambda look: start(stalled, None, look, "ana"), "ana", MONDAY) is None
    assert not work.errands


@pytest.mark.parametrize(("days", "state"), [(31, "found"), (30, "found"), (29.99, "active"), (20, None)])
def test_what_time_made_true_before_it_was_in_force_is_found_and_what_it_made_true_since_fires(
    days: float, state: str | None
) -> None:
    signed = MONDAY - days * DAY
    met = introduced(known({"account.signed_at": signed.isoformat()}, signed), MONDAY + HOUR, TRIAL)
    assert [one.state for one in met] == ([state] if state else [])


def test_what_has_not_held_yet_is_looked_for_from_then_on() -> None:
    signed = MONDAY - 20 * DAY
    work = Work(rules(TRIAL), [known({"account.signed_at": signed.isoformat()}, signed)], (), adopted_at=MONDAY)
    introduce(work, "northwind", MONDAY + SECOND)
    assert work.changes.timers == {"account:northwind": signed + 30 * DAY}
    assert work.changes.standings["northwind"].look_at == signed + 30 * DAY


def test_sets_of_the_same_playbooks_are_the_same() -> None:
    assert rules(TRIAL, STALLED).library.digest == rules(STALLED, TRIAL).library.digest
    assert rules(TRIAL).library.digest != rules(TRIAL, STALLED).library.digest
    assert rules(TRIAL).library.digest != rules(TRIAL.replace("30", "31")).library.digest


def test_what_time_makes_true_before_an_account_has_its_turn_fires_as_of_then() -> None:
    stands = known({"account.signed_at": (MONDAY - 30 * DAY + HOUR).isoformat()}, MONDAY - DAY, STALLED)
    (episode,) = introduced(stands, MONDAY + 2 * HOUR, STALLED, TRIAL)
    assert (episode.state, episode.fired_at) == ("active", MONDAY + HOUR)


def test_what_has_not_fired_ends_as_of_when_its_playbook_went_whenever_the_account_meets_that() -> None:
    before = rules("id: held\nwhen: usage.breadth < 40 %\nheld_for: 2d\nsteps: [alert: Few]")
    held = Work(before, (), ())
    held.assess("northwind", an_assessment(1, MONDAY, LOW), {})
    for at in (MONDAY + 2 * HOUR, MONDAY + 5 * DAY):
        after, pending = rules(STALLED), held.changes.episodes.values()
        for playbook, version in after.library.missing(pending):
            after.library.add(playbook, version, before.library.current[playbook])
        work = Work(after, held.changes.standings.values(), pending, adopted_at=MONDAY + HOUR)
        introduce(work, "northwind", at)
        ended = [(move.after, move.at) for move in work.changes.moves if move.before == "pending"]
        assert ended == [("idle", MONDAY + HOUR)]


def test_what_holds_for_a_changed_rule_when_its_old_version_ends_is_found_so_though_it_rests() -> None:
    text = "id: x\nwhen: {}\nrepeat: {{after: 2d}}\nsteps: [alert: Hi]"
    office = Office(text.format("usage.breadth < 40 %"))
    office.assess(MONDAY, LOW)
    office.adopt(text.format("usage.breadth > 60 %"))
    assert office.assess(MONDAY + HOUR, HIGH) == []
    assert office.wait(MONDAY + 9 * DAY) == []
    assert [one.state for one in office.episodes.values()] == ["found"]


@pytest.mark.parametrize("is_over", [True, False])
def test_what_an_old_version_waits_for_has_passed_when_the_one_in_force_says_so(is_over: bool) -> None:
    office = Office("id: x\nwhen: support.open >= 2\nexit_when: usage.breadth > 60 %\nsteps: [alert: Hi]")
    office.assess(MONDAY, {**LOW, "support.open": 3})
    if is_over:
        office.assess(MONDAY + HOUR, {**HIGH, "support.open": 3})
    office.adopt("id: x\nwhen: usage.breadth < 40 %\nsteps: [alert: Low]")
    if not is_over:
        office.assess(MONDAY + HOUR, {**HIGH, "support.open": 3})
    assert len(office.assess(MONDAY + 2 * HOUR, {**LOW, "support.open": 3})) == 1
