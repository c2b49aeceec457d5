"""A playbook on recorded days: when it would have fired, whom it would have disturbed, and how well it warns."""

from datetime import date, datetime
from typing import Any, Final

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from services.playbooks.core.backtest import Firing, Life, Sent, Trial, end_of
from services.playbooks.core.days import GONE, QUIET
from services.playbooks.core.episode import Episode
from services.playbooks.core.judged import Tally
from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.step import step
from services.playbooks.files import read_people
from shared.files.templates import render
from shared.messages.registry import COMPANY
from tests.support.days import a_past
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, a_playbook, stalled

FIRST: Final = MONDAY.date()
OWNED: Final = {"account.owner": "ana@example.com"}
RULES: Final = Rules(
    Library(()), read_people("csms: [{id: ana, name: Ana, email: ana@example.com}]", "csms.yaml"), render
)


def lived(playbook: Playbook, ends: dict[int, dict[str, Any]], days: int = 60) -> Life:
    """What comes of an account whose facts are these from so many days after Monday on."""
    past = a_past("northwind", {FIRST + number * DAY: {**OWNED, **facts} for number, facts in ends.items()})
    return Trial(playbook, RULES, FIRST, FIRST + days * DAY).life(past)


def fired(life: Life) -> list[int]:
    return [(one.at.date() - FIRST).days for one in life.firings]


def test_it_fires_at_the_end_of_the_day_on_which_it_came_to_hold() -> None:
    life = lived(stalled(), {0: HIGH, 3: LOW, 5: HIGH, 9: LOW})
    assert fired(life) == [3, 9]
    assert life.firings[0].reasons == ("usage breadth is 25 %, under 40 %",)
    assert [(one.to, one.day) for one in life.sent] == [("Ana", FIRST + 3 * DAY), ("Ana", FIRST + 9 * DAY)]


def test_what_holds_at_the_first_look_is_found_so_and_so_is_what_an_import_brought() -> None:
    life = lived(
        stalled(), {0: LOW, 3: HIGH, 5: {**HIGH, QUIET: True}, 6: {**LOW, QUIET: True}, 7: LOW, 8: HIGH, 9: LOW}
    )
    assert (life.found, fired(life)) == (True, [9])


def test_time_alone_fires_on_its_day_and_held_for_and_repeat_count_as_in_earnest() -> None:
    signed = {"account.signed_at": MONDAY.isoformat()}
    silent = a_playbook("id: p\nwhen: days_since account.signed_at >= 14\nsteps: [alert: Hi]")
    assert [one.at for one in lived(silent, {0: signed}).firings] == [MONDAY + 14 * DAY]
    assert fired(lived(stalled(held_for="7d"), {0: HIGH, 3: LOW, 8: HIGH, 20: LOW})) == [27]
    assert fired(lived(stalled(repeat="{after: 10d}"), {0: HIGH, 3: LOW, 5: HIGH, 6: LOW})) == [3, 15]


def test_an_alert_and_a_task_are_one_message_and_what_comes_later_another() -> None:
    playbook = stalled(
        steps="  - task: Call\n  - alert: Look\n  - {after: 3d, unless: task.done, alert: Nobody called}"
    )
    life = lived(playbook, {0: HIGH, 3: LOW})
    assert [(one.day - FIRST).days for one in life.sent] == [3, 6]


def test_who_left_is_asked_nothing_more_and_who_was_merged_neither() -> None:
    life = lived(stalled(), {0: HIGH, 3: {**LOW, "account.churned": True}, 9: LOW, 12: {**HIGH, GONE: "merged into b"}})
    assert (fired(life), life.left) == ([9], (FIRST + 3 * DAY,))
    assert life.here == ((FIRST, FIRST + 3 * DAY), (FIRST + 9 * DAY, FIRST + 12 * DAY))


def test_the_installation_itself_is_no_customer_who_may_leave() -> None:
    past = a_past(COMPANY, {FIRST: HIGH})
    assert Trial(stalled(), RULES, FIRST, FIRST + 9 * DAY).life(past).here == ()


FACTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "usage.breadth": st.sampled_from([25.0, 75.0]),
        "support.open": st.sampled_from([0, 5]),
        "usage.last_seen_at": st.sampled_from([(MONDAY + day * DAY).isoformat() for day in (0, 5, 11)]),
        "usage.uses": st.integers(0, 3),
        QUIET: st.just(True),
        "account.churned": st.just(True),
    },
)
TEXTS: Final = [
    "id: p\nwhen: usage.breadth < 40 %\nsteps: [{task: Call}, {after: 2d, unless: support.open > 3, alert: Hi}]",
    "id: p\nwhen: usage.breadth < 40 %\nheld_for: 3d\nsteps: [alert: Hi]",
    "id: p\nwhen: usage.breadth < 40 %\nrepeat: {after: 4d, at_most: 2 per 20d}\nsteps: [alert: Hi]",
    "id: p\nwhen: days_since usage.last_seen_at >= 3\nexit_when: support.open > 3\nsteps: [alert: Hi]",
    "id: p\nfor_accounts: support.open < 3\nwhen: usage.breadth < 40 %\nheld_for: 2 business days\nsteps: [flag: Sell]",
    "id: p\nwhen: usage.breadth < 40 %\nsteps: [{until: support.open > 3, within: 3d, else: [alert: Hi]}]",
]


@given(st.sampled_from(TEXTS), st.dictionaries(st.integers(0, 30), FACTS, min_size=1, max_size=8))
@settings(max_examples=150)
def test_who_skips_days_on_which_nothing_concerns_it_decides_as_who_looks_every_day(
    text: str, ends: dict[int, dict[str, Any]]
) -> None:
    playbook = a_playbook(text)
    found = [one.at for one in lived(playbook, ends, 40).firings]
    event(f"{min(len(found), 3)} firings or more")
    assert found == _every_day(playbook, ends, 40)


def _every_day(playbook: Playbook, ends: dict[int, dict[str, Any]], days: int) -> list[datetime]:
    episode: Episode | None = None
    facts: dict[str, Any] | None = None
    timer: datetime | None = None
    fired, met, was_quiet = [], False, False

    def look(at: datetime, known: dict[str, Any]) -> None:
        nonlocal episode, timer, met, was_quiet
        quiet = known.get(QUIET) is True
        found_in = "backtest" if not quiet and (not met or was_quiet) else None
        seen = Look.of("northwind", known, at, occasion=at.isoformat(), quiet=quiet, found_in=found_in)
        stepped = step(playbook, episode, seen)
        episode, timer, was_quiet, met = stepped.episode, stepped.timer, quiet, met or not quiet
        if stepped.fired:
            fired.append(at)

    for number in range(days + 1):
        end = end_of(FIRST + number * DAY)
        if number in ends:
            facts = {**OWNED, **ends[number]}
        elif facts is not None:
            while timer is not None and timer <= end:
                look(timer, facts)
        if facts is not None:
            look(end, facts)
    return fired


def firing(account: str, day: int) -> Firing:
    return Firing(account, account, end_of(FIRST + day * DAY), ("it fell",))


def a_life(account: str, fires: list[int], left: int | None = None, until: int = 365, found: bool = False) -> Life:
    gone = () if left is None else (FIRST + left * DAY,)
    here = ((FIRST, FIRST + (until + 1 if left is None else left) * DAY),)
    sent = tuple(Sent(FIRST + day * DAY, "Ana") for day in fires)
    return Life(account, FIRST, found, tuple(firing(account, day) for day in fires), sent, gone, here)


def judged(*lives: Life, days: int = 365, within: int = 90) -> Any:
    tally = Tally(FIRST, FIRST + days * DAY, within)
    for life in lives:
        tally.add(life)
    return tally.result()


