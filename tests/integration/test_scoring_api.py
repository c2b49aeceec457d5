"""Scoring's HTTP face, on accounts that were folded."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

from services.scoring.files import SHIPPED as CARDS
from shared.jobs.runner import Busy, Jobs
from shared.jobs.store import Wanted
from tests.support.face import Face, a_face
from tests.support.scoring import (
    DAY,
    NOW,
    a_ticket,
    an_event,
    an_invoice,
    busy,
    nps,
    usage,
)


@pytest.fixture
async def face(database_url: str) -> AsyncIterator[Face]:
    async with a_face(database_url) as made:
        yield made


async def _company(face: Face) -> None:
    """Three customers: one well, one capped, one that nothing is known of."""
    for place, (account, plan, mrr) in enumerate((("well", "pro", 100), ("late", "pro", 300), ("new", "starter", 50))):
        known = {"name": f"{account.title()} Inc", "plan": plan, "mrr_minor": mrr, "currency": "EUR", "seats": 8}
        dates = {"signed_at": (NOW - 200 * DAY).isoformat(), "renews_at": (NOW + (100 + place) * DAY).isoformat()}
        await face.fed.feed(
            an_event(
                "account.updated", at=NOW - 100 * DAY, account=account, traits={**known, **dates, "industry": "steel"}
            )
        )
    past = [
        usage(e.time, "reports", f"u{n % 8}", account=a)
        for a in ("well", "late")
        for n, e in enumerate(busy(range(40), users=4))
    ]
    await face.fed.feed(*past)
    due = (NOW - 35 * DAY).isoformat()
    await face.fed.feed(an_invoice(invoice_id="I-7", at=NOW - 60 * DAY, account="late", due_at=due))


async def test_accounts_come_worst_first_with_the_revenue_by_band(face: Face) -> None:
    await _company(face)
    page = await face.get("/accounts")
    assert [(one["id"], one["score"], one["band"]) for one in page["items"]] == [
        ("late", 74.0, "amber"),
        ("well", page["items"][1]["score"], "green"),
        ("new", None, "unknown"),
    ]
    assert page["items"][0]["reason"] == "at most amber: invoice I-7 is 35 days overdue"
    shares = {(one["band"], one["currency"]): (one["accounts"], one["mrr_minor"]) for one in page["mrr_by_band"]}
    assert shares == {("amber", "EUR"): (1, 300), ("green", "EUR"): (1, 100), ("unknown", "EUR"): (1, 50)}


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("score", ["late", "well", "new"]),
        ("-score", ["well", "late", "new"]),
        ("mrr", ["new", "well", "late"]),
        ("-mrr", ["late", "well", "new"]),
        ("renews_at", ["well", "late", "new"]),
        ("-renews_at", ["new", "late", "well"]),
    ],
)
async def test_every_order_can_be_paged_through(face: Face, sort: str, order: list[str]) -> None:
    await _company(face)
    seen, cursor = [], None
    while True:
        page = await face.get("/accounts", sort=sort, limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == order


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        ({"band": "amber"}, ["late"]),
        ({"band": "unknown"}, ["new"]),
        ({"plan": "pro"}, ["late", "well"]),
        ({"stage": "renewal"}, ["late", "well", "new"]),
        ({"q": "WELL i"}, ["well"]),
        ({"owner": "nobody"}, []),
    ],
)
async def test_accounts_can_be_chosen(face: Face, chosen: dict[str, Any], ids: list[str]) -> None:
    await _company(face)
    assert [one["id"] for one in (await face.get("/accounts", **chosen))["items"]] == ids


async def test_one_account_is_told_whole(face: Face) -> None:
    await _company(face)
    await face.fed.feed(
        an_event("contact.updated", account="well", contact_id="c1", role="champion", traits={"title": "CTO"})
    )
    one = await face.get("/accounts/well")
    assert (one["name"], one["plan"], one["traits"]["industry"]) == ("Well Inc", "pro", "steel")
    assert one["contacts"] == [
        {"id": "c1", "role": "champion", "roles": ["champion"], "left": False, "traits": {"title": "CTO"}}
    ]
    assert one["facts"]["contacts.champions"] == 1
    assert one["unknown"]["feedback.nps"] == "no NPS answer in 180 days"
    assert {measure["name"]: measure["points"] for measure in one["measures"]}["usage.recency"] == 100


async def test_the_explanation_sums_up(face: Face) -> None:
    await _company(face)
    await face.fed.feed(a_ticket("T-118", account="well", opened_at=NOW - 5 * DAY, priority="urgent"))
    await face.fed.feed(nps(2, account="well", comment="third time"))
    told = await face.get("/accounts/well/health/explain")
    assert sum(measure["weight"] for measure in told["measures"]) == 100
    assert (told["score"], told["band"]) == (told["changes"][0]["to"], told["changes"][0]["band"])
    for change in told["changes"]:
        if change["from"] is not None and change["to"] is not None:
            assert sum(driver["points"] for driver in change["drivers"]) == pytest.approx(change["to"] - change["from"])
    assert told["changes"][0]["drivers"][0]["reason"] == 'their contact scored us 2: "third time"'
    assert (await face.get("/accounts/late/health/explain"))["caps"] == [
        {"at_most": 74.0, "while": "billing.overdue >= 30 days and billing.beyond_habit >= 15 days"}
    ]


async def test_the_history_is_newest_first_and_can_be_paged(face: Face) -> None:
    await _company(face)
    await face.fed.feed(nps(2, account="well"))
    await face.fed.feed(nps(9, account="well", at=NOW + DAY))
    whole = (await face.get("/accounts/well/health/history"))["items"]
    first = await face.get("/accounts/well/health/history", limit=1)
    then = await face.get("/accounts/well/health/history", limit=1, cursor=first["next_cursor"])
    assert [one["rev"] for one in whole] == sorted((one["rev"] for one in whole), reverse=True)
    assert [*first["items"], *then["items"]] == whole[:2]
    assert whole[0]["cause"]["type"] == "feedback.nps"


async def test_each_source_says_when_and_for_how_many_accounts_it_was_heard_of(face: Face) -> None:
    await _company(face)
    await face.fed.feed(nps(9, account="well", at=NOW - DAY))
    await face.fed.feed(nps(9, account="gone"), an_event("account.erased", at=NOW + DAY, account="gone"))
    listed = await face.get("/sources")
    heard = {one["source"]: (one["accounts"], one["of"], one["last_heard_at"]) for one in listed["items"]}
    assert heard == {
        "usage": (2, 3, "2026-05-20T12:00:00Z"),
        "tickets": (0, 3, None),
        "invoices": (1, 3, "2026-03-21T12:00:00Z"),
        "feedback": (1, 3, "2026-05-20T12:00:00Z"),
        "interactions": (0, 3, None),
    }
    assert {one["source"] for one in listed["items"] if one["suggest_declaring"]} == {"usage", "invoices", "feedback"}
    assert all((one["connected"], one["declared_since"]) == ("auto", None) for one in listed["items"])


async def test_a_catalogue_is_suggested_from_what_was_seen(face: Face) -> None:
    plans = [("one", {"plan": "pro", "seats": 5}), ("two", {"plan": "pro", "seats": 9}), ("gone", {"plan": "pro"})]
    await face.fed.feed(*(an_event("account.updated", account=account, traits=known) for account, known in plans))
    await face.fed.feed(usage(NOW, "kanban", account="one"), usage(NOW, "kanban", account="two"))
    await face.fed.feed(usage(NOW, "gantt", account="two"), usage(NOW, "gantt", account="unknown plan"))
    await face.fed.feed(an_event("account.erased", account="gone"))
    found = await face.get("/suggestions/catalogue")
    features = [{"feature": "kanban", "accounts": 2}, {"feature": "gantt", "accounts": 1}]
    assert found["plans"] == [{"plan": "pro", "accounts": 2, "seats": 5, "cadence": None, "features": features}]
    assert (found["milestones"], found["without_plan"]) == ([], 1)


async def test_the_fingerprint_names_its_instant(face: Face) -> None:
    await _company(face)
    one = await face.get("/fingerprint", at=NOW.isoformat())
    assert (one["accounts"], len(one["fingerprint"])) == (3, 64)
    assert one == await face.get("/fingerprint", at=NOW.isoformat())
    await face.fed.feed(nps(1, account="well"))
    assert one != await face.get("/fingerprint", at=NOW.isoformat())


async def test_an_unknown_account_and_an_unknown_key_are_told_apart(face: Face) -> None:
    assert (await face.get("/accounts/nobody", 404))["code"] == "not_found"
    assert (await face.get("/accounts", 400, sort="luck"))["code"] == "invalid_request"
    answer = await face.client.get("/v1/accounts", auth=("wrong", ""))
    assert answer.status_code == 401


async def test_an_account_that_was_merged_is_left_out_of_lists_and_both_pages_name_the_other(face: Face) -> None:
    await _company(face)
    await face.fed.feed(an_event("account.updated", account="plant", traits={"parent_id": "late"}))
    await face.fed.feed(an_event("account.merged", account="late", into="well"))
    assert [one["id"] for one in (await face.get("/accounts"))["items"]] == ["well", "new", "plant"]
    old, new = await face.get("/accounts/late"), await face.get("/accounts/well")
    assert (old["merged_into"], old["merged_from"]) == (_linked(new), [])
    assert (new["merged_into"], new["merged_from"]) == (None, [_linked(old)])
    assert (old["score"], old["reason"]) == (None, "the account goes on as well")
    family = await face.get("/accounts/well/hierarchy")
    assert [one["id"] for one in family["members"]] == ["plant", "well"]
    assert (await face.get("/accounts/plant/hierarchy"))["parents"] == ["well"]
    await face.post("/accounts/late/notes", text="They told us so.")
    assert (await face.get("/accounts/well/timeline", type="note"))["items"][0]["data"]["text"] == "They told us so."
    await face.fed.feed(an_event("account.merged", account="well", into="new"))
    assert (await face.get("/accounts/late"))["merged_into"]["id"] == "new"
    assert [one["id"] for one in (await face.get("/accounts/new"))["merged_from"]] == ["late", "well"]
    assert [one["words"] for one in (await face.get("/accounts/late/timeline", type="account.merged"))["items"]] == [
        "it goes on as well"
    ]
    async with face.fed.engine.connect() as c:
        assert (await c.execute(text("SELECT reason FROM accounts WHERE id = 'late'"))).scalar_one().endswith("as well")


async def test_a_duplicate_that_was_merged_is_in_no_figure(face: Face) -> None:
    await _company(face)
    since = (NOW - 9 * DAY).isoformat()

    async def figures() -> dict[str, Any]:
        asked: dict[str, dict[str, Any]] = {
            "/accounts": {},
            "/feedback": {"measure": "nps"},
            "/answers": {},
            "/revenue": {"from": (NOW - 30 * DAY).date().isoformat()},
            "/clv": {},
            "/explain": {"from": since},
            "/suggestions/catalogue": {},
            "/goals": {},
        }
        found = {path: await face.get(path, **query) for path, query in asked.items()}
        return found | {"heard": [one["accounts"] for one in (await face.get("/sources"))["items"]]}

    await face.fed.feed(nps(9, at=NOW - DAY, account="well"))
    before = await figures()
    sold: dict[str, Any] = {"mrr_minor": 700, "currency": "EUR", "plan": "pro", "seats": 8}
    await face.fed.feed(
        an_event("account.updated", at=NOW - 90 * DAY, account="twin", traits={"name": "Twin", "plan": "pro"}),
        an_event("subscription.changed", at=NOW - 90 * DAY, account="twin", subscription_id="s", **sold),
        nps(0, at=NOW - DAY, account="twin"),
        *(usage(NOW - day * DAY, "kanban", account="twin") for day in range(30)),
        an_event("goal.set", account="twin", goal_id="g", title="Theirs", due_at=NOW + DAY),
    )
    meanwhile = await figures()
    assert [path for path, found in before.items() if found == meanwhile[path]] == []
    await face.fed.feed(an_event("account.merged", account="twin", into="well"))
    after = await figures()
    assert [path for path, found in before.items() if found != after[path]] == []


def _linked(account: dict[str, Any]) -> dict[str, Any]:
    return {"id": account["id"], "name": account["name"], "url": f"/v1/accounts/{account['id']}"}


async def test_a_customer_who_has_left_is_listed_and_counted_only_when_asked_for(face: Face) -> None:
    await _company(face)
    await face.fed.feed(an_event("account.churned", account="well", reason="price"))
    page = await face.get("/accounts")
    assert [one["id"] for one in page["items"]] == ["late", "new"]
    assert sum(share["mrr_minor"] for share in page["mrr_by_band"]) == 350
    whole = await face.get("/accounts", churned="true")
    assert [(one["id"], one["churned_at"]) for one in whole["items"]] == [
        ("late", None),
        ("new", None),
        ("well", "2026-05-20T12:00:00Z"),
    ]
    assert sum(share["mrr_minor"] for share in whole["mrr_by_band"]) == 450
    assert (await face.get("/accounts/well"))["churned_at"] == "2026-05-20T12:00:00Z"
    on: dict[str, Any] = {"mrr_minor": 100, "currency": "EUR", "plan": "pro", "seats": 8}
    await face.fed.feed(an_event("subscription.changed", at=NOW + DAY, account="well", **on))
    assert len((await face.get("/accounts"))["items"]) == 3


BELOW = ("hierarchy", "timeline", "contacts", "tickets", "invoices", "subscriptions", "usage", "goals")


ODD = (
    *("a/b", "/", "a//b", "a b", "a%2Fb", "ü/é☃", "a?b#c", "a\\b", "😀", " ", "...", "+", "%", "a;b=c,d"),
    *("other/health/explain", "other/timeline", "https://acme.example/?a=b#c", "%2e%2e", "../other", "x" * 128),
)


async def test_an_accounts_id_may_hold_anything(face: Face) -> None:
    """`other` is there, too: none of its pages is shown in place of theirs."""
    await face.fed.feed(an_event("feedback.nps", account="other", contact_id="o", score=9))
    for id in ODD:
        await face.fed.feed(
            an_event("feedback.nps", account=id, contact_id=id, score=3),
            an_event("goal.set", at=NOW - DAY, account=id, goal_id=id, title="More", due_at=NOW.isoformat()),
        )
    for id in ODD:
        path = f"/accounts/{quote(id, safe='')}"
        assert (await face.get(path))["id"] == id
        for below in BELOW:
            assert "'o'" not in str(await face.get(f"{path}/{below}")), below
        assert [one["id"] for one in (await face.get(f"{path}/contacts"))["items"]] == [id]
        assert (await face.get(f"{path}/health/history"))["items"] != []
        assert (await face.get(f"{path}/health/explain"))["id"] == id
        await face.put(f"{path}/goals/{quote(id, safe='')}", title="Even more", due_at="2026-12-31T00:00:00Z")
        assert [one["title"] for one in (await face.get(f"{path}/goals"))["items"]] == ["Even more"]
        await face.put(f"{path}/pulse", score=3, note="hm")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/accounts/a%00b", {}),
        ("/accounts", {"q": "\0"}),
        ("/fingerprint", {"at": "0001-01-01T00:00:00+14:00"}),
        ("/fingerprint", {"at": "9999-12-31T23:59:59-12:00"}),
        ("/feedback", {"to": "0001-01-01T00:00:00Z"}),
    ],
)
async def test_what_no_account_can_hold_is_the_askers_mistake(face: Face, path: str, query: dict[str, str]) -> None:
    assert (await face.get(path, 400, **query))["code"] == "invalid_request"


async def test_a_preview_says_who_would_move_and_why_and_changes_nothing(face: Face) -> None:
    await _company(face)
    draft = (CARDS / "default.yaml").read_text().replace("green: 75, amber: 50", "green: 99, amber: 98")

    async def ask(id: str, text: str = draft, **query: str) -> httpx.Response:
        path = f"/v1/scorecards/{id}/preview"
        return await face.client.post(path, content=text, params=query, auth=("operator", ""))

    began = await ask("default", account="well")
    await face.previews.ended()
    job = await face.get(f"/jobs/{began.json()['job']}")
    assert (job["state"], job["progress"], job["failure"]) == ("done", {"done": 3, "total": 3}, None)
    found = job["result"]
    assert (began.status_code, found["sample"], found["accounts"]) == (202, False, 3)
    assert found["account"]["id"] == "well"
    assert {one["name"] for one in found["account"]["measures"]} >= {"usage.recency", "billing.overdue"}
    assert (await face.get("/accounts/well"))["band"] == "green"
    refused = [await ask("other"), await ask("default", "id: default"), await ask("default", account="nobody")]
    assert [one.status_code for one in refused] == [422, 422, 404]
    # It may quote somebody: whoever is erased is in none that was computed before.
    await face.fed.feed(an_event("contact.erased", account="well", contact_id="c1"))
    await face.get(f"/jobs/{began.json()['job']}", status=404)


async def test_a_preview_that_was_cut_off_says_so_and_no_more_wait_than_will_be_served_soon(face: Face) -> None:
    wanted = Wanted("preview", "scorecards", "default", b"id: default", {}, "ada")

    async def cut_off(_: str) -> bool:
        return False

    broken = Jobs(face.fed.uow, face.clock, secrets.token_bytes, cut_off)
    id = await broken.ask(wanted)
    await broken.ended()
    job = await face.get(f"/jobs/{id}")
    assert (job["state"], job["failure"], job["result"]) == ("failed", "It was cut off. Ask again.", None)

    async def never_ends(_: str) -> bool:
        await asyncio.Event().wait()
        return True

    full = Jobs(face.fed.uow, face.clock, secrets.token_bytes, never_ends)
    waiting = [await full.ask(wanted) for _ in range(10)]
    with pytest.raises(Busy):
        await full.ask(wanted)
    assert (await face.get(f"/jobs/{waiting[-1]}"))["state"] == "waiting"
    face.clock.move(DAY / 24)
    assert (await face.get(f"/jobs/{waiting[-1]}"))["state"] == "failed"
    await full.close()
