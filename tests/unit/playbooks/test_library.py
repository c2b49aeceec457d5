"""The playbooks that ship, each as a story: what happens at a customer, whom it makes do what and when, how it ends.

Every story runs through the cores of scoring and playbooks, day by day, with all that ships: what else would be asked
for is named in it, so that no story is a storm.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest

from services.playbooks.core import settling
from services.playbooks.core.rules import Rules
from services.playbooks.core.work import Work
from services.playbooks.files import read_people
from services.scoring.core.clock import day_of
from services.scoring.core.renewals import renewal_id
from services.scoring.core.scorecard import Rules as Cards
from shared.files.templates import render
from shared.messages.accounts import NpsDropped
from shared.messages.assessments import Cause
from shared.messages.envelope import Event
from shared.messages.registry import COMPANY
from shared.messages.stamps import micros
from tests.support.book import LIBRARY, Book
from tests.support.playbooks import MONDAY, an_assessment
from tests.support.scoring import (
    DAY,
    SHIPPED,
    a_contact,
    a_goal,
    a_pulse,
    a_subscription,
    a_talk,
    a_ticket,
    an_event,
    an_invoice,
    ces,
    csat,
    nps,
    traits,
    usage,
)

FEATURES = ("reports", "dashboards", "import", "automations", "api", "integrations")
YEAR = 365 * DAY


def on(day: float) -> Any:
    """An instant, in days after the Monday on which the stories begin, at ten."""
    return MONDAY + day * DAY


def used(days: Iterable[int], users: int = 9, of: str = "u", **more: Any) -> list[Event]:
    """Each of these people used a few features on each of these days that is a working day."""
    return [
        usage(on(day) + n * timedelta(minutes=1), FEATURES[(n + day) % 6], f"{of}{n}", **more)
        for day in days
        if on(day).weekday() < 5
        for n in range(users)
    ]


def a_life(signed: int = -300, ends: int = 290, seats: int = 12, **subscribed: Any) -> list[Event]:
    """A customer of Ana's of nearly a year who does well: everything but use, up to the Monday."""
    sold = {"mrr_minor": 900_000, "currency": "EUR", "plan": "pro", "seats": seats, "term_months": 12} | subscribed
    begin = max(signed, -100)
    return [
        traits(on(begin), name="Acme", owner="ana@example.com", signed_at=on(signed).isoformat()),
        a_subscription(on(begin), **{"renews_at": on(ends).isoformat(), **sold}),
        *(
            a_contact(name, role, at=on(begin), traits={"name": name.title()})
            for name, role in (("kim", "decision_maker"), ("lee", "champion"), ("max", "admin"))
        ),
        *(a_talk("max", at=on(day)) for day in range(begin + 2, max(begin + 3, 0), 18)),
    ]


@cache
def begun() -> Book:
    """The customer as they are on the Monday."""
    return Book([*a_life(), *used(range(-100, 0)), nps(8, contact="max", at=on(-60))]).run(on(0) - timedelta(hours=1))


class Story(NamedTuple):
    """What happens from Monday on, and what the first playbook named makes of it."""

    says: str
    playbook: str
    events: list[Event]
    day: int
    """On which day it asks somebody."""
    asks: str
    """Words of what it asks."""
    to: str = "ana"
    ends: str | None = None
    """With which reason it ends by itself; None: it waits for people."""
    days: int = 40
    kind: str = "task"
    beside: tuple[str, ...] = ()
    """What else asks for something meanwhile."""
    since: list[Event] | None = None
    """The whole life of a customer who is another one."""


ON_AND_ON = used(range(40))
"""Nothing else changes."""


def urgent(number: float, closed: float | None = None) -> list[Event]:
    """An urgent ticket, opened on a day and perhaps closed on another."""
    ticket: dict[str, Any] = {"ticket_id": f"T-{number}", "priority": "urgent", "opened_at": on(number)}
    shut = [] if closed is None else [a_ticket(type="closed", at=on(closed), closed_at=on(closed), **ticket)]
    return [a_ticket(at=on(number), **ticket), *shut]


def invoice(type: str, due: float, at: float, **more: Any) -> Event:
    return an_invoice(type, f"I-{due}", at=on(at), amount_minor=900_000, due_at=on(due).isoformat(), **more)


