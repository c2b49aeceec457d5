"""Scorecards and the catalogue over HTTP: read as they were put, drafts checked beside them, put and rolled back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.scoring.api.documents import KINDS
from services.scoring.files import SHIPPED, load_files, read_texts
from shared.auth.keys import Caller
from shared.documents import together
from shared.documents.in_force import InForce
from shared.documents.routes import routes
from shared.figures import Figures
from shared.web.app import create_app
from tests.support.scoring import NOW
from tests.support.shelf import FakeShelf, NoDatabase
from tests.support.stream import SetClock

TEXTS = load_files().texts
ADOPTING = (SHIPPED / "adopting.yaml").read_text()


class _Keys:
    async def find(self, key: str) -> Caller | None:
        return Caller(key, frozenset({"read", key} if key != "nothing" else ()), key)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("scoring", "1", checks={}, figures=Figures("scoring"), random=bytes)
    app.state.keys = _Keys()
    documents, uow = InForce(FakeShelf([kind.name for kind in KINDS]), TEXTS, read_texts), NoDatabase()
    await documents.begin(uow, NOW)
    for kind in KINDS:
        app.include_router(routes(kind, documents, uow, SetClock(NOW)))
    app.include_router(together.routes("scoring", documents, uow, SetClock(NOW)))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring", auth=("operate", "")) as client:
        yield client


async def _refused(client: httpx.AsyncClient, kind: str, text: str) -> list[dict[str, Any]]:
    answer = await client.post(f"/v1/{kind}/check", content=text)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "document_refused"
    problems: list[dict[str, Any]] = answer.json()["problems"]
    return problems


@pytest.mark.parametrize(("name", "text"), sorted((path.stem, path.read_bytes()) for path in SHIPPED.iterdir()))
async def test_what_ships_can_be_used(client: httpx.AsyncClient, name: str, text: bytes) -> None:
    kind, id = ("catalogue", "main") if name == "catalogue" else ("scorecards", name)
    answer = await client.post(f"/v1/{kind}/check", content=text)
    assert (answer.status_code, answer.json()) == (200, {"id": id, "warnings": []})


async def test_a_text_is_got_byte_for_byte_and_only_once(client: httpx.AsyncClient) -> None:
    got = await client.get("/v1/scorecards/adopting")
    assert (got.status_code, got.text, got.headers["content-type"]) == (200, ADOPTING, "application/yaml")
    listed = (await client.get("/v1/scorecards")).json()["items"]
    assert got.headers["etag"] in [one["etag"] for one in listed if one["id"] == "adopting"]
    for tag in (got.headers["etag"], "W/" + got.headers["etag"], '"other", ' + got.headers["etag"], "*"):
        again = await client.get("/v1/scorecards/adopting", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/v1/scorecards/adopting", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_cards_are_paged_by_id_and_the_catalogue_is_one_document(client: httpx.AsyncClient) -> None:
    first = (await client.get("/v1/scorecards", params={"limit": 3})).json()
    rest = (await client.get("/v1/scorecards", params={"cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in first["items"]] == ["adopting", "default", "mature"]
    assert [one["id"] for one in rest["items"]] == ["onboarding", "renewal"]
    assert [one["id"] for one in (await client.get("/v1/catalogue")).json()["items"]] == ["main"]
    assert (await client.get("/v1/catalogue/main")).content == (SHIPPED / "catalogue.yaml").read_bytes()
    assert (await client.get("/v1/scorecards/adoptin")).status_code == 404


async def test_weights_that_do_not_sum_to_100_are_told_with_their_sum_and_place(client: httpx.AsyncClient) -> None:
    (one,) = await _refused(client, "scorecards", "id: mine\nversion: 1\nmeasures:\n  usage.trend: {weight: 90}\n")
    assert one["message"] == "The weights sum to 90; they must sum to 100."
    assert (one["line"], one["column"], one["file"]) == (4, 3, None)


async def test_a_fact_that_is_unknown_is_told_with_the_nearest(client: httpx.AsyncClient) -> None:
    text = "id: mine\nversion: 1\nfor_accounts: account.stag == adopting\nmeasures: {usage.trend: {weight: 100}}\n"
    (one,) = await _refused(client, "scorecards", text)
    assert one["line"] == 3
    assert "account.stage" in one["hint"]


async def test_a_second_default_card_is_refused(client: httpx.AsyncClient) -> None:
    (one,) = await _refused(client, "scorecards", "id: mine\nversion: 1\nmeasures: {usage.trend: {weight: 100}}\n")
    assert "found default, mine" in one["message"]


async def test_the_default_card_can_not_become_one_of_some_accounts(client: httpx.AsyncClient) -> None:
    text = (SHIPPED / "default.yaml").read_text() + "\nfor_accounts: account.stage == mature\n"
    (one,) = await _refused(client, "scorecards", text)
    assert "found none" in one["message"]


async def test_a_curve_that_turns_is_refused_with_where(client: httpx.AsyncClient) -> None:
    curve = "{0: 100, 5: 100, 10: 20, 30: 60}"
    text = f"id: default\nversion: 1\nmeasures: {{support.load: {{weight: 100, curve: {curve}}}}}\n"
    (one,) = await _refused(client, "scorecards", text)
    assert (one["line"], one["message"]) == (3, "A curve rises or falls all along; this one turns before 30.")


async def test_a_card_can_be_json(client: httpx.AsyncClient) -> None:
    body = {"id": "default", "version": 9, "measures": {"usage.trend": {"weight": 100}}}
    answer = await client.post("/v1/scorecards/check", json=body)
    # Others take their caps from the default card, which has none then; that is allowed.
    assert answer.status_code == 200, answer.text


async def test_a_catalogue_that_a_card_no_longer_fits_is_refused_with_the_cards_place(tmp_path: Path) -> None:
    (tmp_path / "catalogue.yaml").write_text("traits: {region: text}\n")
    card = "id: default\nversion: 1\nmeasures: {usage.trend: {weight: 100}}\n"
    (tmp_path / "default.yaml").write_text(card)
    (tmp_path / "north.yaml").write_text(
        "id: north\nversion: 1\nfor_accounts: account.traits.region == north\nmeasures: {usage.trend: {weight: 100}}\n"
    )
    files = load_files(tmp_path)
    with pytest.raises(ValueError, match=r"north\.yaml:3:"):
        files.with_catalogue(b"traits: {place: text}\n")


async def put(client: httpx.AsyncClient, text: str, id: str = "adopting", **headers: str) -> httpx.Response:
    return await client.put(
        f"/v1/scorecards/{id}", content=text, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def test_what_was_put_is_what_is_got_and_every_version_stays(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/v1/scorecards/adopting")).headers["etag"]
    text = ADOPTING.replace("version: ", "# stricter\nversion: ")
    answer = await put(client, text, if_match=tag)
    assert (answer.status_code, answer.text) == (200, text)
    got = await client.get("/v1/scorecards/adopting")
    assert (got.text, got.headers["etag"]) == (text, answer.headers["etag"])
    assert (await put(client, text)).status_code == 200
    versions = (await client.get("/v1/scorecards/adopting/versions")).json()["items"]
    assert [(one["version"], one["author"], one["shipped"]) for one in versions] == [
        (2, "operate", False),
        (1, "keepwell", True),
    ]
    assert (await client.get("/v1/scorecards/adopting/versions/1")).text == ADOPTING
    changed = (await client.get("/v1/scorecards/adopting/versions/2/changes")).json()
    assert [line for line in changed["lines"] if line[:1] in "+-" and line[:3] not in ("+++", "---")] == ["+# stricter"]


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/v1/scorecards/adopting")).headers["etag"]
    assert (await put(client, ADOPTING + "# mine\n", if_match=tag)).status_code == 200
    answer = await put(client, ADOPTING + "# yours\n", if_match=tag)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert (await put(client, ADOPTING, if_none_match="*")).status_code == 412
    assert (await client.delete("/v1/scorecards/adopting", headers={"If-Match": tag})).status_code == 412


async def test_rolling_back_puts_an_old_text_in_force_anew(client: httpx.AsyncClient) -> None:
    await put(client, ADOPTING + "# mine\n")
    answer = await client.post("/v1/scorecards/adopting/versions/1/restore")
    assert (answer.json()["version"], answer.json()["shipped"]) == (3, True)
    assert (await client.get("/v1/scorecards/adopting")).text == ADOPTING


async def test_what_can_not_be_right_is_not_put_and_stops_nothing(client: httpx.AsyncClient) -> None:
    wrong = {"id: adopting": "id: other", "recency: {weight: 15}": "recency: {weight: 14}"}
    for before, after in wrong.items():
        answer = await put(client, ADOPTING.replace(before, after, 1))
        assert (answer.status_code, answer.json()["code"]) == (422, "document_refused")
        assert answer.json()["problems"][0]["line"] > 0
    for id in ("catalogue", "schema", "check"):
        answer = await put(client, ADOPTING.replace("id: adopting", f"id: {id}"), id)
        assert "can't be the id of a card" in answer.json()["problems"][0]["message"]
    assert (await client.get("/v1/scorecards/adopting")).text == ADOPTING


async def test_a_card_is_taken_away_unless_the_others_need_it_and_can_come_back(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/v1/scorecards/default")).status_code == 422
    assert (await client.delete("/v1/scorecards/adopting")).status_code == 204
    assert (await client.get("/v1/scorecards/adopting")).status_code == 404
    assert "adopting" not in [one["id"] for one in (await client.get("/v1/scorecards")).json()["items"]]
    assert (await client.post("/v1/scorecards/adopting/versions/1/restore")).status_code == 200
    assert (await put(client, ADOPTING.replace("id: adopting", "id: mine"), "mine")).status_code == 201


async def test_json_is_got_as_json(client: httpx.AsyncClient) -> None:
    body = {
        "id": "mine",
        "version": 1,
        "for_accounts": "account.seats > 5",
        "measures": {"usage.trend": {"weight": 100}},
    }
    answer = await client.put("/v1/scorecards/mine", json=body)
    got = await client.get("/v1/scorecards/mine")
    assert (answer.status_code, got.headers["content-type"], got.json()) == (201, "application/json", body)


async def test_the_catalogue_is_put_as_one_document_and_cards_must_still_fit_it(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/catalogue/main", content="traits: {region: text}\n")
    assert (answer.status_code, (await client.get("/v1/catalogue/main")).text) == (200, "traits: {region: text}\n")
    card = ADOPTING.replace("id: adopting", "id: north").replace("stage == adopting", "traits.region == north")
    assert (await put(client, card, "north")).status_code == 201
    refused = await client.put("/v1/catalogue/main", content="traits: {place: text}\n")
    assert refused.json()["problems"][0]["file"] == "scorecards/north"
    assert (await client.put("/v1/catalogue/other", content="{}")).status_code == 404
    assert (await client.delete("/v1/catalogue/main")).status_code == 422


async def together_as(client: httpx.AsyncClient, what: str, **texts: str | None) -> httpx.Response:
    named = [("catalogue", "main") if id == "catalogue" else ("scorecards", id) for id in texts]
    documents = [{"kind": kind, "id": id, "text": text} for (kind, id), text in zip(named, texts.values(), strict=True)]
    return await client.post(f"/v1/rules/{what}", json={"documents": documents})


async def test_several_texts_change_together_or_not_at_all(client: httpx.AsyncClient) -> None:
    north = ADOPTING.replace("id: adopting", "id: north").replace("stage == adopting", "traits.region == north")
    texts = {"catalogue": "traits: {region: text}\n", "north": north, "adopting": ADOPTING, "renewal": None}
    planned = await together_as(client, "plan", **texts)
    assert [(one["id"], one["change"]) for one in planned.json()["items"]] == [
        ("main", "update"),
        ("north", "create"),
        ("adopting", "none"),
        ("renewal", "delete"),
    ]
    assert (await client.get("/v1/scorecards/north")).status_code == 404
    refused = await together_as(client, "apply", **texts, mature=None, default=None)
    assert (refused.status_code, refused.json()["code"]) == (422, "document_refused")
    assert (await client.get("/v1/scorecards/renewal")).status_code == 200
    assert (await together_as(client, "apply", **texts)).json() == planned.json()
    assert (await client.get("/v1/scorecards/north")).text == north
    assert (await client.get("/v1/scorecards/renewal")).status_code == 404
    again = await together_as(client, "plan", **texts)
    assert {one["change"] for one in again.json()["items"]} == {"none"}


async def test_together_too_nobody_is_overwritten(client: httpx.AsyncClient) -> None:
    one = {"kind": "scorecards", "id": "adopting", "text": ADOPTING + "# mine\n", "etag": '"other"'}
    assert (await client.post("/v1/rules/apply", json={"documents": [one]})).status_code == 412
    new = {**one, "id": "north", "etag": ""}
    assert (await client.post("/v1/rules/apply", json={"documents": [one | new, one | new]})).status_code == 422


async def test_editors_get_the_schema(client: httpx.AsyncClient) -> None:
    for kind in ("scorecards", "catalogue"):
        assert (await client.get(f"/v1/{kind}/schema")).json()["title"].startswith("Keepwell")


async def test_who_may_only_read_changes_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.put("/v1/scorecards/adopting", content=ADOPTING, auth=("read", ""))).status_code == 403
    assert (await client.delete("/v1/scorecards/adopting", auth=("read", ""))).status_code == 403


async def test_who_may_not_read_may_not_check(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/scorecards/check", content=ADOPTING, auth=("nothing", ""))).status_code == 403


async def test_a_trait_that_is_ours_is_warned_of_as_it_is_never_known(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/catalogue/check", content="traits: {keepwell_score: number, tier: text}")
    (warning,) = answer.json()["warnings"]
    assert "The trait `keepwell_score` would never be known" in str(warning)
