"""Mappings at the door: put, used, refused, and kept apart by source."""

from services.ingest.core.senders import Sender
from services.ingest.files import MAPPINGS
from tests.support.ingest import a_house

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
