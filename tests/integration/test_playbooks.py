"""From assessments to actions, on a real database: once, by the right person, and nothing lost on the way."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from services.playbooks.files import load_playbook
from services.playbooks.handler import PlaybooksHandler
from shared.messages import envelope, registry
from shared.messages.accounts import ContactErased
from shared.messages.assessments import Cause, Driver, PartitionMark
from shared.messages.deliveries import DeliveryResponded, DeliverySettled
from shared.telemetry import metrics
from tests.support.everywhere import COLUMNS, searches
from tests.support.logins import as_owner
from tests.support.playbooks import (
    DAY,
    HIGH,
    HOUR,
    LOW,
    MONDAY,
    SECOND,
    Floor,
    a_floor,
    an_answer,
    an_assessment,
)

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nrepeat: {after: 30d}\nsteps:\n"
TASK = STALLED + "  - {task: 'Call {{ account.name }}', due: 2 business days, assign: [owner, least_loaded]}\n"
PEOPLE = """
csms:
  - {id: own, name: Owner, email: owner@example.com, capacity: 2, manager: lead, time_zone: Europe/Berlin}
  - {id: east, name: East, email: east@example.com, tier: senior}
  - {id: lead, name: Lead, email: lead@example.com, tier: lead}
"""


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    async with a_floor(database_url, TASK, people=PEOPLE) as made:
        yield made


def answered(rev: int, at: datetime, score: int, account: str = "northwind", **facts: Any) -> tuple[str, Any]:
    return account, an_assessment(rev, at, facts, cause=an_answer(score, at, f"answer-{rev}"))


async def test_what_a_step_sets_at_the_account_goes_the_way_of_every_event(database_url: str) -> None:
    steps = "  - trait: {tier: at_risk}\n  - {until: usage.breadth >= 50 %, within: 365d, else: [webhook: crm]}\n"
    async with a_floor(database_url, STALLED + steps) as floor:
        assert await floor.assess(1, MONDAY, LOW) == []
        (row,) = await floor.rows("SELECT topic, value FROM outbox")
        assert (row.topic, envelope.decode(row.value).type) == ("keepwell.events.accounts", "account.updated")
        assert await floor.pass_until(MONDAY + 364 * DAY) == []
        (year,) = await floor.pass_until(MONDAY + 366 * DAY)
        assert (year.kind, year.title) == ("webhook", "call the webhook crm")


async def test_a_firing_becomes_a_task_for_the_owner_and_one_action(floor: Floor) -> None:
    (action,) = await floor.assess(1, MONDAY, LOW)
    assert action.recipient is not None
    assert (action.kind, action.title, action.recipient.email) == ("task", "Call Northwind", "owner@example.com")
    assert action.task is not None
    assert action.task.due_at == MONDAY + 2 * DAY
    assert await floor.episodes() == [("stalled", "active")]
    (load,) = await floor.rows("SELECT open_tasks FROM csm_load WHERE csm_id = 'own'")
    assert load.open_tasks == 1


async def test_repeats_and_gaps_are_dropped_and_counted(floor: Floor) -> None:
    await floor.assess(7, MONDAY, HIGH)
    assert await floor.assess(7, MONDAY, LOW) == []
    assert await floor.assess(9, MONDAY, LOW) == []
    assert len(await floor.assess(8, MONDAY, LOW)) == 1
    counted = metrics.text(floor.figures).decode()
    assert "keepwell_assessment_gaps_total 1.0" in counted
    assert "keepwell_repeated_events_total 1.0" in counted


async def test_what_is_missing_for_a_minute_is_waited_for_no_longer(floor: Floor) -> None:
    await floor.assess(7, MONDAY, HIGH)
    assert await floor.assess(9, MONDAY, LOW) == []
    floor.now += 61 * SECOND
    assert floor.handler.gaps(floor.now) == 1
    assert len(await floor.assess(10, MONDAY, LOW)) == 1
    assert floor.handler.gaps(floor.now) == 0


async def test_a_batch_that_rolls_back_leaves_nothing_and_comes_again_the_same(floor: Floor) -> None:
    class PowerCut(Exception):
        pass

    async def once(fail: bool) -> None:
        async with floor.uow.begin() as c:
            incoming = floor.incoming("northwind", an_assessment(1, MONDAY, LOW))
            await floor.handler.handle(c, floor.partition, [incoming], MONDAY, False)
            if fail:
                raise PowerCut

    with pytest.raises(PowerCut):
        await once(fail=True)
    assert await floor.sent() == []
    await once(fail=False)
    assert len(await floor.sent()) == 1


async def test_the_same_road_gives_the_same_ids_whatever_the_batches(database_url: str) -> None:
    async with a_floor(database_url) as floor:
        road = [
            answered(1, MONDAY, 9),
            answered(2, MONDAY + HOUR, 2),
            answered(3, MONDAY + 2 * HOUR, 4),
            ("northwind", an_assessment(4, MONDAY + DAY, {"health.band": "green", "health.previous_band": "red"})),
        ]
        alone = [action.action_id for one in road for action in await floor.take(one)]
        await floor.rows("SELECT 1")
        tables = ("accounts", "episodes", "moves", "items", "timers", "outbox")
        await as_owner(database_url, *(f"TRUNCATE playbooks.{table}" for table in tables))
        together = [action.action_id for action in await floor.take(*road)]
        assert sorted(together) == sorted(alone)
        # The last answer is the same person's: it joins what is open, which is said anew while it waits.
        assert len(set(together)) == 2


async def test_a_full_owner_still_gets_their_own_customer(floor: Floor) -> None:
    for number in range(3):
        account = f"account-{number}"
        assessed = an_assessment(1, MONDAY, {**LOW, "account.id": account})
        await floor.take((account, assessed))
    items = await floor.rows("SELECT kind, assignee FROM items ORDER BY account_id, kind DESC")
    assert [tuple(one) for one in items] == [*3 * [("task", "own")], ("alert", "lead")]


async def test_what_must_hold_fires_on_the_second_and_waits_for_the_morning(database_url: str) -> None:
    held = "id: stalled\nwhen: usage.breadth < 40 %\nheld_for: 30h\nsteps: [{alert: Hi}]"
    async with a_floor(database_url, held, people=PEOPLE) as floor:
        assert await floor.assess(1, MONDAY + 8 * HOUR, LOW) == []
        fires_at = MONDAY + 38 * HOUR
        assert await floor.pass_until(fires_at - SECOND) == []
        (action,) = await floor.pass_until(fires_at)
        assert action.not_before == datetime.fromisoformat("2026-03-04T08:30:00+01:00")
        assert await floor.pass_until(fires_at + 30 * DAY) == []


async def test_what_an_event_caused_goes_at_once_and_carries_its_story(database_url: str) -> None:
    async with a_floor(database_url, people=PEOPLE) as floor:
        night = MONDAY + 13 * HOUR
        cause = an_answer(2, night)
        driver = Driver(
            kind="measure", name="feedback.nps", points=-1300, reason="they scored us 2", events=["survey a-1"]
        )
        (alert,) = await floor.assess(1, night, {}, cause=cause, drivers=[driver])
        assert (alert.kind, alert.not_before, alert.caused_at, alert.why) == (
            "alert",
            None,
            night,
            ["they scored us 2"],
        )
        assert alert.task is not None
        # A day of work, counted from the morning.
        assert alert.task.due_at == datetime.fromisoformat("2026-03-04T09:00:00+01:00")


@pytest.mark.parametrize(
    ("rule", "to", "because"),
    [
        ("least_loaded", ["bert", "bert", "bert"], "least loaded of 2 lead CSMs, with 0 open"),
        ("round_robin", ["bert", "anna", "bert"], "next in turn of 2 lead CSMs"),
    ],
)
@pytest.mark.parametrize("kind", ["alert", "flag"])
async def test_alerts_and_flags_go_by_what_people_have_and_whose_turn_it_is(
    database_url: str, kind: str, rule: str, to: list[str], because: str
) -> None:
    people = "csms:\n" + "".join(
        f"  - {{id: {id}, name: {id.title()}, inbox: true, tier: lead}}\n" for id in ("anna", "bert")
    )
    text = (
        "id: x\nwhen: usage.breadth < 40 %\nsteps:\n  - {task: Do, assign: [{person: anna}]}\n"
        f"  - {{{kind}: Tell, after: 1d, assign: [{{{rule}: {{tier: lead}}}}]}}"
    )
    async with a_floor(database_url, text, people=people) as floor:
        for account in "abc":
            await floor.take((account, an_assessment(1, MONDAY, LOW)))
        told = [await floor.pass_until(MONDAY + DAY), *[await floor.pass_until(MONDAY + 2 * DAY) for _ in range(2)]]
        assert [one.recipient and one.recipient.id for asked in told for one in asked] == to
        (first, *_) = await floor.rows(f"SELECT because FROM items WHERE kind = '{kind}' ORDER BY account_id")
        assert first.because == because
        loads = await floor.rows("SELECT csm_id, open_tasks FROM csm_load ORDER BY csm_id")
        assert [tuple(row) for row in loads] == [("anna", 3), ("bert", 0)]


async def test_a_flag_of_the_night_goes_in_the_morning(database_url: str) -> None:
    held = "id: grow\nwhen: usage.breadth < 40 %\nheld_for: 14h\nsteps: [flag: More seats]"
    morning = datetime.fromisoformat("2026-03-03T08:30:00Z")
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY, LOW)
        assert await floor.pass_until(morning - SECOND) == []
        assert (await floor.rows("SELECT reason FROM moves ORDER BY id"))[-1].reason == (
            "step 1 waits until Tue 3 Mar 2026, 08:30 UTC, when it may be brought"
        )
        (flag,) = await floor.pass_until(morning)
        assert (flag.kind, flag.not_before) == ("flag", None)
        assert await floor.pass_until(morning + DAY) == []


async def test_a_flag_goes_in_the_morning_though_its_timer_is_late(database_url: str) -> None:
    held = "id: grow\nwhen: usage.breadth < 40 %\nheld_for: 14h\nsteps: [flag: More seats]"
    morning = datetime.fromisoformat("2026-03-03T08:30:00Z")
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY, LOW)
        await floor.pass_until(morning - SECOND)
        ticket = Cause(kind="event", type="ticket.opened", accepted=morning + HOUR)
        (flag,) = await floor.assess(2, morning + HOUR, {**LOW, "support.urgent": 1}, cause=ticket)
        assert flag.kind == "flag"
        (item,) = await floor.rows("SELECT opened_at FROM items")
        assert item.opened_at == morning


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_flag_that_waits_for_the_morning_is_held_back_by_what_happens_meanwhile(
    database_url: str, in_one_batch: bool
) -> None:
    held = "id: grow\nwhen: usage.breadth < 40 %\nheld_for: 14h\nsteps: [{flag: More seats, assign: round_robin}]"
    people = "csms: [{id: west, name: West, inbox: true, time_zone: America/New_York}]"
    morning = datetime.fromisoformat("2026-03-03T13:30:00Z")
    urgent = {**LOW, "support.urgent": 1}
    async with a_floor(database_url, held, people=people) as floor:
        await floor.assess(1, MONDAY, LOW)
        if not in_one_batch:
            assert await floor.pass_until(morning - HOUR) == []
        ticket = Cause(kind="event", type="ticket.opened", accepted=morning - HOUR)
        assert await floor.assess(2, morning - HOUR, urgent, cause=ticket) == []
        assert await floor.pass_until(morning + DAY) == []
        assert await floor.states("flag") == []
        (flag,) = await floor.assess(3, morning + 2 * DAY + HOUR, {**LOW, "support.urgent": 0})
        assert (flag.kind, flag.recipient and flag.recipient.id) == ("flag", "west")


async def test_a_night_alert_is_called_back_when_it_is_over_before_the_morning(database_url: str) -> None:
    held = "id: stalled\nwhen: usage.breadth < 40 %\nheld_for: 6h\nsteps: [{alert: Hi}]"
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY + 8 * HOUR, LOW)
        (action,) = await floor.pass_until(MONDAY + 14 * HOUR)
        await floor.assess(2, MONDAY + 15 * HOUR, HIGH)
        assert await floor.cancelled() == [action.action_id]
        assert await floor.states("alert") == ["closed"]


async def test_a_task_of_the_night_waits_for_the_morning_while_its_day_runs(database_url: str) -> None:
    held = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 8h\nsteps: [{task: Call, due: 24h}]"
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY, LOW)
        (task,) = await floor.pass_until(MONDAY + 8 * HOUR)
        tomorrow = MONDAY + 8 * HOUR + DAY
        assert task.task is not None
        assert (task.not_before, task.task.due_at) == (datetime.fromisoformat("2026-03-03T08:30:00Z"), tomorrow)
        assert await floor.pass_until(tomorrow - SECOND) == []
        assert len(await floor.pass_until(tomorrow)) == 1


async def test_an_overdue_task_is_told_to_whoever_answers_for_the_assignee(floor: Floor) -> None:
    await floor.assess(1, MONDAY, LOW)
    (told,) = await floor.pass_until(MONDAY + 3 * DAY)
    assert told.recipient is not None
    assert (told.kind, told.title, told.recipient.id) == ("alert", "Overdue: Call Northwind", "lead")
    assert await floor.pass_until(MONDAY + 30 * DAY) == []


async def test_an_overdue_task_that_nobody_needs_any_more_bothers_no_manager(floor: Floor) -> None:
    await floor.assess(1, MONDAY, LOW)
    await floor.assess(2, MONDAY + HOUR, HIGH)
    assert await floor.episodes() == [("stalled", "resting")]
    assert await floor.pass_until(MONDAY + 5 * DAY) == []


CLOSER = """
id: better
when: [health.band == green, health.previous_band == red]
repeat: {after: 1d}
closes: [stuck]
steps: [{alert: "{{ account.name }} is healthy again", severity: high}]
"""
STUCK = "id: stuck\nmatter: onboarding\nwhen: onboarding.progress < 60 %\nexit_when: onboarding.progress >= 80 %"
STUCK += "\nsteps: [task: Help them]"


@pytest.mark.parametrize(
    ("progress", "state", "outcome"),
    [(70, "closed", "closed by better"), (50, "open", "")],
    ids=["passed", "still holds"],
)
async def test_a_closer_closes_what_has_passed_and_leaves_what_still_holds(
    database_url: str, progress: int, state: str, outcome: str
) -> None:
    async with a_floor(database_url, STUCK, CLOSER, people=PEOPLE) as floor:
        (task,) = await floor.assess(1, MONDAY, {"onboarding.progress": 50, "health.band": "red"})
        # Better than where it fires, but not so good that it ends by itself.
        better = {"onboarding.progress": progress, "health.band": "green", "health.previous_band": "red"}
        sent = await floor.assess(2, MONDAY + HOUR, better)
        assert "Northwind is healthy again" in [one.title for one in sent]
        assert (task.action_id in await floor.cancelled()) == (state == "closed")
        assert await floor.states("task") == [state]
        (closed,) = await floor.rows("SELECT body->>'outcome' AS outcome FROM episodes WHERE playbook = 'stuck'")
        assert closed.outcome == outcome


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ({"gone": "merged", "merged_into": "contoso"}, "merged into contoso"),
        ({"gone": "erased"}, "the account was erased"),
    ],
    ids=["merged", "erased"],
)
async def test_nothing_goes_on_about_an_account_that_has_gone(database_url: str, gone: Any, reason: str) -> None:
    silent = "id: silent\nwhen: relationship.pulse is unknown\nheld_for: 5d\nsteps: [alert: Nobody asked them]"
    flag = "id: grow\nwhen: usage.breadth < 40 %\nsteps: [flag: More]"
    rests = "id: rests\nwhen: usage.breadth < 30 %\nrepeat: {after: 9d}\nsteps: [alert: Hi]"
    async with a_floor(database_url, TASK, silent, flag, rests, people=PEOPLE) as floor:
        await floor.assess(1, MONDAY, {"usage.breadth": 35.0})
        await floor.assess(2, MONDAY + HOUR, LOW)
        await floor.assess(3, MONDAY + 2 * HOUR, {"usage.breadth": 35.0})
        assert {state for _, state in await floor.episodes()} == {"active", "pending", "resting"}
        told = await floor.sent()
        left = an_assessment(4, MONDAY + DAY, cause=Cause(kind="event", source="crm", id="m-1"), **gone)
        left = msgspec.structs.replace(left, facts={"account.id": "northwind", "account.name": "Northwind"})
        assert await floor.take(("northwind", left)) == []
        assert {state for _, state in await floor.episodes()} == {"idle"}
        assert {row.state for row in await floor.rows("SELECT state FROM items")} == {"closed"}
        assert sorted(await floor.cancelled()) == sorted({one.action_id for one in told})
        reasons = await floor.rows("SELECT DISTINCT reason, actor FROM moves WHERE at >= '2026-03-03'")
        assert [tuple(row) for row in reasons] == [(reason, "crm m-1")]
        (load,) = await floor.rows("SELECT open_tasks FROM csm_load WHERE csm_id = 'own'")
        assert load.open_tasks == 0
        assert await floor.pass_until(MONDAY + 60 * DAY) == []


CALL = """
id: call
on_event: feedback.nps
when: event.comment is known
steps:
  - task: "Call {{ event.who }}: {{ event.comment }}"
    keep: true