def newcomer(reached: int, **sold: Any) -> list[Event]:
    """Who signed on the Monday, and reached some milestones, one every third day."""
    names = ("workspace_created", "data_imported", "team_invited", "first_report")[:reached]
    return [
        *a_life(signed=0, ends=365, **sold),
        *(an_event("milestone.reached", at=on(3 * n + 2), milestone=name) for n, name in enumerate(names)),
    ]


STORIES = [
    Story(
        "they cancel everything, and are talked out of it a week later",
        "leaving",
        [
            *ON_AND_ON,
            a_subscription(on(1), ends_at=on(60).isoformat(), reason="too expensive"),
            a_subscription(on(9), ends_at=None),
        ],
        1,
        "Call Acme: they have cancelled, and leave on 1 May 2026",
        ends="they have withdrawn it",
        beside=("slide",),
    ),
    Story(
        "they leave, and say why",
        "left",
        [*used(range(5)), an_event("account.churned", at=on(5), reason="too expensive", voluntary=True)],
        5,
        "Ask Acme why they left (they said: too expensive)",
    ),
    Story(
        "they answer after they left",
        "answer-after-leaving",
        [
            an_event("account.churned", at=on(1), reason="moved", voluntary=True),
            nps(0, contact="kim", at=on(4), comment="too expensive"),
        ],
        4,
        "Acme, who left, scored us 0",
        kind="alert",
        beside=("left",),
    ),
    Story(
        "they stop using it, and come back after three weeks",
        "no-use",
        used(range(21, 60)),
        10,
        "Call Acme: nobody has used it since",
        days=60,
        ends="steady at 61 % of before",
        beside=("slide",),
    ),
    Story(
        "half of them stay away, and the others go on",
        "usage-falling",
        used(range(60), users=4),
        16,
        "Ask Acme what changed: their usage fell by",
        days=60,
        ends="steady at 46 % of before",
    ),
    Story(
        "an integration takes over what people did",
        "usage-falling",
        [*used(range(40), users=2), *used(range(40), users=9, of="bot", actor="integration")],
        14,
        "Ask Acme what changed: their people use it",
        days=30,
        beside=("slide",),
    ),
    Story(
        "their CSM hears that they will not renew",
        "slide",
        [*ON_AND_ON, a_pulse(1, at=on(2), note="CFO told me they will not renew"), a_pulse(8, at=on(9))],
        3,
        "Acme is red",
        kind="alert",
        ends="back on its feet: 93 points, 49 when it slid",
        beside=("recovered",),
    ),
    Story(
        "a decision maker is unhappy",
        "detractor-decision-maker",
        [*ON_AND_ON, nps(2, contact="kim", at=on(1), comment="we look at others")],
        1,
        "Call Acme: Kim (decision maker) scored us 2",
        beside=("slide",),
    ),
    Story(
        "their admin is unhappy",
        "detractor",
        [*ON_AND_ON, nps(4, contact="max", at=on(1))],
        1,
        "Call Acme: Max (admin) scored us 4",
    ),
    Story(
        "support left somebody alone",
        "low-csat",
        [*ON_AND_ON, csat(1, contact="max", at=on(1))],
        1,
        "Ask Acme what went wrong: Max (admin) gave 1 of 5",
    ),
    Story(
        "it was hard to do",
        "low-ces",
        [*ON_AND_ON, ces(2, contact="max", at=on(1))],
        1,
        "Help Acme with what was hard: Max (admin) gave 2 of 7",
    ),
    Story(
        "their sponsor is delighted",
        "promoter",
        [*ON_AND_ON, nps(10, contact="kim", at=on(15))],
        15,
        "Thank Acme, and ask for one thing: Kim (decision maker) scored us 10",
    ),
    Story(
        "the champion leaves, and a successor is named",
        "champion-left",
        [*ON_AND_ON, a_contact("lee", "left", at=on(1)), a_contact("ann", "champion", at=on(12))],
        1,
        "Find who follows Lee (champion) at Acme",
        ends="a successor is named",
        beside=("slide",),
    ),
    Story(
        "two urgent tickets are opened, and closed on the next day",
        "urgent-ticket",
        [*ON_AND_ON, *urgent(3, closed=4), *urgent(3.1, closed=4)],
        3,
        "Acme has 2 urgent tickets open",
        kind="alert",
        ends="no urgent ticket is open any more",
    ),
    Story(
        "one urgent ticket is open for two days",
        "urgent-ticket",
        [*ON_AND_ON, *urgent(3, closed=8)],
        5,
        "Tell Acme that you know of their urgent ticket",
        ends="no urgent ticket is open any more",
    ),
    Story(
        "they signed, and come no further than the workspace",
        "onboarding-stuck",
        [],
        23,
        "Help Acme to their next milestone: data imported",
        days=30,
        beside=("slide",),
        since=[*newcomer(1), *used(range(1, 40), users=4)],
    ),
    Story(
        "they reach every milestone",
        "onboarding-done",
        [],
        11,
        "Agree on the next goal with Acme: onboarding is done",
        since=[*newcomer(4), *ON_AND_ON],
    ),
    Story(
        "a card expires, and is replaced nine days later",
        "payment-failed",
        [
            *ON_AND_ON,
            invoice("payment_failed", 1, at=1, attempt=1),
            invoice("paid", 1, at=10, paid_at=on(10).isoformat()),
        ],
        8,
        "Help Acme to pay: their payment has been failing since 3 Mar 2026",
        ends="the payment went through",
        beside=("slide",),
    ),
    Story(
        "an invoice is paid two weeks late",
        "invoice-overdue",
        [*ON_AND_ON, invoice("issued", 1, at=-13), invoice("paid", 1, at=15, paid_at=on(15).isoformat())],
        8,
        "Agree on a payment date with Acme",
        ends="paid",
    ),
    Story(
        "an invoice is not paid for a month, and then it is",
        "invoice-long-overdue",
        [*ON_AND_ON, invoice("issued", 1, at=-13), invoice("paid", 1, at=35, paid_at=on(35).isoformat())],
        31,
        "Ask Acme why they don't pay",
        ends="paid",
        beside=("slide",),
    ),
    Story(
        "they go from €9,000 to €2,250 and from 12 seats to 6",
        "contraction",
        [*ON_AND_ON, a_subscription(on(2), mrr_minor=225_000, seats=6)],
        2,
        "Acme contracted: 75 % of revenue gone in 90 days",
        kind="alert",
    ),
    Story(
        "their contract ends in four months, and renews",
        "renewal",
        [
            *used(range(200)),
            *(a_talk(at=on(day)) for day in range(0, 200, 30)),
            a_subscription(on(190), renews_at=on(700).isoformat()),
        ],
        170,
        "Say what you expect of Acme: their contract ends on 17 Dec 2026, notice by 17 Nov 2026",
        days=200,
        ends="renewed until 31 Jan 2028",
    ),
    Story(
        "they use a fifth of what they pay for",
        "adoption-stalled",
        [usage(on(day), "reports", f"u{n}") for day in range(80) for n in range(9)],
        33,
        "Walk Acme through",
        days=50,
    ),
    Story(
        "nine people use it on sixty seats, three months after they signed",
        "few-seats-used",
        [],
        17,
        "Fill Acme's seats: 9 of 60 are in use",
        since=[*a_life(signed=-80, seats=60), *used(range(-80, 40))],
    ),
    Story(
        "a decision maker stays away while the others go on",
        "key-person-quiet",
        [],
        17,
        "Ask after your key person at Acme",
        ends="Kim (decision maker) was seen again",
        since=[
            *a_life(),
            a_contact("kim", "decision_maker", at=on(-99), user_ids=["kim0"]),
            *used(range(-100, 60)),
            *used([*range(-90, -1), *range(26, 60)], users=1, of="kim"),
        ],
    ),
    Story(
        "their contract runs out unsigned, and is signed three weeks later",
        "lapsed",
        [
            *ON_AND_ON,
            a_subscription(on(-5), auto_renews=False, renews_at=on(10).isoformat()),
            a_subscription(on(31), renews_at=on(400).isoformat()),
        ],
        10,
        "Get Acme's renewal signed",
        ends="renewed until 6 Apr 2027",
        beside=(),
    ),
    Story(
        "they stay red for two weeks",
        "senior-joins",
        [*ON_AND_ON, a_pulse(1, at=on(2))],
        16,
        "Join the CSM of Acme",
        to="sam",
        ends="no longer red",
        beside=("slide",),
    ),
    Story(
        "all of them use it, and their decision maker loves it",
        "ready-to-grow",
        [*used(range(40), users=12), nps(10, contact="kim", at=on(20))],
        20,
        "Acme has used 100 % of its 12 seats for two weeks",
        kind="flag",
        beside=("promoter",),
    ),
    Story(
        "nearly all seats are in use for two weeks",
        "seats-full",
        used(range(40), users=11),
        14,
        "Acme has used 92 % of its 12 seats for two weeks",
        kind="flag",
    ),
    Story(
        "more people than seats",
        "seats-overrun",
        used(range(40), users=15),
        3,
        "Acme has 15 users on 12 seats",
        kind="flag",
    ),
    Story(
        "a newcomer invites more people than seats",
        "seats-overrun",
        [],
        4,
        "Acme has 15 users on 12 seats",
        kind="flag",
        days=12,
        since=[*newcomer(3), *used(range(1, 12), users=15)],
    ),
    Story(
        "nobody has talked to them for a quarter",
        "business-review",
        used(range(100)),
        82,
        "Arrange a review with Acme: you last talked on",
        days=90,
    ),
    Story(
        "what they wanted to reach by Thursday is reached two weeks later, and nobody says so",
        "goal-overdue",
        [
            *used(range(17)),
            *used(range(17, 40), users=10),
            a_goal(
                title="Bring in the second team", at=on(0), due_at=on(3), fact="usage.active_users", op=">=", target=10
            ),
            a_goal("g2", at=on(0), due_at=on(300)),
        ],
        6,
        'Go through the plan with Acme: "Bring in the second team" was due on 5 Mar 2026',
        ends="no goal is overdue any more",
    ),
    Story(
        "from red they go straight to green",
        "recovered",
        [*ON_AND_ON, a_pulse(1, at=on(2)), a_pulse(9, at=on(8))],
        8,
        "Acme is healthy again",
        kind="alert",
        beside=("slide",),
    ),
]


