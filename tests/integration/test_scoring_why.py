"""Why a score is another than it was, through the API: of one account, and of a whole book."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from services.scoring.queries import ledger
from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, a_ticket, an_event, busy, nps, usage


@pytest.fixture
async def face(database_url: str) -> AsyncIterator[Face]:
    async with a_face(database_url) as made:
        yield made


def at(instant: datetime) -> str:
    return instant.isoformat()


async def _until(face: Face, instant: datetime) -> None:
    await face.fed.pass_time(instant)
    face.clock.move(instant - face.clock.now())


async def _a_quarter(face: Face) -> None:
    """An account that does well, then has an urgent ticket, an unhappy champion, and no use any more."""
    known = {"name": "Acme", "seats": 8, "plan": "pro", "signed_at": at(NOW - 200 * DAY)}
    await face.fed.feed(an_event("account.updated", at=NOW - 100 * DAY, traits=known))
    await face.fed.feed(*(usage(e.time, "reports", f"u{n % 8}") for n, e in enumerate(busy(range(40), users=4))))
    await face.fed.feed(an_event("contact.updated", contact_id="c1", role="champion", traits={}))
    await _until(face, NOW + 3 * DAY)
    await face.fed.feed(a_ticket("T-1", at=face.fed.now, opened_at=face.fed.now, priority="urgent"))
    await _until(face, NOW + 5 * DAY)
    await face.fed.feed(nps(5, at=face.fed.now, comment="third time"))
    await _until(face, NOW + 12 * DAY)


async def _explained(face: Face, since: datetime, until: datetime) -> Any:
    return await face.get("/accounts/acme/health/explain", 200, **{"from": at(since), "to": at(until)})


async def test_a_quarter_is_explained_by_parts_that_sum_to_its_difference(face: Face) -> None:
    await _a_quarter(face)
    ledger = (await face.get("/accounts/acme/health/history", limit=500))["items"]
    told = await _explained(face, NOW, NOW + 12 * DAY)
    then = next(row["to"] for row in ledger if datetime.fromisoformat(row["at"]) <= NOW)
    assert (told["from"], told["to"]) == (then, ledger[0]["to"])
    assert told["change"] == pytest.approx(told["to"] - told["from"])
    assert told["change"] < -20
    assert round(sum(part["points"] for part in told["drivers"]), 2) == told["change"]
    reasons = {part["name"]: part["reason"] for part in told["drivers"]}
    assert reasons["feedback.nps"] == 'their champion scored us 5: "third time"'
    assert 'their champion scored us 5: "third time"' in told["paragraph"]
    assert told["paragraph"].startswith("Since 20 May 2026 −")


async def test_any_two_instants_can_be_asked_for_and_halves_add_up(face: Face) -> None:
    await _a_quarter(face)
    whole = await _explained(face, NOW, NOW + 12 * DAY)
    for cut in (NOW + 0.5 * DAY, NOW + 3 * DAY, NOW + 5 * DAY, NOW + 9.7 * DAY):
        first, then = await _explained(face, NOW, cut), await _explained(face, cut, NOW + 12 * DAY)
        assert first["to"] == then["from"]
        sums: dict[str, float] = {}
        for part in (*first["drivers"], *then["drivers"]):
            sums[part["name"]] = round(sums.get(part["name"], 0) + part["points"], 2)
        assert {name: points for name, points in sums.items() if points} == {
            part["name"]: part["points"] for part in whole["drivers"]
        }
    nothing = await _explained(face, NOW + 4 * DAY, NOW + 4 * DAY)
    assert (nothing["change"], nothing["drivers"]) == (0, [])


async def test_before_it_was_known_there_is_no_difference(face: Face) -> None:
    await _a_quarter(face)
    told = await _explained(face, NOW - 30 * DAY, NOW + 12 * DAY)
    assert (told["from"], told["change"]) == (None, None)
    assert told["paragraph"].startswith("Unknown until 20 May 2026, ")


async def test_what_an_erased_contact_moved_stays_in_the_sum(face: Face) -> None:
    await _a_quarter(face)
    await face.fed.feed(an_event("contact.erased", at=face.fed.now, contact_id="c1"))
    told = await _explained(face, NOW, NOW + 12 * DAY)
    assert round(sum(part["points"] for part in told["drivers"]), 2) == told["change"]
    assert "third time" not in told["paragraph"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"from": at(NOW - DAY), "to": at(NOW - 2 * DAY)}, "query.from: it lies after `to`"),
        ({"from": at(NOW + DAY)}, "query.from: it lies after `to`"),
        ({"to": at(NOW)}, "query.from: it is needed where `to` is given"),
        ({"from": at(NOW - 401 * DAY)}, "query.from: what was is kept for 400 days, since 15 Apr 2025"),
        ({"from": "soon"}, "query.from: "),
    ],
)
async def test_what_the_ledger_can_not_answer_is_said(face: Face, query: dict[str, str], words: str) -> None:
    await face.fed.feed(nps(9))
    assert words in (await face.get("/accounts/acme/health/explain", 400, **query))["message"]
    await face.get("/accounts/nobody/health/explain", 404, **{"from": at(NOW - DAY)})


# A whole book


async def _a_book(face: Face) -> None:
    """Ada has four accounts, one of them unknown: one falls, one goes to Ben, and a fifth comes."""
    for account in ("falls", "moves", "stays"):
        known = {"name": account.title(), "owner": "ada@us", "seats": 8, "plan": "pro"}
        known["signed_at"] = at(NOW - 200 * DAY)
        await face.fed.feed(an_event("account.updated", at=NOW - 100 * DAY, account=account, traits=known))
        past = busy(range(40), users=4)
        await face.fed.feed(*(usage(e.time, "reports", f"u{n % 8}", account=account) for n, e in enumerate(past)))
    await face.fed.feed(an_event("account.updated", account="silent", traits={"owner": "ada@us"}))
    await _until(face, NOW + 2 * DAY)
    later = face.fed.now
    await face.fed.feed(a_ticket("T-1", account="falls", at=later, opened_at=later, priority="urgent"))
    await face.fed.feed(an_event("account.updated", at=later, account="moves", traits={"owner": "ben@us"}))
    known = {"owner": "ada@us", "seats": 8, "plan": "pro", "signed_at": at(NOW - 200 * DAY)}
    await face.fed.feed(an_event("account.updated", at=later, account="comes", traits=known))
    used = busy(range(40), users=4, now=later)
    await face.fed.feed(*(usage(e.time, "reports", f"u{n % 8}", account="comes") for n, e in enumerate(used)))
    await _until(face, NOW + 6 * DAY)


async def test_a_book_is_explained_by_account_and_by_measure(face: Face) -> None:
    await _a_book(face)
    report = await face.get("/explain", 200, by="owner", **{"from": at(NOW), "to": at(NOW + 6 * DAY)})
    groups = {group["group"]: group for group in report["groups"]}
    ada, ben = groups["ada@us"], groups["ben@us"]
    assert (ada["accounts_from"], ada["accounts_to"], ben["accounts_from"], ben["accounts_to"]) == (3, 3, 0, 1)
    assert {entry["id"]: entry["kind"] for entry in ada["accounts"]} == {
        "falls": "moved",
        "stays": "moved",
        "moves": "moved_out",
        "comes": "came",
    }
    for listed in ("drivers", "accounts"):
        assert round(sum(one["points"] for one in ada[listed]), 2) == ada["change"]
    assert ada["change"] == round(ada["to"] - ada["from"], 2)
    own = await face.get("/accounts/falls/health/explain", 200, **{"from": at(NOW), "to": at(NOW + 6 * DAY)})
    falls = next(entry for entry in ada["accounts"] if entry["id"] == "falls")
    assert (falls["from"], falls["to"]) == (own["from"], own["to"])
    assert any(part["name"] == "support.urgent" and part["points"] < 0 for part in ada["drivers"])
    assert ada["paragraph"].startswith("Since Wednesday −")
    assert "1 new account" in ada["paragraph"]
    assert (ben["change"], ben["drivers"]) == (None, [])


async def test_a_book_without_a_grouping_is_the_whole_company(face: Face) -> None:
    await _a_book(face)
    (whole,) = (await face.get("/explain", 200, accounts=1, **{"from": at(NOW)}))["groups"]
    assert (whole["group"], whole["accounts_from"], whole["accounts_to"]) == ("", 3, 4)
    assert len(whole["accounts"]) == 1
    assert round(whole["accounts"][0]["points"] + whole["others"], 2) == whole["change"]
    for by in ("segment", "plan", "stage"):
        assert (await face.get("/explain", 200, by=by, **{"from": at(NOW)}))["by"] == by
    assert (await face.get("/explain", 400, by="luck", **{"from": at(NOW)}))["code"] == "invalid_request"
    await face.get("/explain", 400, by="owner")


async def test_who_left_is_told_apart_from_who_was_lost_from_sight(face: Face) -> None:
    await _a_book(face)
    since, later = face.fed.now, face.fed.now + 0.25 * DAY
    await _until(face, later)
    await face.fed.feed(an_event("account.churned", at=later, account="falls", reason="price"))
    mute = {"measure": "usage.recency", "until": at(later + 9 * DAY), "reason": "moved", "author": "ada@us"}
    muted = [{**mute, "measure": name} for name in ("usage.recency", "usage.trend", "usage.active_share")]
    await face.fed.feed(*(an_event("reading.muted", at=later, account="stays", **one) for one in muted))
    await face.fed.feed(an_event("account.merged", at=later, account="comes", into="moves"))
    (whole,) = (await face.get("/explain", 200, **{"from": at(since)}))["groups"]
    assert {entry["id"]: entry["kind"] for entry in whole["accounts"]} == {
        "falls": "left",
        "stays": "became_unknown",
        "comes": "left",
    }
    reasons = {part["name"]: part["reason"] for part in whole["drivers"]}
    assert (reasons["left"], reasons["became_unknown"]) == ("2 accounts left", "1 account no longer known")


# By day


async def test_daily_history_has_every_day_with_how_the_account_stood_at_its_end(face: Face) -> None:
    await _a_quarter(face)
    ledger = (await face.get("/accounts/acme/health/history", limit=500))["items"]
    days = (await face.get("/accounts/acme/health/history", 200, **{"from": at(NOW - 9 * DAY)}))["items"]
    assert [one["day"] for one in days] == [(NOW + back * DAY).date().isoformat() for back in range(12, -1, -1)]
    for one in days:
        last = next(row for row in ledger if row["at"][:10] <= one["day"])
        assert (one["score"], one["band"]) == (last["to"], last["band"])
    first = await face.get("/accounts/acme/health/history", 200, limit=5, **{"from": at(NOW)})
    query = {"from": at(NOW), "cursor": first["next_cursor"]}
    then = await face.get("/accounts/acme/health/history", 200, limit=500, **query)
    assert [*first["items"], *then["items"]] == days
    words = (await face.get("/accounts/acme/health/history", 400, **{"from": at(NOW - 731 * DAY)}))["message"]
    assert "what was is kept for 730 days" in words


async def test_the_past_is_forgotten_by_age_but_for_how_it_stood_before(face: Face) -> None:
    await _a_quarter(face)
    since, until = NOW + 4 * DAY, NOW + 12 * DAY
    explained = await _explained(face, since, until)

    async def left_after(days: int) -> tuple[int, int]:
        async with face.fed.uow.begin() as c:
            await ledger.forget(c, since + days * DAY)
        rows = await face.fed.rows("SELECT at FROM assessments WHERE at < :at", at=since)
        by_day = await face.fed.rows("SELECT day FROM health_days WHERE day < :day", day=since.date())
        return len(rows), len(by_day)

    before = await left_after(0)
    assert before[1] == 4
    assert await left_after(ledger.LEDGER_DAYS) == (1, 4)
    assert await _explained(face, since, until) == explained
    assert (await left_after(ledger.HEALTH_DAYS))[1] == 1


async def test_an_erased_account_leaves_no_history(face: Face) -> None:
    await _a_quarter(face)
    await face.fed.feed(an_event("account.erased", at=face.fed.now))
    assert await face.fed.rows("SELECT day FROM health_days") == []
