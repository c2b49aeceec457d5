"""What came in is read back by HTTP: timeline, people, tickets, invoices, subscriptions and usage."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.scoring.core import state as s
from services.scoring.store import timeline as store_timeline
from services.scoring.store import usage as store_usage
from shared.messages.envelope import Event
from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, a_contact, a_subscription, a_ticket, an_event, an_invoice, busy, nps, traits


@pytest.fixture
async def face(database_url: str) -> AsyncIterator[Face]:
    async with a_face(database_url) as made:
        urgent = a_ticket("T-1", opened_at=NOW - 5 * DAY, priority="urgent")
        await made.fed.feed(traits(name="Acme", seats=10), *busy(range(30)), urgent)
        yield made


async def test_what_happened_and_what_people_note_is_read_back_page_by_page(face: Face) -> None:
    await face.fed.feed(
        a_contact("c1", "admin", traits={"name": "Kim", "email": "kim@acme.example"}),
        nps(2, at=NOW - DAY, comment="too slow"),
        nps(9, contact="c2", at=NOW - 800 * DAY),
    )
    await face.post("/accounts/acme/notes", text="Their budget is cut.", at=(NOW - 2 * DAY).isoformat())
    await face.post("/accounts/$company/notes", text="Prices went up.")
    items, cursor = list[Any](), None
    while cursor is not None or not items:
        page = await face.get("/accounts/acme/timeline", limit=2, **({"cursor": cursor} if cursor else {}))
        items, cursor = [*items, *page["items"]], page["next_cursor"]
    said = [one["words"] for one in items if one["type"] != "account.assessed"]
    assert said == [
        "ticket T-1 was opened (urgent)",
        'Kim (admin) scored us 2: "too slow"',
        'csm@example.com noted: "Their budget is cut."',
        "Kim is admin",
        "the account has another name Acme and seats 10",
    ]
    assert [one["at"] for one in items] == sorted((one["at"] for one in items), reverse=True)
    assert "email" not in str(items)
    moves = [one["words"] for one in items if one["type"] == "account.assessed"]
    assert any("health went from" in words for words in moves)
    (note,) = (await face.get("/accounts/acme/timeline", type="note"))["items"]
    assert note["data"] == {"text": "Their budget is cut.", "author": "csm@example.com", "at": "2026-05-18T12:00:00Z"}
    over = await face.get("/timeline", type=["note.added", "ticket"])
    assert [one["account_id"] for one in over["items"]] == ["acme", "$company", "acme"]
    assert not (await face.get("/timeline", owner="ana@example.com"))["items"]
    assert "`note.added`" in (await face.get("/timeline", 400, type="note.aded"))["message"]
    (ours,) = (await face.get("/accounts/$company/timeline"))["items"]
    assert ours["words"] == 'csm@example.com noted: "Prices went up."'
    assert [row.id for row in await face.fed.rows("SELECT id FROM accounts")] == ["acme"]


async def test_of_an_erased_contact_the_timeline_keeps_no_words_whatever_comes_late(face: Face) -> None:
    erased = an_event("contact.erased", contact_id="c1")
    both: dict[str, Any] = {"requester": "c1", "contact_id": "c2", "title": "Kim waits for c2"}
    known = a_contact("c1", "admin", traits={"name": "Kim"})
    await face.fed.feed(known, nps(2, comment="too slow"), a_ticket("T-3", **both), erased)
    late = a_ticket("T-2", requester="c1", title="Kim waits"), a_ticket("T-4", **both)
    await face.fed.feed(nps(3, at=NOW - DAY, comment="so slow"), *late)
    told = str(await face.get("/timeline")) + str(await face.get("/tickets"))
    assert [word for word in ("c1", "Kim", "slow") if word in told] == []
    rows = (await face.get("/accounts/acme/timeline", type=["feedback", "ticket"]))["items"]
    assert Counter((one["words"], one["data"] is None) for one in rows if one["subject"] != "T-1") == {
        ("ticket opened, of a contact who was erased", True): 3,
        ("feedback nps, of a contact who was erased", True): 2,
    }
    hers = (await face.get("/accounts/acme/timeline", contact="c2"))["items"]
    assert {one["subject"] for one in hers} == {"T-3", "T-4"}
    await face.fed.feed(an_event("account.erased"), nps(1, comment="late"))
    assert not (await face.get("/timeline"))["items"]


async def test_tickets_and_invoices_are_listed_by_page_with_what_is_open_first_asked(face: Face) -> None:
    tickets = [a_ticket(f"T-{n}", at=NOW - n * DAY, title=f"No {n}", requester="c1") for n in range(2, 6)]
    closed = a_ticket("T-3", type="closed", opened_at=NOW - 3 * DAY, title="Solved", contact_id="c2", merged_into="T-2")
    urgent: dict[str, Any] = {"ticket_id": "T-9", "priority": "urgent", "opened_at": NOW - 9 * DAY}
    other = an_event("ticket.opened", account="other", at=NOW - 9 * DAY, **urgent)
    late, paid = NOW - 3 * DAY, NOW - 20 * DAY
    await face.fed.feed(
        *(*tickets, closed, other),
        an_invoice(invoice_id="I-1", at=NOW - 9 * DAY, url="https://pay.example/1", due_at=late),
        an_invoice(invoice_id="I-2", at=NOW - 30 * DAY, due_at=paid),
        an_invoice("paid", "I-2", at=NOW - 10 * DAY, paid_at=NOW - 10 * DAY, due_at=paid),
        an_event("invoice.credited", invoice_id="I-3", amount_minor=5, currency="EUR"),
    )
    first = await face.get("/accounts/acme/tickets", limit=3)
    rest = await face.get("/accounts/acme/tickets", limit=3, cursor=first["next_cursor"])
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ["T-2", "T-3", "T-4", "T-5", "T-1"]
    solved = first["items"][1]
    assert (solved["title"], solved["contact_id"], solved["merged_into"], solved["open"]) == (
        "Solved",
        "c2",
        "T-2",
        False,
    )
    assert (first["items"][0]["requester"], first["items"][0]["title"]) == ("c1", "No 2")
    assert [one["id"] for one in (await face.get("/tickets", priority="urgent"))["items"]] == ["T-1", "T-9"]
    assert [one["id"] for one in (await face.get("/tickets", open=False))["items"]] == ["T-3"]
    invoices = (await face.get("/accounts/acme/invoices"))["items"]
    assert [(one["id"], one["status"], one["open"], one["overdue"]) for one in invoices] == [
        ("I-1", "issued", True, True),
        ("I-2", "paid", False, False),
    ]
    assert (invoices[0]["url"], invoices[0]["amount_minor"], invoices[1]["url"]) == (
        "https://pay.example/1",
        10_000,
        None,
    )
    assert [one["id"] for one in (await face.get("/invoices", overdue=True))["items"]] == ["I-1"]
    await face.get("/accounts/nobody/tickets", 404)
    await face.fed.feed(traits(NOW, owner="ana@example.com"))
    hers = await face.get("/tickets", owner="ana@example.com", limit=4)
    more = await face.get("/tickets", owner="ana@example.com", limit=4, cursor=hers["next_cursor"])
    assert [one["id"] for one in (*hers["items"], *more["items"])] == ["T-2", "T-3", "T-4", "T-5", "T-1"]
    assert {one["account_id"] for one in (await face.get("/timeline", owner="ana@example.com"))["items"]} == {"acme"}
    await face.fed.feed(an_event("contact.erased", contact_id="c2"))
    tickets = await face.get("/tickets")
    assert "Solved" not in str(tickets)
    assert {one["id"]: one["merged_into"] for one in tickets["items"]}["T-3"] == "T-2"


async def test_people_and_subscriptions_are_listed_of_one_account_and_over_all(face: Face) -> None:
    await face.fed.feed(
        a_contact("c1", "champion", traits={"name": "Kim"}, user_ids=["u1", "u9"]),
        a_contact("c2", "admin"),
        a_contact("c2", "left", at=NOW - DAY),
        an_event("contact.updated", account="other", contact_id="c3", role="champion"),
        an_event("interaction.logged", at=NOW - DAY, kind="call", contact_id="c1"),
        *(nps(score, at=NOW - score * DAY, comment="fine") for score in (9, 3)),
        a_subscription(mrr_minor=500, currency="EUR", plan="pro", status="active"),
        a_subscription(id="s2", status="canceled"),
    )
    kim, gone = (await face.get("/accounts/acme/contacts"))["items"]
    assert (kim["name"], kim["role"], kim["last_seen"], kim["talked_by"]) == ("Kim", "champion", "2026-05-20", "call")
    assert (kim["answers"]["nps"]["score"], gone["left"], gone["last_seen"]) == (3, True, None)
    assert [one["id"] for one in (await face.get("/accounts/acme/contacts", left=False))["items"]] == ["c1"]
    first = await face.get("/contacts", limit=2)
    rest = await face.get("/contacts", limit=2, cursor=first["next_cursor"])
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ["c1", "c2", "c3"]
    assert [one["id"] for one in (await face.get("/contacts", role="champion"))["items"]] == ["c1", "c3"]
    (live,) = (await face.get("/subscriptions", live=True))["items"]
    assert (live["account_id"], live["id"], live["mrr_minor"], live["status"]) == ("acme", "s1", 500, "active")
    assert (await face.get("/accounts/other/subscriptions"))["items"] == []


async def test_a_success_plan_is_set_by_people_and_shown_with_how_far_it_is_now(face: Face) -> None:
    plan, due = "/accounts/acme/goals", (NOW + 30 * DAY).isoformat()
    await face.put(f"{plan}/seats", title="Fill the seats", due_at=due, fact="account.seats", op=">=", target=20)
    await face.put(f"{plan}/live", title="Go live", due_at=(NOW - DAY).isoformat())
    await face.put(f"{plan}/use", title="Use it all", due_at=due, fact="usage.breadth", op=">=", target="60 %")
    await face.put(f"{plan}/done", title="Be done", due_at=due)
    await face.post(f"{plan}/done/reached")
    await face.fed.feed(an_event("goal.set", account="other", goal_id="theirs", title="Theirs", due_at=due))
    goals = (await face.get(plan))["items"]
    assert [(one["id"], one["state"], one["holds"]) for one in goals] == [
        ("live", "overdue", None),
        ("done", "reached", None),
        ("seats", "open", False),
        ("use", "open", None),
    ]
    assert goals[2]["words"] == "10 seats, under 20"
    assert goals[3]["words"] == "usage breadth is unknown: the features of its plan are not declared"
    assert (await face.get("/accounts/acme"))["goals"] == [
        {name: value for name, value in one.items() if not name.startswith("account_")} for one in goals
    ]
    first = await face.get("/goals", limit=2, open=True)
    rest = await face.get("/goals", cursor=first["next_cursor"], open=True)
    assert [one["id"] for one in (*first["items"], *rest["items"])] == ["live", "seats", "use", "theirs"]
    assert [one["id"] for one in (await face.get("/goals", overdue=True))["items"]] == ["live"]
    facts = (await face.fed.told())[-1].facts
    assert (facts["goals.open"], facts["goals.overdue"], facts["goals.reached"]) == (3, 1, 1)
    said = {one["words"] for one in (await face.get("/accounts/acme/timeline", type="goal"))["items"]}
    assert said >= {
        'csm@example.com set goal use: "Use it all", usage.breadth >= 60 %, by 19 Jun 2026',
        "goal done was reached",
    }
    refused = await face.put(f"{plan}/x", 400, title="X", due_at=due, fact="usage.bredth", op=">=", target=1)
    assert "There is no fact `usage.bredth`. Did you mean `usage.breadth`?" in refused["message"]
    await face.put(f"{plan}/x", 400, title="X", due_at=due, fact="usage.breadth")
    for odd in (10**17, "\0", "x" * 257):
        await face.put(f"{plan}/x", 400, title="X", due_at=due, fact="account.name", op="==", target=odd)
    await face.put("/accounts/nobody/goals/x", 404, title="X", due_at=due)
    await face.put(f"{plan}/x", 403, key="right", title="X", due_at=due)
    assert "Did you mean `done`?" in (await face.post(f"{plan}/donee/reached", 404))["message"]


async def test_usage_is_read_back_by_day_and_feature_for_400_days_whenever_it_came(face: Face) -> None:
    def used(days: int, name: str, quantity: float = 1) -> Event:
        return an_event("usage.recorded", account="calm", at=NOW - days * DAY, feature=name, quantity=quantity)

    await face.fed.feed(*(used(days, name) for days in (0, 90) for name in ("api", "reports")))
    face.clock.move(5 * DAY)
    face.fed.now = face.clock.now()
    await face.fed.feed(used(120, "sso", 2.5), used(0, "api"))
    await face.fed.feed(used(390, "sso", 2.5), used(401, "sso"), used(120, "sso"))
    assert len(await face.fed.rows("SELECT * FROM usage_days")) == 4
    items, cursor = list[Any](), None
    while cursor is not None or not items:
        page = await face.get("/accounts/calm/usage", limit=2, **({"cursor": cursor} if cursor else {}))
        items, cursor = [*items, *page["items"]], page["next_cursor"]
    assert [(one["day"], one["feature"], one["uses"], one["quantity"]) for one in items] == [
        ("2026-05-20", "api", 2, 2),
        ("2026-05-20", "reports", 1, 1),
        ("2026-02-19", "api", 1, 1),
        ("2026-02-19", "reports", 1, 1),
        ("2026-01-20", "sso", 2, 3.5),
        ("2025-04-25", "sso", 1, 2.5),
    ]
    winter: dict[str, Any] = {"from": "2026-01-01", "to": "2026-02-01"}
    sso = await face.get("/accounts/calm/usage", feature="sso", **winter)
    assert [one["day"] for one in sso["items"]] == ["2026-01-20"]
    items, cursor = [], None
    spring: dict[str, Any] = {"from": "2026-02-01", "to": "2026-05-01"}
    while cursor is not None or not items:
        page = await face.get("/usage", limit=7, **spring, **({"cursor": cursor} if cursor else {}))
        items, cursor = [*items, *page["items"]], page["next_cursor"]
    whose = [(one["account_id"], one["day"], one["feature"]) for one in items]
    assert whose == sorted(whose, key=lambda one: (one[0], [-ord(sign) for sign in one[1]], one[2]))
    assert [one[1:] for one in whose if one[0] == "calm"] == [("2026-02-19", "api"), ("2026-02-19", "reports")]
    assert len(whose) == len({*whose}) == 24
    async with face.fed.uow.begin() as c:
        assert not await store_usage.forget(c, NOW + 280 * DAY)
        assert not await store_timeline.forget(c, NOW + 740 * DAY)
    assert len(await face.fed.rows("SELECT * FROM usage_days")) == 2
    assert not await face.fed.rows("SELECT * FROM timeline")
    await face.fed.feed(an_event("account.erased", account="calm"))
    assert not await face.fed.rows("SELECT * FROM usage_days")


async def test_pages_of_usage_are_those_of_the_sums_by_day_whichever_names_are_beyond_the_bound(face: Face) -> None:
    rng = random.Random(2)
    names = [f"f{n:03}" for n in range(s.MOST_FEATURES + 20)]
    used = [(rng.choice([0, 89, 92, 120, 399]), name) for name in [*names, *rng.choices(names, k=400)]]
    events = [an_event("usage.recorded", account="big", at=NOW - back * DAY, feature=name) for back, name in used]
    for place in range(0, len(events), 100):
        await face.fed.feed(*events[place : place + 100])
    sums = Counter((back, name if name < names[s.MOST_FEATURES] else "") for back, name in used)
    expected = [((NOW - back * DAY).date().isoformat(), name, n) for (back, name), n in sorted(sums.items())]

    async def paged(path: str, **query: Any) -> list[Any]:
        items: list[Any] = []
        page: dict[str, Any] = {"next_cursor": None}
        while page["next_cursor"] is not None or not items:
            cursor = {"cursor": page["next_cursor"]} if items else {}
            page = await face.get(path, **query, **cursor)
            items += page["items"]
        return [(one["day"], one["feature"], one["uses"]) for one in items]

    assert await paged("/accounts/big/usage", limit=40) == expected
    others = [one for one in expected if not one[1]]
    assert await paged("/accounts/big/usage", limit=1, feature="") == others
