"""What an account says about itself, as its page tells it: each story as whoever knows the account would have it."""

from typing import NamedTuple

import pytest
from msgspec import structs

from services.scoring.core.scorecard import Rules
from shared.messages.envelope import Event
from tests.support.customers import DECLARED, LISTED, a_customer, daily, late_payments, subscribed, well
from tests.support.face import a_face
from tests.support.scoring import DAY, NOW, SHIPPED, a_pulse, a_ticket, an_event, an_invoice, ces, csat, nps, traits


class Case(NamedTuple):
    """What happened, and what its page must say: band, the score at least or most, and words of the reason."""

    events: list[Event]
    band: str
    reason: str = ""
    most: float = 100
    least: float = 0
    rules: Rules = LISTED


CASES = {
    "nothing is known of who signed today": Case([a_customer(signed=0)], "unknown", "nothing is known yet"),
    "no ticket system, no invoice and no milestone are no praise": Case([a_customer()], "unknown", "is needed"),
    "a fallen silence is red": Case(
        [a_customer(), *daily(range(42, 90), users=15)], "red", "no use for 42 days; 15 people used it before", 49
    ),
    "a fallen silence is red however well it pays": Case(
        [
            a_customer(),
            *daily(range(42, 90), users=15),
            an_invoice("paid", at=NOW - 9 * DAY, due_at=(NOW - 9 * DAY).isoformat()),
        ],
        "red",
        "no use for 42 days",
        49,
    ),
    "pays and never used": Case([a_customer(signed=150)], "red", "pays, never used", 49, rules=DECLARED),
    "shrank to a quarter": Case(
        [
            a_customer(),
            subscribed(NOW - 200 * DAY, mrr_minor=800_000, seats=40, plan="pro", currency="EUR"),
            *daily(range(80), users=28),
            subscribed(NOW - DAY, mrr_minor=200_000, seats=20, plan="starter", currency="EUR"),
        ],
        "amber",
        "contracted by 75 %",
        74,
    ),
    "three urgent tickets": Case(
        [
            *well(),
            *(a_ticket(f"U-{n}", at=NOW - n * DAY, opened_at=NOW - n * DAY, priority="urgent") for n in (4, 5, 6)),
        ],
        "amber",
        "urgent ticket U-6 open for 6 days, and 2 more",
        74,
    ),
    "an urgent ticket of ten days": Case(
        [*well(), a_ticket("U-1", at=NOW - 10 * DAY, opened_at=NOW - 10 * DAY, priority="urgent")], "red", "U-1", 49
    ),
    "pays late by habit": Case([*well(), *late_payments()], "green", least=75),
    "their decision maker's 2": Case(
        [
            *well(),
            nps(2, contact="dm", at=NOW - DAY),
            *(nps(8 + n % 3, contact=f"user{n}", at=NOW - 2 * DAY) for n in range(5)),
        ],
        "amber",
        "their decision maker scored us 2",
        74,
    ),
    "a pulse of 1": Case(
        [
            *well(),
            an_event("pulse.set", at=NOW, score=1, note="CFO told me they will not renew", author="csm@example.com"),
        ],
        "red",
        "CFO told me they will not renew",
        49,
    ),
    "a payment that fails for a week": Case(
        [*well(), an_invoice("payment_failed", "I-9", at=NOW - 8 * DAY, attempt=1)], "amber", "", 74
    ),
    "a champion who left": Case(
        [
            *well(),
            an_event("contact.updated", at=NOW - 90 * DAY, contact_id="ch", role="champion"),
            an_event("contact.updated", at=NOW - DAY, contact_id="ch", role="left"),
        ],
        "amber",
        "champion",
        74,
    ),
    "a month's billing period is no renewal": Case(
        [
            a_customer(signed=2),
            subscribed(
                NOW - 2 * DAY,
                mrr_minor=9_000,
                seats=5,
                plan="pro",
                currency="EUR",
                renews_at=(NOW + 28 * DAY).isoformat(),
            ),
        ],
        "unknown",
    ),
    "two of 500 seats": Case(
        [a_customer(mrr=5_000_000, seats=500), *daily(range(80), users=2)], "red", "2 of 500 seats in use", 49
    ),
    "every answer a detractor's": Case(
        [*well()[:-1], *(nps(n, contact=f"d{n}", at=NOW - n * DAY) for n in (3, 4, 5))], "amber", "", 74
    ),
    "features that nobody declared": Case(
        [a_customer(), *daily(range(80), features=("kanban", "gantt", "burndown"))], "green", least=75, rules=SHIPPED
    ),
    "a cancellation for the period's end": Case(
        [
            *well(),
            subscribed(NOW - 100 * DAY, subscription_id="s", mrr_minor=900_000, seats=15, plan="pro", currency="EUR"),
            subscribed(NOW - DAY, subscription_id="s", ends_at=(NOW + 20 * DAY).isoformat()),
        ],
        "red",
        "leav",
        49,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_account_s_page_says_what_who_knows_it_would(database_url: str, name: str) -> None:
    case = CASES[name]
    async with a_face(database_url, case.rules) as face:
        await face.fed.feed(*sorted(case.events, key=lambda event: event.time))
        one = await face.get("/accounts/acme")
        assert one["band"] == case.band, (one["score"], one["reason"])
        assert case.reason in one["reason"]
        assert one["score"] is None or case.least <= one["score"] <= case.most


async def test_whatever_they_say_moves_the_score_and_one_answer_by_a_little(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        await face.fed.feed(*well()[:-1])
        before = (await face.get("/accounts/acme"))["score"]
        await face.fed.feed(nps(8, contact="u", at=NOW))
        after_one = (await face.get("/accounts/acme"))["score"]
        assert abs(after_one - before) <= 5
        moved = [after_one]
        for at, event in enumerate((csat(1, at=NOW), ces(1, at=NOW), a_pulse(1, note="they will not renew")), start=1):
            await face.fed.feed(structs.replace(event, time=NOW + at * DAY / 24))
            moved.append((await face.get("/accounts/acme"))["score"])
        assert moved == sorted(moved, reverse=True)
        assert len(set(moved)) == 4
        assert moved[-1] < 50


async def test_two_days_after_signing_it_is_onboarding_whatever_month_is_paid(database_url: str) -> None:
    case = CASES["a month's billing period is no renewal"]
    async with a_face(database_url) as face:
        await face.fed.feed(*case.events)
        assert (await face.get("/accounts/acme"))["stage"] == "onboarding"


async def test_one_of_two_subscriptions_goes_on_alone(database_url: str) -> None:
    async with a_face(database_url) as face:
        for id, mrr in (("old", 100_000), ("new", 300_000)):
            await face.fed.feed(
                subscribed(NOW - 50 * DAY, subscription_id=id, mrr_minor=mrr, seats=5, plan="pro", currency="EUR")
            )
        assert (await face.get("/accounts/acme"))["mrr_minor"] == 400_000
        await face.fed.feed(subscribed(NOW - DAY, subscription_id="old", status="canceled"))
        await face.fed.feed(subscribed(NOW, subscription_id="third", mrr_minor=900_000, status="incomplete_expired"))
        one = await face.get("/accounts/acme")
        assert (one["mrr_minor"], one["churned_at"]) == (300_000, None)


async def test_who_left_is_out_of_scoring_with_date_and_reason(database_url: str) -> None:
    async with a_face(database_url) as face:
        await face.fed.feed(*well(), an_event("account.churned", at=NOW, reason="too expensive", voluntary=True))
        one = await face.get("/accounts/acme")
        assert (one["score"], one["band"]) == (None, "unknown")
        assert "left on 20 May 2026" in one["reason"]
        assert "too expensive" in one["reason"]


async def test_who_left_can_be_listed_with_their_last_score(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        await face.fed.feed(*well(), a_ticket("hurry", at=NOW - DAY, priority="urgent"))
        before = (await face.get("/accounts/acme"))["score"]
        await face.fed.feed(an_event("account.churned", at=NOW, reason="too expensive", voluntary=True))
        (one,) = (await face.get("/accounts", left=True))["items"]
        assert (one["id"], one["churn_reason"], one["churn_voluntary"]) == ("acme", "too expensive", True)
        assert one["previous_score"] == before
        assert (one["left"]["last_score"], one["left"]["reason"]) == (before, "too expensive")
        assert one["left"]["tickets"][0]["id"] == "hurry"
        assert "1 ticket open, 1 of them urgent" in one["left"]["words"]
        assert (await face.get("/accounts"))["items"] == []
        await face.fed.feed(subscribed(NOW + DAY / 24, mrr_minor=900_000, seats=15, plan="pro", currency="EUR"))
        assert (await face.get("/accounts", left=True))["items"] == []
        assert (await face.get("/accounts/acme"))["score"] is not None
        moves = (await face.get("/accounts/acme/health/explain"))["changes"]
        assert [move["reason"] for move in moves][:2] == [
            "came back on 20 May 2026",
            'left on 20 May 2026 because "too expensive"',
        ]


async def test_who_is_no_customer_is_listed_and_neither_scored_nor_in_a_figure(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        await face.fed.feed(*well(), traits(NOW, excluded="internal"))
        page = await face.get("/accounts")
        (one,) = page["items"]
        assert (one["excluded"], one["score"], one["reason"]) == ("internal", None, "not scored: one of our own")
        assert page["mrr_by_band"] == []
        assert (await face.get("/feedback"))["items"][0]["answers"] == 0
        facts = (await face.get("/accounts/acme"))["facts"]
        assert {name for name in facts if not name.startswith("account.")} == set()
        await face.fed.feed(traits(NOW + DAY / 24, excluded=None))
        assert (await face.get("/accounts/acme"))["band"] == "green"


async def test_green_while_revenue_falls_is_a_fact(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        first, less = (
            subscribed(at, mrr_minor=mrr, seats=15, plan="pro", currency="EUR")
            for at, mrr in ((NOW - 120 * DAY, 1_000_000), (NOW - DAY, 880_000))
        )
        await face.fed.feed(*sorted([*well(), first, less], key=lambda event: event.time))
        one = (await face.fed.told())[-1]
        assert (one.band, one.facts["health.disagreement"]) == ("green", True)


async def test_a_group_is_rolled_up_and_a_circle_is_shown(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        for id, parent in (("group", None), ("country", "group"), ("site", "country"), ("ours", "group")):
            known = {"mrr_minor": 100, "currency": "EUR", "parent_id": parent}
            await face.fed.feed(an_event("account.updated", account=id, traits=known))
        await face.fed.feed(an_event("account.updated", account="ours", traits={"excluded": "test"}))
        whole = await face.get("/accounts/group/hierarchy")
        assert [one["id"] for one in whole["members"]] == ["country", "group", "site"]
        assert whole["value"] == [
            {"currency": "EUR", "band": "unknown", "accounts": 3, "mrr_minor": 300, "share": 100.0}
        ]
        assert (await face.get("/accounts/site/hierarchy"))["parents"] == ["country", "group"]
        await face.fed.feed(
            an_event("account.updated", account="group", traits={"parent_id": "site"}, at=NOW + DAY / 24)
        )
        circle = await face.get("/accounts/group/hierarchy")
        assert (circle["circle"], circle["mean"], circle["value"]) == (True, None, [])
        assert len(circle["members"]) == 3
        await face.get("/accounts/nobody/hierarchy", status=404)
