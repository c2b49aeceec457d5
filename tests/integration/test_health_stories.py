"""Ten stories as somebody who leads customer success would tell them, and what the account's page must say then."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from services.scoring.core.clock import day_of
from services.scoring.core.scorecard import Rules
from shared.messages.envelope import Event
from tests.support.customers import FEATURES, LISTED, a_customer, daily, subscribed, well
from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, a_contact, a_pulse, a_ticket, an_event, an_invoice, nps, traits, usage

HOUR = timedelta(hours=1)


async def told(face: Face, *events: Event) -> tuple[str, str]:
    """The band and the reason on the account's page, after all of this."""
    await face.fed.feed(*sorted(events, key=lambda event: event.time))
    one = await face.get("/accounts/acme")
    return one["band"], one["reason"]


def sold(id: str, mrr: int, days_ago: float = 200, **more: Any) -> Event:
    return subscribed(NOW - days_ago * DAY, subscription_id=id, mrr_minor=mrr, currency="EUR", plan="pro", **more)


async def test_the_champion_went_on_leave_and_her_deputy_took_over(database_url: str) -> None:
    champion = [a_contact("kim", "champion"), a_contact("kim", "left", at=NOW - 5 * DAY)]
    async with a_face(database_url, LISTED) as face:
        band, reason = await told(face, *well(), *champion)
        assert (band, "champion" in reason) == ("amber", True)
        assert (await told(face, a_contact("lee", "champion", at=NOW)))[0] == "green"


async def test_who_pays_once_a_year_is_not_late_for_eleven_months(database_url: str) -> None:
    bill = an_invoice("paid", "Y-1", at=NOW - 200 * DAY, due_at=(NOW - 205 * DAY).isoformat())
    async with a_face(database_url, LISTED) as face:
        assert await told(face, *well(), bill) == ("green", "")


@pytest.mark.parametrize(("addon", "band"), [(90_000, "green"), (340_000, "amber")])
async def test_a_small_product_was_cancelled_and_a_large_one(database_url: str, addon: int, band: str) -> None:
    ended = subscribed(NOW - DAY, subscription_id="addon", status="canceled")
    async with a_face(database_url, LISTED) as face:
        found, reason = await told(face, *well(), sold("core", 800_000, seats=15), sold("addon", addon), ended)
        assert (found, "contracted by" in reason) == (band, True)
        assert (await face.get("/accounts/acme"))["churned_at"] is None


SUMMER = tuple(range(day_of(NOW) - 30, day_of(NOW) + 1))


@pytest.mark.parametrize(("closed", "band"), [((), "red"), (SUMMER, "green")], ids=["nobody said so", "as is known"])
async def test_a_school_is_closed_in_summer(database_url: str, closed: tuple[int, ...], band: str) -> None:
    rules = Rules(replace(LISTED.catalogue, closed=closed), LISTED.cards)
    async with a_face(database_url, rules) as face:
        assert (await told(face, a_customer(), *daily(range(31, 110)), nps(9, at=NOW - 40 * DAY)))[0] == band


async def test_their_season_is_known_from_last_year(database_url: str) -> None:
    def used(days: range, times: int) -> list[Event]:
        return [usage(NOW - ago * DAY - n * HOUR / 9, "reports", "u1") for ago in days for n in range(times)]

    # Half as much as in the months before; and so it was a year ago.
    season = [*used(range(15, 75), 8), *used(range(15), 4), *used(range(379, 440), 8), *used(range(364, 379), 4)]
    async with a_face(database_url, LISTED) as face:
        await told(face, a_customer(signed=500, seats=1), *season)
        measures = (await face.get("/accounts/acme"))["measures"]
        trend = next(one["words"] for one in measures if one["name"] == "usage.trend")
        assert trend == "usage fell by 50 %, from 8 to 4 uses a day; as in the same weeks a year ago"
        await face.put("/accounts/acme/mutes/usage.trend", until=(NOW + 20 * DAY).isoformat(), reason="every May")
        measures = (await face.get("/accounts/acme"))["measures"]
        muted = next(one for one in measures if one["name"] == "usage.trend")
        assert (muted["points"], "every May" in muted["words"]) == (None, True)


