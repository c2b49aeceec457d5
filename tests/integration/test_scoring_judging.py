"""People judge an account and say that a reading is wrong, by HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, a_contact, a_ticket, an_event, busy, nps, traits


@pytest.fixture
async def face(database_url: str) -> AsyncIterator[Face]:
    async with a_face(database_url) as made:
        urgent = a_ticket("T-1", opened_at=NOW - 5 * DAY, priority="urgent")
        await made.fed.feed(traits(name="Acme", seats=10), *busy(range(30)), urgent)
        yield made


async def test_a_pulse_moves_the_account_and_keeps_who_set_it(face: Face) -> None:
    said = await face.put("/accounts/acme/pulse", score=2, note="they look at others")
    assert said["source"] == "keepwell/people"
    one = await face.get("/accounts/acme")
    assert (one["facts"]["relationship.pulse"], one["band"]) == (2, "red")
    assert one["reason"] == 'at most red: the pulse is 2 of 10: "they look at others"'
    (cause,) = (told.cause for told in await face.fed.told() if told.cause.type == "pulse.set")
    assert cause.data["author"] == "csm@example.com"


async def test_a_reading_that_is_wrong_is_muted_and_taken_back(face: Face) -> None:
    held = (await face.get("/accounts/acme"))["score"]
    until = (NOW + 9 * DAY).isoformat()
    await face.put("/accounts/acme/mutes/support.urgent", until=until, reason="a test of ours")
    one = await face.get("/accounts/acme")
    assert one["score"] > held
    assert one["mutes"] == [
        {
            "measure": "support.urgent",
            "until": "2026-05-29T12:00:00Z",
            "reason": "a test of ours",
            "author": "csm@example.com",
        }
    ]
    words = 'muted by csm@example.com until 29 May 2026: "a test of ours"'
    assert {one["unknown"][name] for name in ("support.urgent", "support.urgent_since")} == {words}
    face.clock.move(DAY / 24)
    face.fed.now = face.clock.now()
    await face.put("/accounts/acme/mutes/support.urgent", until=NOW.isoformat(), reason="it was real")
    one = await face.get("/accounts/acme")
    assert (one["mutes"], one["facts"]["support.urgent"]) == ([], 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("acme/pulse", {"score": 2}, 400, "note"),
        ("acme/pulse", {"score": 2, "note": ""}, 400, "note"),
        ("acme/pulse", {"score": 11, "note": "x"}, 400, "score"),
        ("other/pulse", {"score": 2, "note": "x"}, 404, "no account"),
        ("acme/mutes/support.urgnt", {"until": "2026-05-29T12:00:00Z", "reason": "x"}, 404, "`support.urgent`?"),
        ("acme/mutes/support.urgent", {"until": "2026-06-29T12:00:00Z", "reason": "x"}, 400, "30 days ahead"),
    ],
)
async def test_what_cannot_be_meant_is_refused(face: Face, path: str, body, status: int, words: str) -> None:  # type: ignore[no-untyped-def]
    assert words in (await face.put(f"/accounts/{path}", status, **body))["message"]
    assert not (await face.get("/accounts/acme"))["mutes"]


async def test_who_may_only_read_may_not(face: Face) -> None:
    await face.put("/accounts/acme/pulse", 403, key="right", score=2, note="x")


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
        "Kim (admin) is admin",
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
    await face.fed.feed(a_contact("c1", "admin", traits={"name": "Kim"}), nps(2, comment="too slow"), erased)
    await face.fed.feed(nps(3, at=NOW - DAY, comment="so slow"), a_ticket("T-2", requester="c1", title="Kim waits"))
    assert not {"c1", "Kim", "slow"} & {
        word for word in ("c1", "Kim", "slow") if word in str(await face.get("/timeline"))
    }
    rows = (await face.get("/accounts/acme/timeline", type=["feedback", "ticket"]))["items"]
    assert [(one["words"], one["data"] is None) for one in rows if one["subject"] != "T-1"] == [
        ("ticket opened, of a contact who was erased", True),
        ("feedback nps, of a contact who was erased", True),
        ("feedback nps, of a contact who was erased", True),
    ]
    await face.fed.feed(an_event("account.erased"), nps(1, comment="late"))
    assert not (await face.get("/timeline"))["items"]
