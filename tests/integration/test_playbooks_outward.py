"""What endpoints are told of playbooks' decisions, on a real database: nothing until they want it, then each once."""

from collections.abc import AsyncIterator, Iterable

import msgspec
import pytest

from services.playbooks.core.subscribed import Subscribed
from services.playbooks.subscribing import Subscribing
from shared.messages.accounts import ContactErased
from shared.messages.assessments import Cause
from shared.messages.erasing import ERASED
from shared.messages.outward import WEBHOOK_TYPES, WebhooksWanted, WebhookTold
from shared.messages.registry import COMPANY
from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, an_answer, an_assessment

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nmatter: usage\nsteps: [{alert: Look}, {task: Call, due: 1d}]"
ITEMS = [one for one in WEBHOOK_TYPES if one.startswith(("task.", "alert.", "flag."))]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, STALLED) as made:
        yield made


def wanted(types: Iterable[str], at: float = 0, score_by: float | None = None) -> tuple[str, WebhooksWanted]:
    return COMPANY, WebhooksWanted(types=list(types), score_by=score_by, at=MONDAY + at * HOUR)


async def told(house: House) -> list[tuple[str, str]]:
    return [(one.type, one.data.get("state", "")) for one in await house.floor.told()]


async def statements(house: House, *, rev: int, account: str) -> int:
    """How many a batch takes that fires."""
    asked = list[None]()
    await house.floor.take((account, an_assessment(rev - 1, MONDAY, HIGH)))
    house.floor.uow.watch(lambda: asked.append(None))
    await house.floor.take((account, an_assessment(rev, MONDAY, LOW)))
    house.floor.uow.watch(lambda: None)
    return len(asked)


async def test_what_nobody_wants_costs_nothing_and_what_somebody_wants_no_statement_more(house: House) -> None:
    await house.floor.take(("warm", an_assessment(1, MONDAY, HIGH)), ("warm", an_assessment(2, MONDAY, LOW)))
    before = await house.floor.rows("SELECT id FROM outbox")
    unheard = await statements(house, rev=2, account="northwind")
    assert len(await house.floor.rows("SELECT id FROM outbox")) == len(before) + 1
    assert await told(house) == []
    await house.floor.take(wanted(ITEMS))
    assert await statements(house, rev=2, account="globex") == unheard
    assert sorted(await told(house)) == [("alert.opened", "open"), ("task.opened", "open")]


async def test_it_counts_from_the_commit_that_hears_it_and_the_last_that_was_said_stands(house: House) -> None:
    floor = house.floor
    await floor.take(wanted(["task.opened"], at=2))
    await floor.take(wanted(["alert.opened"], at=1))
    await floor.assess(1, MONDAY, LOW)
    assert await told(house) == [("task.opened", "open")]
    elsewhere = Subscribing(lambda: floor.rules)
    async with floor.uow.begin() as c:
        await elsewhere.refresh(c)
    assert elsewhere.rules().subscribed.types == {"task.opened"}
    await floor.take(wanted([], at=3))
    await floor.take(("globex", an_assessment(1, MONDAY, LOW)))
    assert await told(house) == [("task.opened", "open")]


async def test_what_was_wanted_is_known_after_a_start(house: House) -> None:
    await house.floor.take(wanted(["health.changed"], score_by=2.5))
    anew = Subscribing(lambda: house.floor.rules)
    async with house.floor.uow.begin() as c:
        await anew.refresh(c)
    first = anew.rules()
    assert first.subscribed == Subscribed(frozenset({"health.changed"}), 2.5)
    async with house.floor.uow.begin() as c:
        await anew.refresh(c)
    assert anew.rules() is first, "nothing is others than before"


async def test_a_task_by_hand_is_told_from_its_writing_to_its_end(house: House) -> None:
    floor = house.floor
    await floor.assess(1, MONDAY, HIGH)
    await floor.take(wanted(ITEMS))
    await house.adopt()
    body = {"account": "northwind", "title": "Send the deck", "assignee": "east", "due": "2 business days"}
    written = (await house.post("tasks", body, idempotency_key="deck")).json()
    again = await house.post("tasks", body, idempotency_key="deck")
    assert again.json()["id"] == written["id"]
    owner = await house.key_of("east")
    for move, asked in (("take", None), ("comment", {"note": "half done"}), ("done", {"note": "sent"})):
        answer = await house.post(f"tasks/{written['id']}/{move}", asked or {}, authorization=owner)
        assert answer.status_code == 200, answer.text
    found = await floor.told()
    said = [(one.type, one.data["previous_state"], one.data["state"], one.data["actor"]) for one in found]
    assert said == [
        ("task.opened", None, "open", "admin"),
        ("task.moved", "open", "taken", "east"),
        ("task.moved", "taken", "taken", "east"),
        ("task.closed", "taken", "done", "east"),
    ]
    assert [one.data["note"] for one in found[1:]] == ["taken", "half done", "sent"]
    assert {one.data["assignee"]["email"] for one in found} == {"east@example.com"}
    assert _alike(found[-1], written)
    (event, *_) = [one for one in await floor.staged_on("keepwell.actions") if one.type == "webhook.told"]
    assert (event.subject, event.time) == ("northwind", house.clock.now())


def _alike(told: WebhookTold, shown: dict[str, object]) -> bool:
    """What is told is what the API shows, by the same names."""
    same = ("id", "title", "severity", "matter", "contact_id", "due_at")
    return [told.data[name] for name in same] == [shown[name] for name in same]


async def test_health_and_answers_are_told_once_however_often_they_come(house: House) -> None:
    floor = house.floor
    await floor.take(wanted(["health.changed", "answer.received"], score_by=1.0))
    first = an_assessment(1, MONDAY, HIGH, score=9000, band="green")
    answer = an_assessment(2, MONDAY, HIGH, score=8950, band="green", cause=an_answer(6, MONDAY))
    for batch in ([first], [first, answer], [answer]):
        await floor.take(*(("northwind", one) for one in batch))
    quiet = an_assessment(3, MONDAY + DAY, HIGH, score=100, band="red", imports=["old"], cause=Cause(kind="history"))
    await floor.take(("northwind", quiet))
    found = await floor.told()
    assert [(one.type, one.data.get("score")) for one in found] == [
        ("health.changed", 90.0),
        ("health.changed", 89.5),
        ("answer.received", 6),
    ]
    assert (found[-1].contact_id, found[-1].data["account"]["score"]) == ("admin", 89.5)


async def test_of_who_is_erased_no_endpoint_hears_a_word_in_what_is_told_of_their_end(database_url: str) -> None:
    call = "id: call\non_event: feedback.nps\nsteps: [{task: 'Call {{ event.contact_name }}'}]"
    async with a_house(database_url, call) as house:
        floor = house.floor
        await floor.take(wanted(ITEMS))
        cause = msgspec.structs.replace(an_answer(2, MONDAY), contact_name="Kim Miller")
        await floor.assess(1, MONDAY, HIGH, cause=cause)
        erased = ContactErased(contact_id="admin", texts=["Kim Miller"])
        await floor.assess(2, MONDAY + DAY, HIGH, cause=Cause(kind="event", type="contact.erased"), erased=erased)
        opened, closed = await floor.told()
    assert (opened.type, opened.contact_id, "Kim Miller" in opened.data["title"]) == ("task.opened", "admin", True)
    assert (closed.type, closed.contact_id, closed.data["title"]) == ("task.closed", None, ERASED)
    assert "Kim" not in msgspec.json.encode(closed).decode()