def test_precision_recall_and_lead_beside_how_many_leave_anyway() -> None:
    warned = [a_life(f"w{n}", [100], left=130) for n in range(30)]
    unwarned = [a_life(f"u{n}", [], left=200) for n in range(10)]
    false = [a_life(f"f{n}", [100]) for n in range(20)]
    stayed = [a_life(f"s{n}", []) for n in range(140)]
    found = judged(*warned, *unwarned, *false, *stayed)
    assert (found.accounts, found.firings, found.fired_for) == (200, 50, 50)
    assert (found.warned.precision.number, found.warned.precision.of, found.warned.precision.share) == (30, 50, 60.0)
    # Agresti and Coull: 46.2 to 72.4 for 30 of 50.
    assert (found.warned.precision.low, found.warned.precision.high) == (46.2, 72.4)
    assert (found.warned.recall.number, found.warned.recall.of) == (30, 40)
    assert found.warned.lead_days == 30
    assert 0 < found.warned.base_rate.share < 20
    assert found.words == []


def test_what_is_too_recent_is_not_judged_and_what_fires_again_says_nothing_new() -> None:
    found = judged(a_life("a", [100, 110, 120], left=150), a_life("b", [300]))
    assert (found.warned.precision.number, found.warned.precision.of, found.warned.too_recent) == (1, 1, 1)
    assert found.warned.recall.of == 1
    assert found.warned.precision.share is None
    assert "too few" in found.words[0]


def test_of_who_was_found_so_at_first_nobody_says_whether_it_warned() -> None:
    found = judged(a_life("a", [], left=50, found=True), a_life("b", [40], left=50))
    assert (found.warned.recall.number, found.warned.recall.of, found.warned.left) == (1, 1, 2)


def test_where_nobody_left_nothing_is_said_about_warning() -> None:
    found = judged(a_life("a", [100]))
    assert found.warned is None
    assert "can't be said" in found.words[-1]


def test_a_rule_that_fires_at_random_may_warn_no_better_than_chance() -> None:
    lives = [a_life(f"a{n}", [n * 37 % 250], left=n * 53 % 365 if n % 4 == 0 else None) for n in range(1, 400)]
    assert any("no better than chance" in one for one in judged(*lives).words)


@pytest.mark.parametrize(
    ("day", "monday"), [(date(2026, 3, 8), date(2026, 3, 2)), (date(2026, 3, 9), date(2026, 3, 9))]
)
def test_messages_are_counted_by_person_and_week(day: date, monday: date) -> None:
    number = (day - FIRST).days
    found = judged(a_life("a", [number, number]), days=27)
    assert [(one.monday, one.messages) for one in found.weeks if one.messages] == [(monday, 2)]
    assert [(one.who, one.messages, one.a_week, one.busiest_week) for one in found.people] == [("Ana", 2, 0.5, 2)]
    assert [one.weeks for one in found.people] == [[one.messages for one in found.weeks]]
    assert len(found.weeks) == 4


def test_a_span_that_begins_before_the_first_recorded_day_says_so() -> None:
    life = a_life("a", [])._replace(known_from=FIRST + 30 * DAY)
    assert "recorded from 2026-04-01" in judged(life).words[0]


def test_messages_a_week_are_those_of_the_weeks_that_are_recorded() -> None:
    life = a_life("a", [340, 350, 360, 365])._replace(known_from=FIRST + 338 * DAY)
    assert [(one.messages, one.a_week) for one in judged(life).people] == [(4, 1.0)]


def test_where_no_day_is_recorded_yet_that_is_all_that_is_said() -> None:
    found = judged(a_life("a", [])._replace(known_from=None))
    assert (found.recorded_from, found.accounts, len(found.words)) == (None, 0, 1)
    assert "No day from 2 Mar 2026 to 2 Mar 2027 is recorded" in found.words[0]


def test_what_is_kept_does_not_grow_with_what_fires() -> None:
    many = [a_life(f"a{n:04}", [n % 300]) for n in range(900)]
    found = judged(*many)
    assert len(found.shown) == 500
    assert found.shown[0].day == max(one.at.date() for life in many for one in life.firings)
    assert msgspec.json.encode(found)