def test_only_what_cannot_wait_for_the_morning_is_told_at_once() -> None:
    """All else comes with the digest, at 08:30 of the next working day."""
    told = {
        (id, step.severity)
        for id, one in LIBRARY.current.items()
        for step in one.every_step
        if step.severity in ("high", "critical") and step.assign[0].name != "ops"
    }
    critical = ("leaving", "detractor", "detractor-decision-maker")
    people = ("champion-left", "key-person-quiet")
    assert {id for id, severity in told if severity == "critical"} == {*critical}
    assert {id for id, _ in told} == {*critical, *people, "no-use", "slide", "urgent-ticket", "onboarding-stuck"}
    assert not any(one.urgent for one in LIBRARY.current.values()), "nobody is disturbed outside their hours"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.says)
def test_story(story: Story) -> None:
    book = Book(story.since) if story.since is not None else deepcopy(begun())
    book.add(*story.events)
    book.run(on(story.days))
    new = [one for one in book.all() if one.closed_at is None or one.closed_at >= on(0)]
    asked = [one for one in new if not one.request.title.startswith("Overdue")]
    of_story = [one for one in asked if story.playbook in book.fed[one.id] and one.kind == story.kind]
    assert of_story, [(one.playbook, one.request.title) for one in asked]
    first = of_story[0]
    assert story.asks in first.request.title
    assert ((book.fed[first.id][story.playbook] - on(0)).days, first.assignee) == (story.day, story.to)
    assert (first.state, first.note) == (("open", "") if story.ends is None else ("closed", story.ends))
    assert {one.playbook for one in asked if story.playbook not in book.fed[one.id]} == {*story.beside}