"""
LOST = "third time support lost our ticket"


def said_by(contact: str, name: str, comment: str, at: datetime) -> Cause:
    data = {"contact_id": contact, "score": 2, "comment": comment}
    known: dict[str, Any] = {"time": at, "data": data, "contact_name": name, "contact_role": "admin"}
    return Cause(kind="event", source="app", id=f"a-{len(comment)}", type="feedback.nps", **known)


async def erase_kim(floor: Floor, rev: int, *texts: str) -> None:
    cause = Cause(kind="event", source="app", id="e-1", type="contact.erased", data={"contact_id": "kim"})
    erased = ContactErased(contact_id="kim", texts=["Kim Miller", *texts])
    await floor.assess(rev, MONDAY + DAY, {}, cause=cause, erased=erased)


async def test_of_a_contact_who_was_erased_no_word_stays_and_what_was_about_them_ends(database_url: str) -> None:
    seen = "id: seen\nwhen: contacts.left is known\nsteps: [alert: Somebody left]"
    async with a_floor(database_url, CALL, seen, people=PEOPLE) as floor:
        left = {"contacts.left": "Kim Miller (champion)"}
        await floor.assess(1, MONDAY, left, cause=said_by("kim", "Kim Miller", LOST, MONDAY))
        task = next(one for one in await floor.sent() if one.kind == "task")
        assert "Kim Miller" in task.title
        known: Any = {"item_id": task.action_id, "at": MONDAY, "actor": "own", "note": "Kim is cross"}
        await floor.take(("northwind", DeliveryResponded(response_id="r1", response="comment", **known)))
        await erase_kim(floor, 2)
        columns = [tuple(row) for row in await floor.rows(COLUMNS) if row.table_schema == "playbooks"]
        asked = dict(searches(columns, ("Kim", LOST), but=("playbooks.outbox",)))
        assert [place for place, count in asked.items() if (await floor.rows(count))[0].count] == []
        assert dict(await floor.episodes())["call"] == "idle"
        told = registry.data_of((await floor.staged_on(registry.ACTIONS))[-1])
        assert isinstance(told, ContactErased)
        assert {"Kim Miller", LOST} <= set(told.texts)


async def test_what_others_said_stays_when_one_of_them_is_erased(database_url: str) -> None:
    async with a_floor(database_url, CALL, people=PEOPLE) as floor:
        await floor.assess(1, MONDAY, {}, cause=said_by("kim", "Kim Miller", LOST, MONDAY))
        await floor.assess(2, MONDAY + HOUR, {}, cause=said_by("lee", "Lee Park", "nobody answers", MONDAY + HOUR))
        await erase_kim(floor, 3, LOST)
        (item,) = await floor.rows("SELECT state, request::text AS said, names::text FROM items WHERE kind = 'task'")
        assert item.state == "open"
        assert "Lee Park" in item.said
        assert "Kim" not in item.said
        assert "kim" not in item.names


async def test_a_task_ends_with_its_episode_whatever_the_batches(database_url: str) -> None:
    closer = "id: better\nwhen: health.band == green\ncloses: [late]\nsteps: [alert: Better]"
    late = "id: late\nwhen: usage.breadth < 40 %\nsteps: [task: Call]"
    facts: list[dict[str, Any]] = [LOW, HIGH, LOW, {**LOW, "health.band": "green"}, HIGH]
    for in_one_batch in (False, True):
        async with a_floor(database_url, closer, late) as floor:
            account = f"account-{in_one_batch}"
            road = [(account, an_assessment(rev, MONDAY + rev * HOUR, seen)) for rev, seen in enumerate(facts, start=1)]
            for one in [road] if in_one_batch else [[one] for one in road]:
                await floor.take(*one)
            items = await floor.rows(
                f"SELECT state FROM items WHERE account_id = '{account}' AND kind = 'task' ORDER BY opened_at"
            )
            assert [item.state for item in items] == ["closed", "closed"]


class TestHistory:
    async def test_each_owner_gets_one_list_of_what_was_found(self, database_url: str) -> None:
        async with a_floor(database_url, TASK, people=PEOPLE) as floor:
            history = Cause(kind="history")
            for account, owner in (("a", "owner@example.com"), ("b", "east@example.com"), ("c", "owner@example.com")):
                facts = {**LOW, "account.name": account.upper(), "account.owner": owner}
                await floor.take((account, an_assessment(1, MONDAY, facts, cause=history, found_in="import-1")))
            assert await floor.sent() == []
            digests = await floor.pass_until(MONDAY + 10 * SECOND)
            assert [
                (one.kind, one.recipient and one.recipient.id, [f["account_id"] for f in one.found]) for one in digests
            ] == [
                ("digest", "east", ["b"]),
                ("digest", "own", ["a", "c"]),
            ]
            assert await floor.pass_until(MONDAY + DAY) == []

    async def test_a_later_find_waits_for_the_last(self, database_url: str) -> None:
        async with a_floor(database_url, TASK) as floor:
            history = Cause(kind="history")
            for number in range(4):
                at = MONDAY + number * 3 * SECOND
                found = an_assessment(1, at, {**LOW, "account.name": str(number)}, cause=history, found_in="import-1")
                await floor.take((f"account-{number}", found))
                assert await floor.pass_until(at + SECOND) == []
            (digest,) = await floor.pass_until(MONDAY + DAY)
            assert len(digest.found) == 4

    async def test_nothing_fires_while_an_import_is_open_but_a_live_answer_does(self, database_url: str) -> None:
        async with a_floor(database_url) as floor:
            failed = {"billing.payment_failed_at": MONDAY.isoformat()}
            assert await floor.assess(1, MONDAY, failed, imports=["import-1"]) == []
            live = await floor.assess(2, MONDAY, failed, imports=["import-1"], cause=an_answer(1, MONDAY))
            assert [one.playbook.partition("@")[0] for one in live] == ["detractor"]

    async def test_a_change_of_scorecard_finds_and_does_not_fire(self, floor: Floor) -> None:
        assert await floor.assess(1, MONDAY, LOW, cause=Cause(kind="scorecard")) == []
        assert await floor.episodes() == [("stalled", "found")]


class TestAnswers:
    async def test_a_false_alarm_from_a_message_ends_the_episode(self, floor: Floor) -> None:
        (action,) = await floor.assess(1, MONDAY, LOW)
        await floor.take(("northwind", said(action.action_id, "false_alarm")))
        assert await floor.states("task") == ["false_alarm"]
        assert await floor.episodes() == [("stalled", "over")]
        assert await floor.assess(2, MONDAY + 40 * DAY, LOW) == []
        (load,) = await floor.rows("SELECT open_tasks FROM csm_load WHERE csm_id = 'own'")
        assert load.open_tasks == 0

    async def test_an_answer_that_comes_twice_counts_once_and_one_too_late_is_noted(self, floor: Floor) -> None:
        (action,) = await floor.assess(1, MONDAY, LOW)
        for response in ("false_alarm", "false_alarm", "reassigned"):
            await floor.take(("northwind", said(action.action_id, response, to="east")))
        assert await floor.states("task") == ["false_alarm"]
        moves = [
            row.reason for row in await floor.rows(f"SELECT reason FROM moves WHERE subject = '{action.action_id}'")
        ]
        assert moves[-1] == "reassigned, too late"

    async def test_an_answer_is_done_once_whatever_has_happened_since(self, floor: Floor) -> None:
        (action,) = await floor.assess(1, MONDAY, LOW)
        taken, snoozed = (
            msgspec.structs.replace(said(action.action_id, move, until=until), response_id=move)
            for move, until in (("take", None), ("snooze", MONDAY + HOUR))
        )
        await floor.take(("northwind", taken), ("northwind", snoozed), ("northwind", taken))
        assert await floor.states("task") == ["snoozed"]
        await floor.pass_until(MONDAY + HOUR)
        await floor.take(("northwind", snoozed))
        assert await floor.states("task") == ["open"]

    async def test_a_reassigned_task_is_told_to_the_next_one(self, floor: Floor) -> None:
        (action,) = await floor.assess(1, MONDAY, LOW)
        (told,) = await floor.take(("northwind", said(action.action_id, "reassigned", to="east")))
        assert (told.recipient and told.recipient.id, told.task and told.task.task_id) == ("east", action.action_id)
        assert await floor.cancelled() == [action.action_id]
        loads = {row.csm_id: row.open_tasks for row in await floor.rows("SELECT csm_id, open_tasks FROM csm_load")}
        assert (loads["own"], loads["east"]) == (0, 1)
        await floor.take(("northwind", said(told.action_id, "false_alarm")))
        assert await floor.states("task") == ["false_alarm"]

    async def test_a_snoozed_alert_comes_back(self, database_url: str) -> None:
        async with a_floor(database_url, STALLED + "  - alert: Look here\n") as floor:
            (action,) = await floor.assess(1, MONDAY, LOW)
            await floor.take(("northwind", said(action.action_id, "snoozed", until=MONDAY + 3 * HOUR)))
            assert await floor.states("alert") == ["snoozed"]
            (again,) = await floor.pass_until(MONDAY + 3 * HOUR)
            assert (again.title, again.action_id != action.action_id) == ("Again: Look here", True)
            await floor.take(("northwind", said(again.action_id, "acknowledged")))
            assert await floor.states("alert") == ["acknowledged"]

    async def test_a_snoozed_alert_whose_cause_has_passed_is_closed(self, database_url: str) -> None:
        async with a_floor(database_url, STALLED + "  - alert: Look here\n") as floor:
            (action,) = await floor.assess(1, MONDAY, LOW)
            await floor.take(("northwind", said(action.action_id, "snoozed", until=MONDAY + 2 * DAY)))
            await floor.assess(2, MONDAY + DAY, HIGH)
            assert await floor.states("alert") == ["snoozed"]
            assert await floor.pass_until(MONDAY + 3 * DAY) == []
            (alert,) = await floor.rows("SELECT state, note, closed_by, snoozed_until FROM items")
            assert (alert.state, alert.closed_by, alert.snoozed_until) == ("closed", "time", None)
            assert "usage breadth is 75 %" in alert.note

    async def test_a_snoozed_alert_about_an_event_comes_back_all_the_same(self, database_url: str) -> None:
        async with a_floor(database_url, "id: x\non_event: feedback.nps\nsteps: [alert: Read it]") as floor:
            (action,) = await floor.take(answered(1, MONDAY, 2))
            assert await floor.episodes() == [("x", "idle")]
            await floor.take(("northwind", said(action.action_id, "snoozed", until=MONDAY + 2 * HOUR)))
            (again,) = await floor.pass_until(MONDAY + 2 * HOUR)
            assert again.title == "Again: Read it"

    async def test_what_waits_is_said_anew_once_in_ten_minutes_until_it_is_delivered(self, floor: Floor) -> None:
        (first,) = await floor.assess(1, MONDAY, LOW)
        assert await floor.assess(2, MONDAY + 60 * SECOND, {"usage.breadth": 20.0}) == []
        (anew,) = await floor.pass_until(MONDAY + HOUR)
        assert (anew.action_id, anew.revision) == (first.action_id, 1)
        assert anew.why == ["usage breadth is 20 %, under 40 %"]
        settled = DeliverySettled(
            delivery_id="d", action_ids=[first.action_id], channel="inbox", state="delivered", at=MONDAY, attempts=1
        )
        await floor.take(("northwind", settled))
        assert await floor.assess(3, MONDAY + 2 * HOUR, {"usage.breadth": 15.0}) == []

    async def test_what_became_of_a_message_is_noted(self, floor: Floor) -> None:
        (action,) = await floor.assess(1, MONDAY, LOW)
        settled = DeliverySettled(
            delivery_id="d", action_ids=[action.action_id], channel="inbox", state="delivered", at=MONDAY, attempts=1
        )
        await floor.take(("northwind", settled))
        assert [row.delivery for row in await floor.rows("SELECT delivery FROM items")] == ["delivered"]


async def test_an_episode_stays_with_the_version_that_opened_it(database_url: str) -> None:
    old = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [alert: Old, {after: 2d, alert: Old again}]"
    new = "id: stalled\nwhen: usage.breadth < 30 %\nsteps: [alert: New]"
    async with a_floor(database_url, old) as floor:
        await floor.assess(1, MONDAY, {"usage.breadth": 35.0})
    async with a_floor(database_url, new) as floor:
        assert await floor.assess(2, MONDAY + DAY, {"usage.breadth": 35.0}) == []
        (later,) = await floor.pass_until(MONDAY + 2 * DAY)
        assert later.title == "Old again"
        assert later.playbook == f"stalled@{load_playbook(old, 'x').playbook.version}"
        await floor.assess(3, MONDAY + 3 * DAY, HIGH)
        (fresh,) = await floor.assess(4, MONDAY + 4 * DAY, LOW)
        assert fresh.title == "New"


async def test_an_old_version_does_not_fire_after_its_rest(database_url: str) -> None:
    text = "id: stalled\nwhen: usage.breadth < {} %\nrepeat: {{after: 10d}}\nsteps: [alert: {}]"
    async with a_floor(database_url, text.format(40, "Old")) as floor:
        await floor.assess(1, MONDAY, LOW)
        await floor.assess(2, MONDAY + DAY, HIGH)
        assert await floor.episodes() == [("stalled", "resting")]
    async with a_floor(database_url, text.format(5, "New")) as floor:
        assert await floor.assess(3, MONDAY + 2 * DAY, LOW) == []
        assert await floor.pass_until(MONDAY + 30 * DAY) == []
        (fired,) = await floor.assess(4, MONDAY + 31 * DAY, {"usage.breadth": 4.0})
        assert fired.title == "New"


async def test_a_corrected_playbook_fires_by_its_new_text_after_the_rest_of_the_old(database_url: str) -> None:
    async with a_floor(database_url, STALLED + "  - alert: Odl\n") as floor:
        await floor.assess(1, MONDAY, LOW)
        await floor.assess(2, MONDAY + DAY, HIGH)
    async with a_floor(database_url, STALLED + "  - alert: Old\n") as floor:
        assert await floor.assess(3, MONDAY + 2 * DAY, LOW) == []
        (fired,) = await floor.pass_until(MONDAY + 31 * DAY)
        assert fired.title == "Old"


async def test_a_deleted_playbook_does_not_fire_after_its_rest(database_url: str) -> None:
    other = "id: other\nwhen: usage.breadth < 1 %\nsteps: [alert: Other]"
    async with a_floor(database_url, STALLED + "  - alert: Old\n") as floor:
        await floor.assess(1, MONDAY, LOW)
        await floor.assess(2, MONDAY + DAY, HIGH)
        await floor.assess(3, MONDAY + 2 * DAY, LOW)
    async with a_floor(database_url, other) as floor:
        assert await floor.pass_until(MONDAY + 60 * DAY) == []
        assert await floor.assess(4, MONDAY + 61 * DAY, LOW) == []


async def test_one_timer_an_account_is_rewritten_only_to_come_earlier(database_url: str) -> None:
    absence = "id: silent\nwhen: days_since account.signed_at >= 14 days\nsteps: [alert: No value yet]"
    async with a_floor(database_url, absence) as floor:
        for rev, days in ((1, 0), (2, 1), (3, 2)):
            await floor.assess(rev, MONDAY + days * DAY, {"account.signed_at": MONDAY.isoformat()})
        ((key, due),) = await floor.rows("SELECT key, due FROM timers")
        assert (key, due) == ("account:northwind", MONDAY + 14 * DAY)
        assert len(await floor.pass_until(MONDAY + 14 * DAY)) == 1
        assert await floor.pass_until(MONDAY + 100 * DAY) == []


async def test_an_event_of_later_does_not_overtake_a_timer_that_runs_late(database_url: str) -> None:
    held = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 7d\nsteps: [alert: It has held]"
    due = MONDAY + 7 * DAY
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY, LOW)
        # The timer has not run yet when the better news of a second later is read.
        better = an_assessment(2, due + SECOND, HIGH, cause=Cause(kind="usage", accepted=due + SECOND))
        (late,) = await floor.take(("northwind", better))
        assert late.title == "It has held"
        assert await floor.episodes() == [("held", "idle")]
        assert [row.at for row in await floor.rows("SELECT at FROM moves WHERE after = 'active'")] == [due]
        assert await floor.pass_until(due + DAY) == []


async def test_a_timer_that_ran_late_asked_for_the_same_action_as_one_on_time(database_url: str) -> None:
    held = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 7d\nsteps: [alert: It has held, {after: 2d, alert: Still}]"
    due = MONDAY + 7 * DAY
    after = an_assessment(2, due + 3 * DAY, LOW, cause=Cause(kind="usage", accepted=due + 3 * DAY))
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY, LOW)
        late = await floor.take(("northwind", after))
        assert [one.title for one in late] == ["It has held", "Still"]
        for table in ("accounts", "episodes", "items", "moves", "timers", "outbox"):
            async with floor.uow.begin() as c:
                await c.execute(text(f"DELETE FROM {table}"))
        await floor.assess(1, MONDAY, LOW)
        on_time = await floor.pass_until(due + 2 * DAY)
        await floor.take(("northwind", after))
        assert [one.action_id for one in on_time] == [one.action_id for one in late]


async def test_what_was_accepted_before_a_timer_is_not_overtaken_by_it(database_url: str) -> None:
    held = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 7d\nsteps: [alert: It has held]"
    due = MONDAY + 7 * DAY
    async with a_floor(database_url, held) as floor:
        await floor.assess(1, MONDAY, LOW)
        better = an_assessment(2, due + SECOND, HIGH, cause=Cause(kind="usage", accepted=due - SECOND))
        assert await floor.take(("northwind", better)) == []
        assert await floor.pass_until(due + DAY) == []
        assert await floor.episodes() == [("held", "idle")]


@pytest.mark.parametrize(
    ("marked", "told"), [(-2, []), (1, ["It has held"])], ids=["all was not read yet", "all was read"]
)
async def test_a_late_look_does_not_miss_what_was_accepted_before_it(
    database_url: str, marked: int, told: list[str]
) -> None:
    held = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 7d\nsteps: [alert: It has held]"
    due = MONDAY + 7 * DAY
    mark = ("3", PartitionMark(through=due + marked * SECOND))
    # A ticket of after the timer is told together with usage, which may have been accepted before it.
    ticket = Cause(kind="event", type="ticket.opened", accepted=due + 2 * SECOND)
    for in_one_batch in (True, False):
        async with a_floor(database_url, held) as floor:
            account = f"account-{in_one_batch}"
            await floor.take((account, an_assessment(1, MONDAY, LOW)))
            late = (account, an_assessment(2, due + 2 * SECOND, HIGH, cause=ticket))
            if not in_one_batch:
                await floor.take(mark)
            asked = await floor.take(mark, late) if in_one_batch else await floor.take(late)
            assert [one.title for one in asked] == told
            (episode,) = await floor.rows(f"SELECT state FROM episodes WHERE account_id = '{account}'")
            assert episode.state == "idle"


async def test_what_held_before_a_playbook_was_changed_is_found_so_and_what_comes_after_fires(
    database_url: str,
) -> None:
    old = "id: stalled\nwhen: usage.breadth < 10 %\nsteps: [alert: Old]"
    new = "id: stalled\nwhen: usage.breadth < 30 %\nsteps: [alert: New]"
    more = "id: silent\nwhen: usage.recency >= 9\nsteps: [alert: More]"
    async with a_floor(database_url, old) as floor:
        await floor.assess(1, MONDAY, {"usage.breadth": 25.0, "usage.recency": 9})
        await floor.take(("tern", an_assessment(1, MONDAY, HIGH)))
    async with a_floor(database_url, new, more) as floor:
        at = MONDAY + DAY
        assert await floor.assess(2, at, {"usage.breadth": 24.0, "usage.recency": 9}) == []
        assert await floor.episodes() == [("silent", "found"), ("stalled", "found")]
        (fired,) = await floor.take(("tern", an_assessment(2, at, LOW)))
        assert fired.title == "New"
        assert await floor.pass_until(at + HOUR - SECOND) == []
        (told,) = await floor.pass_until(at + HOUR)
        assert told.title == "1 account needs a look, found by 2 new or changed playbooks"
        assert [found["playbook_title"] for found in told.found] == ["Silent", "Stalled"]
        assert await floor.assess(3, at + 2 * HOUR, {"usage.breadth": 24.0, "usage.recency": 9}) == []


class TestANewRuleMeetsQuietAccounts:
    seats = "id: seats\nwhen: account.seats == 777\nsteps: [alert: They have 777]"
    trial = "id: trial\nwhen: days_since account.signed_at >= 30\nsteps: [{task: Ask them, due: 2d}]"

    async def test_what_holds_is_found_so_within_the_hour_silent_ones_first(self, database_url: str) -> None:
        async with a_floor(database_url, TASK, people=PEOPLE) as floor:
            for days, account in enumerate(("late", "silent", "other"), 1):
                seats = {"account.seats": 5 if account == "other" else 777, "account.name": account.title()}
                at = MONDAY - (DAY if account == "late" else days * 90 * DAY)
                await floor.take((account, an_assessment(1, at, {**HIGH, **seats})))
        async with a_floor(database_url, TASK, self.seats, people=PEOPLE) as floor:
            assert await floor.to_meet() == ["other", "silent", "late"]
            await floor.pass_until(MONDAY + SECOND / 8)
            assert await floor.found() == [("silent", "seats")]
            assert await floor.to_meet() == ["late"]
        async with a_floor(database_url, TASK, self.seats, people=PEOPLE) as floor:
            assert await floor.pass_until(MONDAY + HOUR) == []
            assert await floor.found() == [("late", "seats"), ("silent", "seats")]
            (told,) = await floor.pass_until(MONDAY + 2 * HOUR)
            assert (told.recipient and told.recipient.id, told.title) == (
                "own",
                "2 accounts need a look, found by the new or changed playbook seats",
            )
            assert await floor.to_meet() == []
            assert await floor.take(("late", an_assessment(2, MONDAY + DAY, {**HIGH, "account.seats": 777}))) == []

    async def test_who_was_looked_at_meanwhile_met_it_then_and_its_turn_moves_nothing(self, database_url: str) -> None:
        async with a_floor(database_url, TASK) as floor:
            await floor.assess(1, MONDAY - DAY, HIGH)
        async with a_floor(database_url, TASK, self.seats) as floor:
            (fired,) = await floor.assess(2, MONDAY, {**HIGH, "account.seats": 777})
            assert fired.title == "They have 777"
            before = await floor.rows("SELECT standing, looked_at FROM accounts")
            assert await floor.pass_until(MONDAY + HOUR) == []
            assert await floor.rows("SELECT standing, looked_at FROM accounts") == before

    async def test_what_time_brought_before_is_found_and_what_it_brings_later_fires(self, database_url: str) -> None:
        async with a_floor(database_url, TASK, people=PEOPLE) as floor:
            for account, signed in (("old", MONDAY - 40 * DAY), ("young", MONDAY - 20 * DAY)):
                facts = {**HIGH, "account.signed_at": signed.isoformat()}
                await floor.take((account, an_assessment(1, signed, facts)))
        async with a_floor(database_url, TASK, self.trial, people=PEOPLE) as floor:
            assert [one.kind for one in await floor.pass_until(MONDAY + 2 * HOUR)] == ["digest"]
            assert await floor.found() == [("old", "trial")]
            (fired,) = await floor.pass_until(MONDAY + 10 * DAY)
            assert (fired.title, fired.account.id) == ("Ask them", "young")

    async def test_the_status_says_how_many_have_yet_to_meet_it(self, database_url: str) -> None:
        async with a_floor(database_url, TASK) as floor:
            for account in "abc":
                await floor.take((account, an_assessment(1, MONDAY - DAY, HIGH)))
            assert await floor.sweep() is None
        async with a_floor(database_url, TASK, self.seats) as floor:
            assert await floor.sweep() == {"accounts": 3, "by": MONDAY + 3 * SECOND / 20}
            await floor.pass_until(MONDAY + SECOND / 10)
            assert await floor.sweep() == {"accounts": 1, "by": MONDAY + 3 * SECOND / 20}
            await floor.pass_until(MONDAY + SECOND)
            assert await floor.sweep() is None


async def test_the_trace_and_the_time_to_decide_are_those_of_the_event(database_url: str) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with a_floor(database_url) as floor:
        account, assessed = answered(1, MONDAY, 2)
        incoming = floor.incoming(account, assessed)
        record = msgspec.structs.replace(incoming.record, headers={"traceparent": trace})
        floor.clock.move(timedelta(milliseconds=80))
        async with floor.uow.begin() as c:
            await floor.handler.handle(
                c, floor.partition, [msgspec.structs.replace(incoming, record=record)], MONDAY, False
            )
        measured = 'keepwell_event_to_effect_seconds_count{effect="decided"}'
        assert measured not in metrics.text(floor.figures).decode()
        floor.handler.committed(floor.partition)
        assert f"{measured} 1.0" in metrics.text(floor.figures).decode()
        rows = await floor.rows("SELECT headers FROM outbox")
        assert [row.headers["traceparent"] for row in rows] == [trace]


async def test_a_gap_is_forgotten_with_its_partition(floor: Floor) -> None:
    await floor.assess(7, MONDAY, HIGH)
    await floor.assess(9, MONDAY, LOW)
    assert floor.handler.gaps(MONDAY + HOUR) == 1
    floor.handler.forget(floor.partition)
    assert floor.handler.gaps(MONDAY + HOUR) == 0


def said(action: str, response: Any, until: datetime | None = None, to: str | None = None) -> DeliveryResponded:
    return DeliveryResponded(
        delivery_id="d",
        action_id=action,
        response=response,
        at=MONDAY + timedelta(minutes=5),
        actor="own",
        until=until,
        to=to,
    )


async def test_silence_that_is_an_interruption_fires_nothing_after_a_restart_either(database_url: str) -> None:
    silent = 'id: silent\nwhen: days_since usage.last_seen_at >= 5\nsteps: [{alert: "Ask them"}]'
    async with a_floor(database_url, silent) as floor:
        await floor.assess(1, MONDAY, {"usage.last_seen_at": MONDAY.isoformat()})
        at = MONDAY + 4 * DAY
        mark = PartitionMark(through=at, interrupted={"usage": at})
        # What it says of an interruption is written; that the same goes on needn't be.
        assert not floor.hears(("3", mark))
        await floor.take(("3", mark))
        assert floor.hears(("3", mark))
        assert await floor.pass_until(MONDAY + 6 * DAY) == []
        floor.handler = PlaybooksHandler(lambda: floor.rules, floor.figures, floor.clock)
        async with floor.uow.begin() as c:
            await floor.handler.taken(c, floor.partition, MONDAY + 6 * DAY)
        assert await floor.pass_until(MONDAY + 7 * DAY) == []
        await floor.take(("3", PartitionMark(through=MONDAY + 7 * DAY)))
        assert len(await floor.pass_until(MONDAY + 7 * DAY + SECOND)) == 1
