"""Scorecards and the catalogue over HTTP: read as they were written, and drafts checked beside them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.scoring.api import documents
from services.scoring.files import SHIPPED, load_files
from shared.auth.keys import Caller
from shared.figures import Figures
from shared.web.app import create_app

FILES = load_files()
ADOPTING = (SHIPPED / "adopting.yaml").read_text()


class _Keys:
    async def find(self, key: str) -> Caller | None:
        return Caller(key, frozenset({key}), key)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("scoring", "1", checks={}, figures=Figures("scoring"), random=bytes)
    app.state.keys = _Keys()
    app.include_router(documents.routes(FILES))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring", auth=("read", "")) as client:
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


async def test_who_may_not_read_may_not_check(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/scorecards/check", content=ADOPTING, auth=("ingest", ""))
    assert answer.status_code == 403