@pytest.mark.parametrize(
    ("playbook", "events"),
    [
        ("passive", [nps(8, contact="kim", at=on(1), comment="fine, but slow")]),
        ("next-plan", []),
        ("score-and-money", [a_subscription(on(1), mrr_minor=770_000)]),
    ],
)
def test_what_a_team_would_first_want_to_watch_decides_and_tells_nobody(playbook: str, events: list[Event]) -> None:
    book = deepcopy(begun())
    book.add(*ON_AND_ON, *events)
    book.run(on(40))
    assert book.all(playbook) == []
    assert [move.reason for move in book.moves if playbook in move.subject or "would ask Ana" in move.reason]


def test_who_pays_and_never_came_is_asked_after() -> None:
    """H5."""
    declared = Cards(replace(SHIPPED.catalogue, sources={"usage": day_of(on(-150))}), SHIPPED.cards)
    book = Book([*a_life(signed=-150), *used(range(20, 40))], declared).run(on(10))
    (task,) = book.all("paid-never-used", kind="task")
    assert task.request.title == "Find out who was to use it at Acme: they pay, and never came"
    assert any("pays, never used" in one for one in task.request.why)
    book.run(on(22))
    (task,) = book.all("paid-never-used", kind="task")
    assert (task.state, task.note) == ("closed", "used for the first time")


