"""What customers answered, read back through the API: worked values, groups, weights, who was asked, erasure."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from shared.messages.envelope import Event
from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, a_contact, an_event, nps


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
