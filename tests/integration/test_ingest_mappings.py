"""Mappings at the door: put, used, refused, and kept apart by source."""

from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from services.ingest.core.dialects.ruling import Seen, ruled
from services.ingest.core.mapping import Mapping, account_in
from services.ingest.core.mapping import at as path_in
from services.ingest.core.reading import Unreadable
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record
from services.ingest.files import MAPPINGS
from services.ingest.previews.looking import Looking
from shared.jobs import store
from tests.support.ingest import House, a_house

WEB = 'id: web\nfor_sources: [segment-prod]\nusage: [{event: "Report *", feature: reports}]\ndrop: ["Heartbeat*"]\n'


async def test_a_mapping_that_is_put_is_what_its_source_goes_by(database_url: str) -> None:
    async with a_house(database_url) as house:
        ingest, web, other = house.parts, Sender("segment-prod"), Sender("app")
        await ingest.mappings.begin(ingest.uow, ingest.clock.now())
        listed = (await house.http.get("/v1/mappings")).json()["items"]
        assert [(one["id"], one["shipped"]) for one in listed] == [("default", True)]

        wrong = WEB.replace("usage", "usages")
        refused = await house.http.put("/v1/mappings/web", content=wrong)
        assert refused.status_code == 422
        assert [(one["line"], one["hint"]) for one in refused.json()["problems"]] == [(3, "Did you mean `usage`?")]
        [warning] = (await house.http.post("/v1/mappings/check", content=WEB)).json()["warnings"]
        assert (warning["message"], warning["line"]) == ("No key sends as `segment-prod`.", 2)
        assert warning["hint"] == "Keys send as admin."
        await house.http.post("/v1/keys", json={"name": "web", "scopes": ["ingest"], "source": "segment-prod"})
        assert (await house.http.post("/v1/mappings/check", content=WEB)).json() == {"id": "web", "warnings": []}
        assert ingest.reception.mapping(web).label == "default@1"

        made = await house.http.put("/v1/mappings/web", content=WEB)
        assert made.status_code == 201
        assert ingest.reception.mapping(web).label == "web@1"
        assert ingest.reception.mapping(other).label == "default@1"
        rule = ingest.reception.mapping(web).rule_for("track", "Report Opened")
        assert rule is not None
        assert (rule.feature, rule.by) == ("reports", "web@1")

        stale = await house.http.put("/v1/mappings/web", content=f"{WEB}# more\n", headers={"if-match": '"other"'})
        assert stale.status_code == 412
        again = WEB.replace("id: web", "id: again")
        assert (await house.http.put("/v1/mappings/again", content=again)).status_code == 422
        assert (await house.http.delete("/v1/mappings/web", headers={"if-match": made.headers["etag"]})).is_success
        assert ingest.reception.mapping(web).label == "default@1"


async def test_what_one_process_puts_another_finds_when_it_looks(database_url: str) -> None:
    async with a_house(database_url) as house, a_house(database_url) as other:
        for one in (house, other):
            await one.parts.mappings.begin(one.parts.uow, one.parts.clock.now())
        await house.http.put("/v1/mappings/web", content=WEB)
        async with other.parts.uow.begin() as c:
            await other.parts.mappings.refresh(c)
        assert other.parts.reception.mapping(Sender("segment-prod")).label == "web@1"
        planned = {"documents": [{"kind": MAPPINGS, "id": "web", "text": WEB}]}
        plan = await other.http.post("/v1/rules/plan", json=planned)
        assert [one["change"] for one in plan.json()["items"]] == ["none"]


def a_dialect(sent: bytes, mapping: Mapping, at: datetime) -> list[Record]:
    """A client that sends the name of an event, and no more."""
    try:
        record = msgspec.json.decode(sent)
    except msgspec.DecodeError as error:
        raise Unreadable("invalid_json", "It is no JSON.") from error
    account, name = account_in(record, mapping.account), record["event"]
    look = partial(path_in, record)
    said, why = ruled(Seen(id="1", kind="track", name=name, look=look, time=at, account=account), mapping)
    return [Record(sent=sent, said=(said,) if said else (), why=why)]


async def previewed(house: House, id: str, text: str = "", **params: str) -> dict[str, Any]:
    """What comes of a preview, computed here."""
    asked = await house.http.post(f"/v1/mappings/{id}/preview", content=text, params=params)
    assert asked.status_code == 202, asked.text
    job, ingest = asked.json()["job"], house.parts
    async with ingest.uow.begin() as c:
        wanted, mappings = await store.wanted(c, job), await ingest.mappings.refresh(c)
    looking = Looking(ingest.uow, ingest.clock, job, {"fake": a_dialect})
    await looking.run(wanted, mappings, ingest.mappings.versions)
    told = (await house.http.get(f"/v1/jobs/{job}")).json()
    assert told["state"] == "done"
    return dict(told["result"])


async def test_a_draft_is_tried_on_what_came_lately(database_url: str) -> None:
    async with a_house(database_url) as house:
        ingest, web = house.parts, Sender("segment-prod", "web")
        await ingest.mappings.begin(ingest.uow, ingest.clock.now())
        sent = [b'{"event":"Report Opened","groupId":"acme"}', b'{"event":"Heartbeat 1"}', b"no", b'{"event":"Login"}']
        large = b'{"event":"Login","x":"' + b"y" * 70_000 + b'"}'
        records = [Record(sent=one, why="nothing yet") for one in (*sent, large)]
        for sender in (web, Sender("app", "app")):
            await ingest.reception.records(records, sender, "fake")
        await house.post({"id": "e1", "type": "usage.recorded", "account": "acme", "data": {"feature": "x"}})
        await ingest.watching.write()

        found = await previewed(house, "web", WEB)
        assert (found["records"], found["cut"], found["differ"]) == (4, 1, 2), "of its source alone"
        assert {one["what"]: (one["before"], one["after"]) for one in found["becomes"]} == {
            "usage.recorded Report Opened": (1, 0),
            "usage.recorded reports": (0, 1),
            "usage.recorded Heartbeat 1, of no account": (1, 0),
            "dropped by web: drop 'Heartbeat*'": (0, 1),
            "usage.recorded Login, of no account": (1, 1),
            "refused": (1, 1),
        }
        assert {one["name"] for one in found["examples"]} == {"Report Opened", "Heartbeat 1"}

        await house.http.put("/v1/mappings/web", content=WEB)
        assert (await previewed(house, "web", WEB))["differ"] == 0
        stands = await previewed(house, "web")
        assert (stands["records"], stands["differ"]) == (4, 2), "beside the one for all"
        assert (await previewed(house, "web", against="web"))["differ"] == 0
        assert (await previewed(house, "default", "id: default\ndrop: ['*']\n"))["differ"] == 4

        other = await house.http.post("/v1/mappings/app/preview", content=WEB)
        assert (other.status_code, other.json()["code"]) == (422, "other_id")
        wrong = await house.http.post("/v1/mappings/web/preview", content=WEB.replace("usage", "usages"))
        assert wrong.json()["code"] == "document_refused"
        assert (await house.http.post("/v1/mappings/nothing/preview")).status_code == 404