def test_a_large_customer_in_trouble_before_their_renewal_is_no_silence() -> None:
    """H18."""
    life = [*a_life(ends=75, mrr_minor=2_000_000), *used(range(-100, 0)), *used(range(12), users=6)]
    book = Book([*life, *(event for n in (0, 0.1, 0.2) for event in urgent(n))]).run(on(12))
    told = {(name, item.kind, item.assignee) for item in book.all() for name in book.fed[item.id]}
    assert {("slide", "alert", "ana"), ("slide", "alert", "lea"), ("slide", "task", "ana")} <= told
    assert {("urgent-ticket", "alert", "ana"), ("renewal", "task", "ana")} <= told


def test_who_uses_more_than_their_allowance_is_offered_more_once() -> None:
    allowed = Cards(replace(SHIPPED.catalogue, allowances={"pro": {"reports": 30}}), SHIPPED.cards)
    use = [*used(range(-100, 0), users=8), *used(range(20), users=10), *used(range(20, 60), users=5)]
    book = Book([*a_life(), *use], allowed).run(on(18))
    (flag,) = book.all("over-allowance", kind="flag")
    assert "% of its allowance of reports" in flag.request.title
    assert (flag.request.severity, flag.assignee, flag.state) == ("info", "ana", "open")
    book.run(on(60))
    assert len(book.all("over-allowance")) == 1
    assert any(move.reason == "within the allowance again" for move in book.moves)


def test_a_watched_feature_that_is_used_little_for_a_week_is_named_while_all_else_goes_on() -> None:
    watching = Cards(replace(SHIPPED.catalogue, watch=("approvals", "reports")), SHIPPED.cards)
    days = [*range(-100, 5), *range(40, 80)]
    approved = [usage(on(day), "approvals", f"u{n}") for day in days if on(day).weekday() < 5 for n in range(4)]
    book = Book([*a_life(), *used(range(-100, 80)), *approved], watching).run(on(30))
    (task,) = book.all("watched-feature", kind="task")
    assert task.request.title.startswith("Ask Acme why they use approvals less")
    assert (task.opened_at - on(0)).days in range(14, 21), "half of a fortnight is poor, and a week more"
    assert (task.assignee, task.request.severity, task.state) == ("ana", "medium", "open")
    assert {name for one in book.all() for name in book.fed[one.id]} == {"watched-feature"}
    book.run(on(79))
    (task,) = book.all("watched-feature", kind="task")
    assert (task.state, task.note) == ("closed", "used as before, or so little for so long that it is normal now")


def test_a_source_that_is_interrupted_is_the_matter_of_ops_until_it_is_back() -> None:
    people = "roles: {ops: pat}\ncsms: [{id: pat, name: Pat, email: pat@example.com}]"
    rules = Rules(LIBRARY, read_people(people, "csms.yaml"), render)
    begun = Work(rules, [], [])
    begun.assess(COMPANY, an_assessment(1, MONDAY, {"sources.interrupted": ["usage", "billing"]}), {})
    settling.carry_out(begun, {})
    (alert,) = begun.changes.items.values()
    assert (alert.request.title, alert.assignee) == ("Little or nothing comes from usage, billing", "pat")
    assert (alert.kind, alert.request.severity) == ("alert", "high")
    (stands,) = begun.changes.standings.values()
    back = Work(rules, [stands], begun.changes.episodes.values())
    back.assess(COMPANY, an_assessment(2, MONDAY + DAY / 24, {}), {})
    settling.close(back, [alert])
    assert back.changes.items[alert.id].note == "the source is back"


def test_a_drop_of_nps_is_the_work_of_who_answers_for_it() -> None:
    people = "roles: {nps_owner: pat}\ncsms: [{id: pat, name: Pat, email: pat@example.com}]"
    work = Work(Rules(LIBRARY, read_people(people, "csms.yaml"), render), [], [])
    for rev, product in enumerate(["payroll", None], 1):
        data = NpsDropped(kind="relational", product=product, before=42.5, now=18.0, n_before=40, n_now=60)
        said = msgspec.to_builtins(data)
        cause = Cause(kind="event", source="keepwell/scoring", id=f"{rev}", type="nps.dropped", time=MONDAY, data=said)
        work.assess(COMPANY, an_assessment(rev, MONDAY, {"account.id": COMPANY}, cause=cause), {})
    settling.carry_out(work, {})
    (task,) = work.changes.items.values()
    assert (task.assignee, task.kind, task.request.severity) == ("pat", "task", "medium")
    assert task.request.title == "NPS fell from 43 to 18: find out why"


