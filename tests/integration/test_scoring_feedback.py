"""Figures through the API: what customers answered and what they bring; worked values, groups, weights, erasure."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from services.scoring.store import money as store_money
from services.scoring.store import renewals as store_renewals
from shared.messages.envelope import Event
from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, SHIPPED, a_contact, an_event, nps


@pytest.fixture
async def face(database_url: str) -> AsyncIterator[Face]:
    async with a_face(database_url) as made:
        yield made


def _account(id: str, **traits: Any) -> Event:
    return an_event("account.updated", at=NOW - 90 * DAY, account=id, traits={"name": id.title(), **traits})


def _survey(scores: list[int], asked: int) -> Iterator[Event]:
    """So many of those who were asked answer."""
    for n in range(asked):
        named = {"invitation_id": f"i{n}", "contact_id": f"c{n}"}
        yield an_event(
            "survey.invited", at=NOW - 10 * DAY, id=f"asked{n}", survey_id="q2", touchpoint="quarterly", **named
        )
        if n < len(scores):
            more = {"invitation_id": f"i{n}", "survey_id": "q2", "touchpoint": "quarterly"}
            yield nps(scores[n], contact=f"c{n}", at=NOW - 9 * DAY, id=f"a{n}", **more)


async def test_the_published_worked_values_come_out(face: Face) -> None:
    csat = [5, 5, 4, 4, 4, 3, 3, 3, 2, 2]
    ces = [7, 4, 3, 2, 5, 6, 4, 1, 7, 6]
    moments = [
        an_event(f"feedback.{kind}", at=NOW - DAY, contact_id="same", score=score, touchpoint="ticket_closed")
        for kind, scores in (("csat", csat), ("ces", ces))
        for score in scores
    ]
    await face.fed.feed(*_survey([9] * 100 + [7] * 50 + [0] * 50, 250), *moments)
    (whole,) = (found := await face.get("/feedback", measure="nps"))["items"]
    assert (whole["n"], whole["value"], round(whole["low"], 1), round(whole["high"], 1)) == (200, 25, 13.2, 36.0)
    assert (whole["invited"], whole["answered"], whole["response_rate"]) == (250, 200, 80)
    assert (found["kind"], found["next_cursor"]) == ("relational", None)
    (whole,) = (await face.get("/feedback", measure="csat"))["items"]
    assert (whole["n"], whole["value"], whole["top"]["value"], whole["response_rate"]) == (10, 70, 50, None)
    (whole,) = (await face.get("/feedback", measure="ces"))["items"]
    assert (whole["n"], whole["value"]) == (10, 4.5)
    (quarterly,) = (await face.get("/feedback", by="touchpoint"))["items"]
    assert (quarterly["group"], quarterly["n"], quarterly["response_rate"]) == ("quarterly", 200, 80)


async def test_figures_come_by_group_of_each_contacts_latest_answer_and_weigh_as_asked(face: Face) -> None:
    await face.fed.feed(
        _account("rich", plan="pro", owner="ana@example.com", mrr_minor=900, currency="EUR"),
        _account("poor", plan="basic", owner="ana@example.com", mrr_minor=100, currency="EUR"),
        _account("test", plan="pro", excluded="test"),
        *(nps(10, account="rich", contact=f"c{n}", at=NOW - 40 * DAY) for n in range(10)),
        *(nps(0, account="poor", contact=f"c{n}", at=NOW - 5 * DAY) for n in range(30)),
        *(nps(0, account="test", contact=f"c{n}") for n in range(30)),
        nps(2, account="rich", contact="c0", at=NOW - 70 * DAY),
    )

    async def values(**query: Any) -> dict[str | None, tuple[float | None, int]]:
        return {one["group"]: (one["value"], one["n"]) for one in (await face.get("/feedback", **query))["items"]}

    assert await values() == {None: (-50, 40)}
    assert await values(by="plan") == {"pro": (100, 10), "basic": (-100, 30)}
    assert await values(by="owner") == {"ana@example.com": (-50, 40)}
    assert await values(per="account") == {None: (0, 30)}
    assert await values(per="mrr") == {None: (80, 12)}
    assert await values(by="month") == {"2026-03": (None, 1), "2026-04": (100, 10), "2026-05": (-100, 30)}
    assert await values(by="quarter") == {"2026-Q1": (None, 1), "2026-Q2": (-50, 40)}
    found = await face.get("/feedback", per="mrr")
    assert (found["currency"], found["moved"]) == (
        "EUR",
        [{"before": "detractor", "after": "promoter", "contacts": 1}],
    )
    assert await values(to=(NOW - 60 * DAY).isoformat()) == {None: (None, 1)}


async def test_what_they_wrote_is_read_back_newest_first(face: Face) -> None:
    about = {"touchpoint": "onboarding", "product": "core", "answers": {"why": "the export"}}
    await face.fed.feed(
        _account("acme", segment="smb", owner="ana@example.com"),
        a_contact("kim", "champion", traits={"name": "Kim"}),
        nps(9, contact="kim", at=NOW - 40 * DAY, comment="love it"),
        nps(3, contact="kim", at=NOW - DAY, comment="third time", **about),
        an_event("feedback.csat", at=NOW - 2 * DAY, contact_id="lee", score=5),
    )
    page = await face.get("/answers", limit=2)
    newest = page["items"][0]
    assert (newest["score"], newest["group"], newest["previous_group"]) == (3, "detractor", "promoter")
    assert (newest["contact_name"], newest["role"], newest["comment"]) == ("Kim", "champion", "third time")
    assert (newest["further"], newest["account_name"]) == ({"why": "the export"}, "Acme")
    rest = await face.get("/answers", cursor=page["next_cursor"])
    assert [one["score"] for one in [*page["items"], *rest["items"]]] == [3, 5, 9]

    async def scores(**query: Any) -> list[int]:
        return [one["score"] for one in (await face.get("/answers", **query))["items"]]

    for query, wanted in (
        ({"kind": "nps"}, [3, 9]),
        ({"kind": "transactional"}, [5]),
        ({"group": "promoter"}, [9]),
        ({"role": "champion"}, [3, 9]),
        ({"product": "core"}, [3]),
        ({"touchpoint": "onboarding"}, [3]),
        ({"owner": "ana@example.com", "segment": "smb"}, [3, 5, 9]),
        ({"month": "2026-04"}, [9]),
        ({"moved": "down"}, [3]),
        ({"moved": "up"}, []),
        ({"comment": "true"}, [3, 9]),
        ({"account": "other"}, []),
    ):
        assert await scores(**query) == wanted, query
    told = await face.get("/answers", status=400, group="promotor")
    assert "Did you mean `promoter`" in told["detail"]


async def test_what_an_erased_contact_scored_stays_in_the_figures_and_nothing_else(face: Face) -> None:
    answer: dict[str, Any] = {"invitation_id": "i1", "comment": "private", "answers": {"why": "private"}}
    await face.fed.feed(
        _account("acme"),
        *(nps(10, contact=f"c{n}", at=NOW - DAY) for n in range(9)),
        an_event("survey.invited", at=NOW - 3 * DAY, invitation_id="i1", contact_id="ada"),
        nps(2, contact="ada", at=NOW - 2 * DAY, **answer),
        an_event("contact.erased", contact_id="ada"),
        nps(3, contact="ada", at=NOW - DAY, **answer),
    )
    (whole,) = (await face.get("/feedback"))["items"]
    assert (whole["n"], whole["value"], whole["invited"], whole["answered"]) == (10, 80, 1, 1)
    (one,) = (await face.get("/answers", group="detractor"))["items"]
    assert (one["score"], one["erased"], one["comment"], one["further"]) == (3, True, None, None)
    assert one["contact_id"] != "ada"
    assert (await face.get("/answers", contact="ada"))["items"] == []


async def test_a_lifetime_value_comes_by_what_is_given_and_else_is_measured(face: Face) -> None:
    found = await face.get("/clv", mean_purchase_minor=200, purchases_per_year=12, years=5)
    assert (found["clv_minor"], found["measured"]) == (12_000, [])
    assert (await face.get("/clv"))["clv_minor"] is None
    await face.fed.feed(_account("a", mrr_minor=300, currency="EUR"), _account("b", mrr_minor=100, currency="EUR"))
    found = await face.get("/clv", years=2)
    assert (found["clv_minor"], found["currency"]) == (200 * 12 * 2, "EUR")
    assert found["measured"] == ["mean_purchase_minor", "purchases_per_year"]


def _since(first: str) -> dict[str, Any]:
    return {"from": first}


def _bought(id: str, days: int, **said: Any) -> Event:
    return an_event("subscription.changed", at=NOW - days * DAY, account=id, subscription_id="s1", **said)


async def test_a_hundred_of_a_thousand_customers_who_left_are_ten_percent(face: Face) -> None:
    def life(n: int) -> list[Event]:
        began = _bought(f"c{n}", 50, mrr_minor=500, currency="EUR", plan="pro", status="active", history="past")
        if n >= 100:
            return [began]
        why = {"reason": "price"} if n < 60 else {"reason": None}
        return [began, _bought(f"c{n}", 10, status="canceled" if n < 80 else "unpaid", history="past", **why)]

    await face.fed.feed(*(event for n in range(1_000) for event in life(n)))
    (found,) = (await face.get("/revenue", **_since((NOW - 30 * DAY).date().isoformat())))["items"]
    assert (found["customers"], found["customers_churned"], found["churn_rate"]) == (1_000, 100, 10)
    assert (found["start_minor"], found["churned_minor"], found["end_minor"]) == (500_000, 50_000, 450_000)
    assert (found["involuntary_minor"], found["grr"], found["nrr"], found["arpa_minor"]) == (10_000, 90, 90, 500)
    assert [(one["reason"], one["voluntary"], one["customers"]) for one in found["reasons"]] == [
        ("price", True, 60),
        (None, True, 20),
        ("unpaid", False, 20),
    ]


async def test_what_became_of_revenue_comes_by_group_and_month_with_the_accounts_behind(face: Face) -> None:
    def owned(id: str, owner: str, **more: Any) -> Event:
        return _account(id, owner=owner, segment="smb", region="EU", **more)

    start = {"currency": "EUR", "plan": "pro", "started_at": (NOW - 300 * DAY).isoformat()}
    await face.fed.feed(
        *(owned(id, "ana") for id in ("kept", "more", "less", "gone", "new")),
        *(owned(id, "ben") for id in ("back", "dollar", "ends")),
        owned("ours", "ana", excluded="internal"),
        *(_bought(id, 80, mrr_minor=100, **start) for id in ("kept", "more", "less", "gone", "ours", "back", "ends")),
        _bought("dollar", 80, mrr_minor=100, **{**start, "currency": "USD"}),
        _bought("more", 5, mrr_minor=150, plan="max"),
        _bought("less", 40, mrr_minor=60),
        _bought("gone", 5, status="canceled", reason="price"),
        _bought("ours", 5, status="canceled"),
        _bought("new", 5, mrr_minor=70, currency="EUR", plan="pro"),
        _bought("back", 60, status="unpaid"),
        _bought("back", 5, status="active", mrr_minor=90),
        _bought("ends", 5, ends_at=(NOW + 20 * DAY).isoformat()),
    )

    async def figures(**query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await face.get("/revenue", **query))["items"]
        return found

    months = await figures(by="month", **_since("2026-03-01"))
    euros = [one for one in months if one["currency"] == "EUR"]
    assert [one["period"] for one in euros] == ["2026-03", "2026-04", "2026-05"]
    assert [one["start_minor"] for one in euros] == [600, 500, 460]
    assert [one["end_minor"] for one in euros] == [500, 460, 570]
    assert [one["contracted_minor"] for one in euros] == [0, 40, 0]
    march, _, may = euros
    assert (march["churned_minor"], march["involuntary_minor"], march["grr"]) == (100, 100, 83.33)
    assert (may["expanded_minor"], may["churned_minor"], may["new_minor"], may["reactivated_minor"]) == (
        50,
        100,
        70,
        90,
    )
    assert (may["customers"], may["customers_end"], may["customers_churned"]) == (5, 6, 1)
    assert (march["committed_minor"], may["committed_minor"], may["mrr_at_risk_minor"]) == (None, 100, 170)
    (dollars,) = {(one["start_minor"], one["end_minor"]) for one in months if one["currency"] == "USD"}
    assert dollars == (100, 100)
    (ana, ben) = [one for one in await figures(by="owner", **_since("2026-05-01")) if one["currency"] == "EUR"]
    assert (ana["group"], ana["churned_minor"], ben["group"], ben["reactivated_minor"]) == ("ana", 100, "ben", 90)
    (pro,) = [one for one in await figures(by="plan", **_since("2026-05-01")) if one["currency"] == "EUR"]
    assert (pro["group"], pro["expanded_minor"], pro["end_minor"]) == ("pro", 50, 570)
    assert {one["group"] for one in await figures(by="region")} == {"EU"}
    whole = {one["currency"]: one for one in await figures()}
    assert (whole["EUR"]["period"], whole["EUR"]["start_minor"]) == ("2025-06-01/2026-05-21", 0)

    async def behind(figure: str, **query: Any) -> list[tuple[str, int, int]]:
        found = await face.get("/revenue/accounts", figure=figure, **{**_since("2026-03-01"), **query})
        return [(one["account_id"], one["start_minor"], one["end_minor"]) for one in found["items"]]

    assert await behind("churned") == [("gone", 100, 0)]
    assert await behind("expanded") == [("more", 100, 150)]
    assert await behind("contracted") == [("less", 100, 60), ("back", 100, 90)]
    assert await behind("new") == [("new", 0, 70)]
    assert await behind("reactivated", **_since("2026-04-01")) == [("back", 0, 90)]
    assert await behind("involuntary", to="2026-04-01") == [("back", 100, 0)]
    assert await behind("committed") == [("ends", 100, 0)]
    assert await behind("at_risk") == [("ends", 100, 0), ("new", 70, 0)]
    assert await behind("start", currency="USD") == [("dollar", 100, 100)]
    assert [one[0] for one in await behind("end", by="owner", group="ben")] == ["dollar", "ends", "back"]
    page = await face.get("/revenue/accounts", figure="start", limit=2, **_since("2026-04-01"))
    rest = await face.get("/revenue/accounts", figure="start", cursor=page["next_cursor"], **_since("2026-04-01"))
    assert len({one["account_id"] for one in (*page["items"], *rest["items"])}) == 6
    await face.get("/revenue", status=400, **_since("2020-01-01"))
    found = await face.get("/revenue", **_since("2025-11-15"), to="2026-01-20")
    assert (found["since"], found["until"]) == ("2025-11-01", "2026-01-01")


async def test_currencies_are_one_by_the_rates_of_the_catalogue(database_url: str) -> None:
    rates = {"EUR": Fraction(1), "USD": Fraction(1, 2), "JPY": Fraction(1, 100)}
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, rates=rates))
    async with a_face(database_url, rules) as face:
        await face.fed.feed(
            _bought("both", 50, mrr_minor=100, currency="EUR"),
            an_event(
                "subscription.changed",
                at=NOW - 50 * DAY,
                account="both",
                subscription_id="s2",
                mrr_minor=50,
                currency="USD",
            ),
            _bought("yen", 50, mrr_minor=1_000, currency="JPY"),
            _bought("yen", 5, status="canceled"),
            _bought("pound", 50, mrr_minor=10, currency="GBP"),
        )
        found = (await face.get("/revenue", **_since("2026-05-01")))["items"]
    assert [(one["currency"], one["start_minor"], one["customers"]) for one in found] == [
        ("EUR", 1_125, 2),
        ("GBP", 10, 1),
    ]
    assert (found[0]["churned_minor"], found[0]["end_minor"], found[0]["grr"]) == (1_000, 125, 11.11)


async def test_renewals_are_listed_with_their_ladder_and_people_say_what_they_expect(face: Face) -> None:
    def contract(id: str, months: int, **more: Any) -> Event:
        ends = (NOW + months * 30 * DAY).isoformat()
        year = {"mrr_minor": 100, "currency": "EUR", "term_months": 12, "status": "active", "renews_at": ends}
        return _bought(id, 90, **{**year, **more})

    await face.fed.feed(
        *(_account(id, owner="ana@example.com", segment="smb") for id in ("soon", "later", "going", "was")),
        contract("soon", 1),
        contract("later", 4, mrr_minor=50),
        contract("going", 1, ends_at=(NOW + 30 * DAY).isoformat(), reason="price"),
        contract("was", -1),
        contract("lapsed", -1, auto_renews=False),
    )

    async def listed(**query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await face.get("/renewals", **query))["items"]
        return items

    outcomes = {(one["account_id"], one["outcome"]) for one in await listed()}
    assert outcomes >= {("was", "renewed_by_itself"), ("was", None), ("lapsed", "lapsed"), ("soon", None)}
    open_ = {one["account_id"]: one for one in await listed(open=True)}
    assert set(open_) == {"soon", "later", "going", "was", "lapsed"}
    soon = open_["soon"]
    assert (soon["amount_minor"], soon["forecast"], soon["owner"]) == (1_200, None, "ana@example.com")
    assert (open_["going"]["forecast"], open_["going"]["reason"]) == ("lost", "price")
    path = f"/renewals/{soon['id']}"
    await face.put(path, forecast="at_risk", reason="their CFO", owner="ben@example.com")
    await face.put(path, status=400)
    await face.put(path, status=400, forecast="perhaps")
    await face.put("/renewals/rn_none", status=404, forecast="commit")
    await face.put(path, status=403, key="right", forecast="commit")
    (one,) = await listed(owner="ben@example.com")
    assert (one["id"], one["forecast"], one["reason"]) == (soon["id"], "at_risk", "their CFO")
    told = (await face.get("/accounts/soon/timeline"))["items"][0]
    assert (
        told["words"] == 'csm@example.com said of the renewal: forecast at risk and owner ben@example.com: "their CFO"'
    )
    rungs = (await face.get("/renewals", open=True, segment="smb"))["ladder"]
    assert [(one["group"], one["forecast"], one["renewals"], one["amount_minor"]) for one in rungs] == [
        ("2026-06", "at_risk", 1, 1_200),
        ("2026-06", "lost", 1, 1_200),
        ("2026-09", None, 1, 600),
        ("2027-04", None, 1, 1_200),
    ]
    owners = (await face.get("/renewals", by="owner", forecast="at_risk"))["ladder"]
    assert [(one["group"], one["renewals"]) for one in owners] == [("ben@example.com", 1)]
    (found,) = (await face.get("/revenue", **_since("2026-04-01")))["items"]
    assert (found["renewals_due"], found["renewals_renewed"], found["renewal_rate"]) == (2, 1, 50)
    assert found["mrr_at_risk_minor"] >= 200
    assert {one["account_id"] for one in (await face.get("/revenue/accounts", figure="at_risk"))["items"]} >= {"soon"}
    await face.put(path, outcome="renewed")
    assert [one["account_id"] for one in await listed(outcome="renewed")] == ["soon"]
    first = await face.get("/renewals", limit=2)
    rest = await face.get("/renewals", cursor=first["next_cursor"])
    assert len({one["id"] for one in (*first["items"], *rest["items"])}) == len(await listed())
    await face.fed.feed(an_event("account.erased", account="soon"))
    async with face.fed.uow.begin() as c:
        assert not await store_renewals.forget(c, NOW + 800 * DAY)
        assert not await store_money.forget(c, NOW + 800 * DAY)
    assert {one["account_id"] for one in await listed()} == {"later", "was"}
    (found,) = (await face.get("/revenue", **_since("2026-04-01")))["items"]
    assert (found["customers"], found["start_minor"]) == (3, 250)
