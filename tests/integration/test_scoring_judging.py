"""People judge an account and say that a reading is wrong, by HTTP."""

from collections.abc import AsyncIterator

import pytest

from tests.support.described import examples
from tests.support.face import Face, a_face
from tests.support.scoring import DAY, NOW, a_ticket, busy, traits


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


async def test_what_the_document_shows_can_be_said_as_it_stands_there(face: Face) -> None:
    names = {"{id}": "acme", "{measure}": "support.urgent", "{goal_id}": "G-1"}
    document = (await face.client.get("/openapi.json")).json()
    shown = [one for one in examples(document) if one.path.startswith("/v1/accounts/")]
    assert len(shown) == 4
    for one in shown:
        path = one.path
        for name, value in names.items():
            path = path.replace(name, value)
        answer = await face.client.request(one.method, path, json=one.value, auth=("operator", ""))
        assert answer.status_code in one.codes, (str(one), answer.text)