@pytest.mark.parametrize("doubts", [(40, 70, 82), ()])
def test_a_renewal_is_forecast_once_and_in_doubt_gets_a_plan_and_then_the_manager(doubts: tuple[int, ...]) -> None:
    """Notice is due a month before the end, on day 100: 90, 45 and 14 days before."""
    talks = (a_talk("max", at=on(day)) for day in range(0, 100, 18))
    pulses = (a_pulse(4, at=on(day)) for day in doubts)
    book = Book([*a_life(ends=130), *used(range(-100, 100)), *talks, *pulses]).run(on(12))
    (forecast,) = book.all("renewal", kind="task")
    book.do(forecast, "done", note="likely")
    book.run(on(95))
    asked = [one for one in book.all("renewal") if not one.request.title.startswith("Overdue")]
    when = "their contract ends on 10 Jul 2026, notice by 10 Jun 2026"
    plan = (55, "task", "ana", f"Make a plan for the renewal of Acme: {when}")
    last = (86, "alert", "lea", f"Acme has not renewed: {when}")
    said = [((one.opened_at - on(0)).days, one.kind, one.assignee, one.request.title) for one in asked[1:]]
    assert (forecast.due_at, said) == (on(15), [plan, last] if doubts else [])


@pytest.mark.parametrize(("outcome", "words"), [("renewed", "renewed, by word"), ("lost", "they will not renew")])
def test_a_renewal_ends_with_its_outcome_and_asks_for_no_forecast_that_is_there(outcome: str, words: str) -> None:
    named = {"renewal_id": renewal_id("acme", "s1", micros(on(130))), "author": "ana@example.com"}
    life = [*a_life(ends=130), *used(range(-100, 60))]
    asked = Book(life).run(on(12))
    (forecast,) = asked.all("renewal", kind="task")
    asked.add(an_event("renewal.updated", at=on(12.5), outcome=outcome, **named))
    (closed,) = asked.run(on(40)).all("renewal")
    assert (closed.id, closed.state) == (forecast.id, "closed")
    assert words in {move.reason for move in asked.moves}
    known = Book([*life, an_event("renewal.updated", at=on(1), forecast="likely", **named)]).run(on(40))
    assert known.all("renewal") == []


@pytest.mark.parametrize(("voluntary", "asked"), [(True, 1), (None, 1), (False, 0)])
def test_who_left_of_their_own_will_is_won_back_after_a_quarter(voluntary: bool | None, asked: int) -> None:
    book = deepcopy(begun())
    known: dict[str, Any] = {} if voluntary is None else {"voluntary": voluntary}
    book.add(an_event("account.churned", at=on(5), reason="too expensive", **known))
    book.run(on(8))
    (interview,) = book.all("left", kind="task")
    book.do(interview, "done", note="the price")
    book.run(on(110))
    back = [item for item in book.all("left", kind="task") if item.id != interview.id]
    said = ("Win Acme back (they left saying: too expensive)", "low", 95)
    assert [(one.request.title, one.request.severity, (one.opened_at - on(0)).days) for one in back] == [said] * asked


@pytest.mark.parametrize(
    ("who", "besides"), [("max", ()), ("kim", ()), ("max", (csat(1, contact="max", at=on(4.01)),))]
)
def test_a_lead_hears_once_and_after_two_business_days_that_nobody_called_a_detractor(
    who: str, besides: tuple[Event, ...]
) -> None:
    """Whatever else joins the call."""
    book = deepcopy(begun())
    book.add(*ON_AND_ON, nps(4, contact=who, at=on(4)), *besides)
    book.run(on(12))
    heard = [one for one in book.told if one.said.recipient is not None and one.said.recipient.id == "lea"]
    matter = [one for one in heard if "scored us 4" in one.said.title or "gave 1 of 5" in one.said.title]
    assert [(one.at, one.said.title.split(" Acme")[0]) for one in matter] == [(on(8), "Nobody has called")]
    assert any(move.after == "open" and move.reason == "overdue; its playbook will tell of it" for move in book.moves)


def test_who_called_a_detractor_in_time_is_left_alone() -> None:
    book = deepcopy(begun())
    book.add(*ON_AND_ON, nps(4, contact="max", at=on(1)))
    book.run(on(1.5))
    (task,) = book.all("detractor", kind="task")
    book.do(task, "done", note="they wait for an export")
    book.run(on(12))
    assert [one.kind for one in book.all("detractor")] == ["task"]