async def test_of_a_group_the_smallest_burns(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        await face.fed.feed(an_event("account.updated", account="group", traits={"name": "Group"}))
        for n in range(5):
            part = traits(NOW - DAY, parent_id="group", mrr_minor=900_000 if n < 4 else 400_000)
            mine = [structs.replace(one, subject=f"part-{n}", id=f"{one.id}-{n}") for one in (*well(), part)]
            await face.fed.feed(*mine)
        await face.fed.feed(structs.replace(a_pulse(1, note="they go"), subject="part-4"))
        whole = await face.get("/accounts/group/hierarchy")
        assert {one["band"]: one["share"] for one in whole["value"]} == {"green": 90.0, "red": 10.0}
        assert whole["worst"]["id"] == "part-4"


async def test_the_sponsor_is_happy_and_three_users_are_not(database_url: str) -> None:
    voices = [a_contact("s", "executive_sponsor"), nps(9, contact="s", at=NOW - 9 * DAY)]
    voices += [nps(3, contact=f"u{n}", at=NOW - 9 * DAY, comment="slow") for n in range(3)]
    async with a_face(database_url, LISTED) as face:
        band, reason = await told(face, *well()[:-1], *voices)
        assert (band, "NPS −50" in reason) == ("green", True)
        # When the sponsor says so, too, nobody is left who is content.
        band, reason = await told(face, nps(5, contact="s", at=NOW))
        assert band == "amber"


async def test_they_went_from_12_to_200_seats_last_week_and_are_not_failing(database_url: str) -> None:
    async with a_face(database_url, LISTED) as face:
        grown = traits(NOW - 6 * DAY, seats=200, mrr_minor=9_000_000)
        band, reason = await told(face, *well(), grown)
        assert (band, reason) == ("green", "12 of 200 seats in use in 30 days")


async def test_they_upgraded_while_they_dispute_an_invoice(database_url: str) -> None:
    bill = an_invoice("issued", "D-1", at=NOW - 95 * DAY, due_at=(NOW - 65 * DAY).isoformat())
    dispute = an_event("payment.disputed", at=NOW - 60 * DAY, invoice_id="D-1", state="open")
    async with a_face(database_url, LISTED) as face:
        assert (await told(face, *well(), bill, dispute, sold("s", 1_200_000, 1, seats=20)))[0] == "green"
        lost = an_event("payment.disputed", at=NOW, invoice_id="D-1", state="lost")
        band, reason = await told(face, lost)
        assert (band, "D-1 is 65 days overdue" in reason) == ("red", True)


async def test_a_newcomer_asks_a_lot_and_that_is_no_alarm(database_url: str) -> None:
    questions = [
        a_ticket(f"T{n}", type="closed", at=NOW - n * DAY, opened_at=NOW - n * DAY - 5 * HOUR) for n in range(1, 13)
    ]
    async with a_face(database_url, LISTED) as face:
        begun = an_event("milestone.reached", at=NOW - 9 * DAY, milestone="workspace_created")
        band, reason = await told(face, a_customer(signed=20), *daily(range(18)), *questions, begun)
        assert (band, "1 of 2 milestones reached" in reason) == ("amber", True)
        assert (await face.get("/accounts/acme"))["stage"] == "onboarding"


async def test_people_gave_way_to_an_integration_and_that_is_said_and_is_no_silence(database_url: str) -> None:
    people = [*daily(range(15, 80)), *daily(range(15), users=2)]
    machines = [
        usage(NOW - ago * DAY - n * HOUR / 60, FEATURES[n % 4], "bot", actor="integration")
        for ago in range(80)
        for n in range(50 if ago < 15 else 10)
    ]
    async with a_face(database_url, LISTED) as face:
        assert (await told(face, a_customer(), *people, *machines, nps(9, at=NOW - 9 * DAY)))[0] == "green"
        measures = (await face.get("/accounts/acme"))["measures"]
        assert any("people −83 %, integrations ×5" in one["words"] for one in measures)
