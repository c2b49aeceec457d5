"""The open work of who is away or gone: when it moves, to whom, what comes back, and what their manager hears."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.playbooks.core.directory import Absence, Csm, WhenAbsent
from services.playbooks.core.item import Item, NotPossible
from services.playbooks.core.moved import MovedItem, list_of
from services.playbooks.core.presence import leave_of
from services.playbooks.core.workinghours import Duration, Hours
from services.playbooks.files import read_people
from shared.messages.actions import Severity
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY

CALL = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: Call, assign: owner, severity: SEVERITY, due: 40d}]"
OWNED = {**LOW, "account.owner": "ana@example.com"}
THE_WEEK_AFTER = "[{from: 2026-03-09, to: 2026-03-13}, {from: 2026-03-14, to: 2026-03-15}]"
AWAY = datetime(2026, 3, 9, tzinfo=UTC)
MOVES = datetime(2026, 3, 11, 9, tzinfo=UTC)
BACK = datetime(2026, 3, 16, tzinfo=UTC)


def people(ana: str = f"away: {THE_WEEK_AFTER}", ben: str = "tier: senior", more: str = "") -> str:
    return (
        f"csms:\n  - {{id: ana, name: Ana, email: ana@example.com, manager: lee, deputy: ben, {ana}}}\n"
        f"  - {{id: ben, name: Ben, email: ben@example.com, {ben}}}\n"
        f"  - {{id: cy, name: Cy, email: cy@example.com, tier: senior}}\n"
        f"  - {{id: lee, name: Lee, email: lee@example.com}}\n{more}"
    )


def office(severity: str = "medium", **said: str) -> Office:
    made = Office(CALL.replace("SEVERITY", severity), people=people(**said))
    made.assess(MONDAY, OWNED)
    made.settle()
    assert made.only("task").assignee == "ana"
    return made


def adopt(made: Office, **said: str) -> None:
    made.rules = made.rules._replace(directory=read_people(people(**said), "csms.yaml"))


def whose(made: Office) -> str | None:
    return made.only("task").assignee


def timer(made: Office) -> datetime:
    return made.timers["account:northwind"]


def test_what_is_not_urgent_moves_when_somebody_has_been_away_for_two_business_days() -> None:
    made = office()
    assert timer(made) <= MOVES
    made.wait(MOVES - HOUR)
    assert (whose(made), timer(made)) == ("ana", MOVES)
    (told,) = made.wait(MOVES)
    assert (whose(made), told.recipient and told.recipient.id) == ("ben", "ben")
    assert made.only("task").stands_for == "ana"
    assert made.moves[-1].reason == "given to Ben: Ana is away until 15 Mar 2026; deputy of Ana"
    assert (made.loads["ana"].open_tasks, made.loads["ben"].open_tasks) == (0, 1)


def test_what_is_high_or_critical_moves_at_once() -> None:
    made = office("high")
    made.wait(AWAY - HOUR)
    assert whose(made) == "ana"
    made.wait(AWAY)
    assert whose(made) == "ben"


def test_what_a_person_says_is_pressing_moves_at_once_too() -> None:
    made = office()
    made.wait(AWAY)
    assert whose(made) == "ana"
    made.do(made.only("task"), "priority", AWAY + HOUR, actor="lee", priority="critical")
    assert timer(made) == AWAY + HOUR
    made.wait(timer(made))
    assert whose(made) == "ben"


def test_a_short_absence_moves_nothing() -> None:
    made = office(ana="away: [{from: 2026-03-09, to: 2026-03-10}]")
    made.wait(AWAY + DAY)
    made.wait(AWAY + 2 * DAY)
    assert whose(made) == "ana"


def test_what_nobody_touched_comes_back() -> None:
    made = office()
    made.wait(MOVES)
    assert timer(made) <= BACK
    (told,) = made.wait(BACK)
    assert (whose(made), told.recipient and told.recipient.id, made.only("task").stands_for) == ("ana", "ana", None)
    assert made.moves[-1].reason == "given to Ana: Ana is back"
    assert (made.loads["ana"].open_tasks, made.loads["ben"].open_tasks) == (1, 0)


@pytest.mark.parametrize("event", ["take", "comment", "due"])
def test_what_somebody_began_stays_where_it_is(event: str) -> None:
    made = office()
    made.wait(MOVES)
    said = {"due_at": MOVES + 9 * DAY} if event == "due" else {"note": "Called."}
    made.do(made.only("task"), event, MOVES + HOUR, actor="ben", **said)
    made.wait(BACK)
    assert whose(made) == "ben"


def test_who_is_away_longer_than_thought_has_it_back_later() -> None:
    made = office()
    made.wait(MOVES)
    adopt(made, ana="away: [{from: 2026-03-09, to: 2026-03-22}]")
    made.wait(BACK)
    assert whose(made) == "ben"
    made.wait(BACK + 7 * DAY)
    assert whose(made) == "ana"


def test_a_deputy_who_is_away_too_is_passed_over_for_theirs_and_then_the_manager() -> None:
    made = office(ben=f"deputy: cy, away: {THE_WEEK_AFTER}")
    made.wait(MOVES)
    assert whose(made) == "cy"
    without = office(ben=f"away: {THE_WEEK_AFTER}")
    without.wait(MOVES)
    assert whose(without) == "lee"
    assert "Ben is away until 15 Mar 2026" in without.moves[-1].reason


def test_what_is_left_behind_goes_up_the_line_past_managers_who_are_away() -> None:
    made = office(ana="left: 2026-03-09")
    top = "  - {id: max, name: Max, email: max@example.com}\n"
    lee = "{id: lee, name: Lee, email: lee@example.com"
    text = people(ana="left: 2026-03-09").replace("deputy: ben, ", "") + top
    away = text.replace(lee, f"{lee}, manager: max, away: {THE_WEEK_AFTER}")
    made.rules = made.rules._replace(directory=read_people(away, "csms.yaml"))
    made.wait(AWAY)
    assert whose(made) == "max"


def test_the_directory_says_to_whom_and_after_how_long() -> None:
    made = office(more="when_away: {after: 1h, to: {least_loaded: {tier: senior}}}")
    made.loads["ben"] = made.loads["ben"]._replace(open_tasks=3) if "ben" in made.loads else made.loads["ana"]
    made.wait(AWAY + HOUR)
    assert whose(made) == "cy"


def test_where_nobody_stands_in_it_waits_for_them_unless_there_is_a_last_resort() -> None:
    alone = "csms: [{id: ana, name: Ana, email: ana@example.com, " + f"away: {THE_WEEK_AFTER}}}]"
    made = Office(CALL.replace("SEVERITY", "medium"), people=alone)
    made.assess(MONDAY, OWNED)
    made.wait(MOVES)
    assert (whose(made), made.moved) == ("ana", [])
    named = "roles: {last_resort: 'slack:#cs'}\n" + alone
    made.rules = made.rules._replace(directory=read_people(named, "csms.yaml"))
    made.wait(MOVES + HOUR)
    assert (whose(made), made.sent[-1].channel) == (None, "slack:#cs")
    made.wait(BACK)
    assert whose(made) == "ana"


def test_who_has_left_leaves_it_to_the_deputy_for_good() -> None:
    made = office(ana="left: 2026-03-09")
    assert timer(made) <= AWAY
    made.wait(AWAY - HOUR)
    assert whose(made) == "ana"
    made.wait(AWAY)
    assert whose(made) == "ben"
    assert made.moves[-1].reason == "given to Ben: Ana is gone; deputy of Ana"
    made.assess(AWAY + HOUR, OWNED)
    assert [one.list_id for one in made.moved] == ["gone ana"]


def test_who_was_taken_out_is_remembered_with_their_people() -> None:
    made = office(ana="team: east")
    made.former = {"ana": made.rules.directory.person("ana")}
    without = "\n".join(line for line in people(ben="team: east").splitlines() if "id: ana" not in line)
    made.rules = made.rules._replace(directory=read_people(without, "csms.yaml"))
    made.wait(MONDAY + HOUR)
    assert (whose(made), made.moves[-1].reason) == ("ben", "given to Ben: Ana is gone; deputy of Ana")
    assert made.loads["ana"].open_tasks == 0


def test_who_was_taken_out_by_mistake_has_it_back_unless_somebody_began() -> None:
    here = people(ana="tier: senior")
    without = "\n".join(line for line in here.splitlines() if "id: ana" not in line)
    for event, back in (("", "ana"), ("take", "ben")):
        made = office(ana="tier: senior")
        made.former = {"ana": made.rules.directory.person("ana")}
        for at, text in ((MONDAY + HOUR, without), (MONDAY + 3 * HOUR, here)):
            made.rules = made.rules._replace(directory=read_people(text, "csms.yaml"))
            made.wait(at)
            if event and at < MONDAY + 2 * HOUR:
                made.do(made.only("task"), event, MONDAY + 2 * HOUR, actor="ben")
        assert whose(made) == back


def test_what_is_snoozed_waits_with_who_is_away_and_goes_on_silently_from_who_left() -> None:
    until = AWAY + 20 * DAY
    made = office()
    made.do(made.only("task"), "snooze", MONDAY + HOUR, until=until)
    assert made.wait(MOVES) == []
    assert (whose(made), made.only("task").state) == ("ana", "snoozed")
    gone = office(ana="left: 2026-03-09")
    gone.do(gone.only("task"), "snooze", MONDAY + HOUR, until=until)
    assert gone.wait(AWAY) == []
    assert (whose(gone), gone.only("task").state, gone.only("task").snoozed_until) == ("ben", "snoozed", until)
    (told,) = gone.wait(until)
    assert (told.title, told.recipient and told.recipient.id) == ("Again: Call", "ben")


def test_what_is_still_to_be_brought_to_who_will_be_away_goes_to_who_is_there() -> None:
    friday = MONDAY + 4 * DAY + 12 * HOUR
    made = Office(CALL.replace("SEVERITY", "low"), people=people(ana="hours: 09:00-17:00"))
    made.assess(friday, OWNED)
    assert (whose(made), made.only("task").not_before) == ("ana", AWAY + timedelta(hours=8, minutes=30))
    adopt(made, ana="hours: 09:00-17:00, away: [{from: 2026-03-09, to: 2026-03-09}]")
    made.wait(friday + HOUR)
    assert (whose(made), made.cancelled[-1].action_id) == ("ben", made.sent[0].action_id)


def test_what_a_person_gave_to_who_is_away_stays_theirs() -> None:
    made = office()
    made.do(made.only("task"), "reassign", MONDAY + HOUR, to="ben")
    made.do(made.only("task"), "reassign", AWAY + DAY, to="ana")
    made.wait(MOVES)
    made.wait(BACK - HOUR)
    assert whose(made) == "ana"


def test_who_takes_what_was_given_to_who_is_away_is_anybody() -> None:
    made = office()
    made.do(made.only("task"), "reassign", MONDAY + HOUR, to="ben")
    made.do(made.only("task"), "reassign", AWAY + DAY, to="ana")
    assert made.only("task").though_away
    made.do(made.only("task"), "take", AWAY + DAY + HOUR, actor="cy")
    assert (whose(made), made.only("task").though_away) == ("cy", False)


def test_what_a_person_gave_to_who_was_away_moves_when_they_are_away_again() -> None:
    made = office()
    made.do(made.only("task"), "reassign", MONDAY + HOUR, to="ben")
    made.do(made.only("task"), "reassign", AWAY + DAY, to="ana")
    made.do(made.only("task"), "comment", AWAY + DAY + HOUR, actor="ana", note="From my phone.")
    assert made.only("task").though_away
    made.do(made.only("task"), "take", BACK + 10 * HOUR, actor="ana")
    adopt(made, ana="away: [{from: 2026-03-23, to: 2026-04-03}]")
    made.wait(BACK + 10 * DAY)
    assert whose(made) == "ben"


def test_who_has_left_can_be_given_nothing() -> None:
    made = office(ben="left: 2026-03-01")
    with pytest.raises(NotPossible, match=r"^Ben has left\. Name somebody who is there\.$"):
        made.do(made.only("task"), "reassign", MONDAY + HOUR, to="ben")
    with pytest.raises(NotPossible, match="Ben has left"):
        made.write(MONDAY + HOUR, "Call", assignee="ben")


def test_what_is_due_before_somebody_works_does_not_go_back_to_them() -> None:
    saturday = MONDAY + 5 * DAY
    here = people(ana="hours: 09:00-17:00", ben="hours: {mon-sun: 08:00-20:00}")
    made = Office(CALL.replace("SEVERITY", "medium").replace("40d", "24h"), people=here)
    made.assess(saturday, OWNED)
    assert (whose(made), made.only("task").stands_for) == ("ben", "ana")
    made.wait(saturday + HOUR)
    assert whose(made) == "ben"


def test_what_is_open_moves_along_with_the_owner_of_a_muted_account_too() -> None:
    made = office(ana="tier: senior")
    made.mute(MONDAY, MONDAY + 7 * DAY)
    made.facts = {**LOW, "account.owner": "cy@example.com"}
    made.event(MONDAY + HOUR, "account.updated", traits={"owner": "cy@example.com"}, move_open=True)
    assert whose(made) == "cy"


def test_what_is_open_moves_along_with_the_owner_if_asked() -> None:
    made = office(ana="tier: senior")
    another = {**LOW, "account.owner": "cy@example.com"}
    made.facts = another
    made.event(MONDAY + HOUR, "account.updated", traits={"owner": "cy@example.com"}, move_open=True)
    assert whose(made) == "cy"
    assert made.moves[-1].reason == "given to Cy: Northwind has another owner; owner of the account"
    assert [(one.list_id, one.to) for one in made.moved] == [("owner ana 2026-03-02", "cy")]
    made.facts = OWNED
    made.event(MONDAY + 2 * HOUR, "account.updated", traits={"owner": "ana@example.com"})
    assert whose(made) == "cy"


def test_what_a_deputy_keeps_for_the_former_owner_moves_along_too() -> None:
    made = office()
    made.wait(MOVES)
    made.facts = {**LOW, "account.owner": "cy@example.com"}
    made.event(MOVES + HOUR, "account.updated", traits={"owner": "cy@example.com"}, move_open=True)
    assert (whose(made), made.only("task").stands_for) == ("cy", None)


def test_it_stays_where_it_is_when_nobody_is_found_for_the_new_owner() -> None:
    made = office(ana="tier: senior")
    made.facts = {**LOW, "account.owner": "nobody@example.com"}
    made.event(MONDAY + HOUR, "account.updated", traits={"owner": "nobody@example.com"}, move_open=True)
    assert (whose(made), made.moved) == ("ana", [])


class TestTheList:
    """What the manager hears."""

    def moved(self, made: Office, *to: str) -> list[tuple[MovedItem, Item]]:
        item = made.only("task")
        return [
            (MovedItem("gone ana", f"{item.id}-{n}", "ana", one, "Ana is gone", MOVES), item)
            for n, one in enumerate(to)
        ]

    def test_it_is_one_and_says_what_moved_and_to_whom(self) -> None:
        made = office(ana="left: 2026-03-09")
        told = list_of(self.moved(made, *["ben"] * 30, *["cy"] * 9, ""), made.rules.directory, {}, MOVES)
        assert told is not None
        assert (told.recipient and told.recipient.id, told.kind) == ("lee", "digest")
        assert told.title == "40 pieces of work of Ana moved: Ana is gone"
        assert told.why == ["Ben: 30", "Cy: 9", "the last resort: 1"]
        assert (len(told.found), told.found[0]["account_name"], told.found[0]["why"]) == (40, "Northwind", "to Ben")

    def test_what_the_manager_got_is_not_told_them_twice(self) -> None:
        made = office(ana="left: 2026-03-09")
        assert list_of(self.moved(made, "lee", "lee"), made.rules.directory, {}, MOVES) is None

    def test_it_goes_to_who_is_there(self) -> None:
        made = office()
        without = read_people(
            "roles: {last_resort: 'slack:#cs'}\ncsms: [{id: ben, name: Ben, inbox: true}]", "csms.yaml"
        )
        told = list_of(self.moved(made, "ben"), without, {"ana": Csm(id="ana", name="Ana", manager="lee")}, MOVES)
        assert told is not None
        assert (told.recipient, told.channel, told.title) == (
            None,
            "slack:#cs",
            "1 piece of work of Ana moved: Ana is gone",
        )


@pytest.mark.parametrize(
    ("severity", "now", "at", "until"),
    [
        ("medium", MONDAY, MOVES, date(2026, 3, 15)),
        ("high", MONDAY, AWAY, date(2026, 3, 15)),
        ("low", BACK - HOUR, MOVES, date(2026, 3, 15)),
        ("low", BACK, datetime(2026, 4, 1, tzinfo=UTC), None),
    ],
)
def test_a_leave_is_an_absence_that_is_long_enough_or_for_good(
    severity: Severity, now: datetime, at: datetime, until: date | None
) -> None:
    away = (Absence(date(2026, 3, 14), date(2026, 3, 15)), Absence(date(2026, 3, 9), date(2026, 3, 13)))
    ana = Csm(id="ana", name="Ana", away=away, left=date(2026, 4, 1), hours=Hours())
    leave = leave_of(ana, WhenAbsent(), severity, now)
    assert leave is not None
    assert leave == (at, until)
    assert (
        leave_of(Csm(id="ana", name="Ana", away=away), WhenAbsent(after=Duration(seconds=8 * 86_400)), "low", now)
        is None
    )


SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda one: (one[0], one[0] + one[1])), max_size=3
)
PERSON = st.tuples(SPANS, st.none() | st.integers(1, 45), st.sampled_from([None, "ana", "ben", "cy"]))


# Away on the first day, and gone on the second: nobody is found for it at all.
@example((([(0, 0)], 1, None), ([], None, None), ([], None, None)), "low")
@given(st.tuples(PERSON, PERSON, PERSON), st.sampled_from(["low", "high"]))
@settings(max_examples=60)
def test_whoever_is_away_or_gone_when_nothing_is_lost_and_nobody_is_told_without_a_move(
    persons: tuple[tuple[list[tuple[int, int]], int | None, str | None], ...], severity: str
) -> None:
    day = [(MONDAY + n * DAY).date() for n in range(60)]
    lines = ["csms:", "  - {id: lee, name: Lee, inbox: true}"]
    for id, (spans, left, deputy) in zip(("ana", "ben", "cy"), persons, strict=True):
        away = ", ".join(f"{{from: {day[first]}, to: {day[last]}}}" for first, last in spans)
        more = f", left: {day[left]}" if left is not None else ""
        more += f", deputy: {deputy}" if deputy not in (None, id) else ""
        lines.append(f"  - {{id: {id}, name: {id}, inbox: true, manager: lee, away: [{away}]{more}}}")
    made = Office(CALL.replace("SEVERITY", severity).replace("40d", "400d"), people="\n".join(lines))
    made.assess(MONDAY, {**LOW, "account.owner": "ana"})
    made.settle()
    at = MONDAY
    while (
        due := min((one for one in made.timers.values() if one > at), default=MONDAY + 70 * DAY)
    ) < MONDAY + 60 * DAY:
        at = due
        made.timers.clear()
        before = whose(made)
        told = made.wait(at)
        made.settle()
        assert len(told) == (whose(made) != before), "whoever gets it is told, and nobody else"
        (task,) = made.open("task")
        carried = {id: load.open_tasks for id, load in made.loads.items() if load.open_tasks}
        assert carried == ({} if task.assignee is None else {task.assignee: 1})
        holder = made.rules.directory.find(task.assignee or "")
        assert holder is None or not holder.has_left(at)
