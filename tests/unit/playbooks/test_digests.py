"""What a digest says of what was read for it: the most important first, no more than one reads, and nothing twice."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.playbooks.core.digests import MOST, MOST_PEOPLE, Asked, Held, Load, Seen, digest, led, owners
from services.playbooks.core.directory import Absence, Csm, Directory, Team
from services.playbooks.core.item import Item
from services.playbooks.core.standing import Standing, Turned
from services.playbooks.core.turns import Kind, Made
from services.playbooks.core.workinghours import Hours
from shared.messages.actions import ActionRequested, Severity
from shared.messages.digests import DayCard, Handed, Part
from tests.support.desk import Office
from tests.support.playbooks import DAY, LOW, MONDAY

AT = (MONDAY + DAY).replace(hour=7, minute=30)
TUESDAY = date(2026, 3, 3)
BERLIN = Hours(time_zone="Europe/Berlin")
ANA = Csm(id="ana", name="Ana", email="ana@example.com", hours=BERLIN, teams=("east",))
BEN = Csm(id="ben", name="Ben", email="ben@example.com", hours=BERLIN, teams=("east",))
LEE = Csm(id="lee", name="Lee", email="lee@example.com", hours=BERLIN)
PEOPLE = Directory((ANA, BEN, LEE), teams=(Team(id="east", name="East", lead="lee"),))
CALL = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call {{ account.name }}'}, {alert: Few features}]"


def a_standing(account: str = "northwind", **others: Any) -> Standing:
    facts: dict[str, Any] = {"account.name": account.title(), "account.mrr_minor": 10_000, "account.currency": "EUR"}
    given: dict[str, Any] = {"score": 4100, "previous_score": 6000, "band": "red", "previous_band": "amber"} | others
    return Standing(
        account=account,
        rev=1,
        at=AT,
        facts={**facts, **given.pop("facts", {})},
        drivers=[],
        low=["few features"],
        quiet=False,
        **given,
    )


def held(kind: str, id: str, severity: Severity = "medium", stands: Standing | None = None, **others: Any) -> Held:
    office = Office(CALL, people="csms: [{id: own, name: Owner, email: owner@example.com}]")
    office.assess(MONDAY, LOW)
    item = office.only(kind)._replace(id=id, action_id=id, **others)
    said = msgspec.structs.replace(item.request, severity=severity)
    return Held(item._replace(request=said), stands or a_standing())


def asked(csm: Csm = ANA, kind: Kind = "day", since: datetime = AT - DAY) -> Asked:
    return Asked(csm, kind, Made(TUESDAY, AT, since))


def made(
    seen: Seen, of: Asked | None = None, team: Mapping[str, Load] | None = None, people: Directory = PEOPLE
) -> ActionRequested | None:
    return digest(of or asked(), seen, team or {}, people, {})


def card(message: ActionRequested | None) -> DayCard:
    assert message is not None
    assert message.day is not None
    return message.day


def accounts(day: DayCard, part: Part) -> list[str]:
    return [one.account for one in day.lines if one.part == part]


def test_its_id_is_of_the_person_the_kind_and_the_day_alone() -> None:
    one, again = (
        made(Seen(today=[held("task", id)], numbers={"today": 1}), asked(since=AT - days * DAY))
        for id, days in (("a", 1), ("b", 3))
    )
    week = made(Seen(today=[held("task", "a")], numbers={"today": 1}), asked(kind="week"))
    other = made(Seen(today=[held("task", "a")], numbers={"today": 1}), asked(BEN))
    ids = [message.action_id for message in (one, again, week, other) if message is not None]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_what_is_to_be_done_by_the_end_of_the_day_or_of_the_week() -> None:
    assert asked().until == datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert asked(kind="week").until == datetime(2026, 3, 8, 23, tzinfo=UTC)
    assert asked().ahead == AT + 30 * DAY
    assert asked(kind="week").ahead == AT + 90 * DAY


def test_each_part_has_a_few_lines_and_a_number() -> None:
    many = [held("task", f"t{n}") for n in range(20)]
    day = card(made(Seen(today=many, numbers={"today": 250}, overdue=12)))
    assert len(day.lines) == MOST["today"]
    assert (day.numbers, day.overdue) == ({"today": 250}, 12)


def test_the_worst_alerts_come_first_and_one_with_a_task_that_is_told_is_not_told_again() -> None:
    small, big = a_standing("small"), a_standing("big", facts={"account.mrr_minor": 900_000})
    alerts = [
        held("alert", "a1", "medium", big),
        held("alert", "a2", "critical", small),
        held("alert", "a3", "medium", small),
        held("alert", "a4", "critical")._replace(item=held("alert", "a4")[0]._replace(action_id="t1")),
    ]
    day = card(made(Seen(today=[held("task", "t1")], alerts=alerts, numbers={"today": 1, "alert": 4})))
    assert accounts(day, "alert") == ["Small", "Big", "Small"]
    assert day.numbers["alert"] == 3


def test_what_turned_red_comes_before_what_recovered_and_then_what_is_worth_most() -> None:
    turned = Turned(AT, "amber")
    some = [
        a_standing("healed", band="green", turned=turned, facts={"account.mrr_minor": 900_000}),
        a_standing("small", turned=turned),
        a_standing("big", turned=turned, facts={"account.mrr_minor": 500_000}),
    ]
    day = card(made(Seen(turned=some, numbers={"turned": 3})))
    assert accounts(day, "turned") == ["Big", "Small", "Healed"]
    assert {(one.band_before, one.title) for one in day.lines} == {("amber", "few features")}


def test_what_others_or_nobody_closed_is_not_theirs() -> None:
    closed = [
        held("task", "mine", state="done", closed_by="ana@example.com", note="Done by phone."),
        held("task", "slack", state="false_alarm", closed_by="ana"),
        held("task", "bens", state="done", closed_by="ben"),
        held("task", "itself", state="closed", closed_by="keepwell"),
    ]
    day = card(made(Seen(closed=closed)))
    assert day.outcomes == {"done": 1, "false_alarm": 1}
    assert [(one.state, one.note) for one in day.lines] == [("done", "Done by phone."), ("false_alarm", "")]


@pytest.mark.parametrize(("days", "says"), [(6, True), (8, False)])
def test_a_renewal_alone_is_worth_a_message_from_a_week_before(days: int, says: bool) -> None:
    renews = a_standing(facts={"account.renews_at": (AT + timedelta(days=days)).isoformat()})
    assert (made(Seen(renewals=[renews], numbers={"renewal": 1})) is not None) is says
    assert made(Seen(renewals=[renews], numbers={"renewal": 1}), asked(kind="week")) is not None


def test_nothing_to_say_is_no_message() -> None:
    assert made(Seen()) is None
    assert made(Seen(worst=[a_standing()], numbers={"worst": 1}), asked(LEE), {"ana": Load(3)}) is None
    assert made(Seen(handed=[Handed(whose="ben", why="Ben is away", number=1)])) is not None


def test_a_lead_reads_first_who_needs_a_look_and_who_is_away() -> None:
    people = [msgspec.structs.replace(BEN, id=f"b{n:02}", name=f"B{n:02}") for n in range(20)]
    away = msgspec.structs.replace(ANA, away=(Absence(TUESDAY, TUESDAY),))
    directory = Directory((away, LEE, *people), teams=(Team(id="east", name="East", lead="lee"),))
    loads = {one.id: Load(tasks=n) for n, one in enumerate(people)} | {"ana": Load(1, 1, 2)}
    day = card(made(Seen(), asked(LEE), loads, directory))
    assert (len(day.team), day.people) == (MOST_PEOPLE, 21)
    assert [one.name for one in day.team[:3]] == ["Ana", "B19", "B18"]
    assert day.team[0].until == datetime(2026, 3, 3, 23, tzinfo=UTC)


def test_who_leads_whom_at_whatever_remove() -> None:
    head = Csm(id="max", name="Max", email="max@example.com")
    lee = msgspec.structs.replace(LEE, manager="max")
    found = led(Directory((ANA, BEN, lee, head), teams=(Team(id="east", name="East", lead="lee"),)))
    assert {id: [one.id for one in under] for id, under in found.items()} == {
        "lee": ["ana", "ben"],
        "max": ["ana", "ben", "lee"],
    }


def test_people_are_known_by_whatever_accounts_call_them() -> None:
    assert owners(["Ana <ana@example.com>", "ana", "stranger", "Ben"], PEOPLE) == {
        "ana": ["Ana <ana@example.com>", "ana"],
        "ben": ["Ben"],
    }


def test_what_is_won_tells_how_much() -> None:
    won = held("task", "w", state="won", closed_by="ana", amount_minor=90_000, currency="USD")
    (line,) = card(made(Seen(closed=[won]))).lines
    assert (line.mrr_minor, line.currency) == (90_000, "USD")


def test_an_item_of_a_digest_can_be_found_by_its_id() -> None:
    item: Item = held("task", "act_3f2a").item
    (line,) = card(made(Seen(today=[Held(item, a_standing())], numbers={"today": 1}))).lines
    assert (line.item_id, line.kind, line.title) == ("act_3f2a", "task", "Call Northwind")
