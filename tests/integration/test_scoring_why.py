"""Why a score is another than it was, through the API: of one account, and of a whole book."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

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
        ({"from": at(NOW - 401 * DAY)}, "query.from: the ledger goes back 400 days, to 15 Apr 2025"),
        ({"from": "soon"}, "query.from: "),
    ],
)
async def test_what_the_ledger_can_not_answer_is_said(face: Face, query: dict[str, str], words: str) -> None:
    await face.fed.feed(nps(9))
    assert words in (await face.get("/accounts/acme/health/explain", 400, **query))["message"]
    await face.get("/accounts/nobody/health/explain", 404, **{"from": at(NOW - DAY)})
