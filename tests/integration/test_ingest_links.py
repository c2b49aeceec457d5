"""Links in letters: a page shows what one would do, and its button does it, once."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.ingest.store import links as used_links
from services.notifier.channels.email import write
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from shared.links import LASTING, Act, Links
from shared.log.protocol import BrokerUnavailable
from shared.messages import registry
from shared.messages.actions import Colleague
from shared.messages.deliveries import DeliveryResponded
from tests.support.ingest import LINK_KEY, House, a_house
from tests.support.notifier import an_action
from tests.support.stream import NOON, until

SUBJECT = "Northwind: <b>call</b> their admin"
TO = [Colleague(id="csm-4", name="Sam"), Colleague(id="csm-5", name="Robin & Co")]


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


def a_link(move: str, key: str = LINK_KEY, **changes: Any) -> str:
    """The path of a link in a letter to Dana."""
    fields: dict[str, Any] = {
        "letter": "dlv-1",
        "item_id": "tsk-41",
        "account_id": "northwind",
        "kind": "task",
        "move": move,
        "who": "dana@example.com",
        "subject": SUBJECT,
        "expires": int((NOON + LASTING).timestamp()),
        "time_zone": "Europe/Berlin",
        "to": TO if move == "reassign" else [],
    }
    return Links([key]).act_url(Act(**(fields | changes)))


async def press(house: House, path: str, **form: str) -> httpx.Response:
    return await house.http.post(path, data=form, headers={"authorization": ""})


async def page(house: House, path: str) -> httpx.Response:
    return await house.http.get(path, headers={"authorization": ""})


def answers(house: House) -> list[DeliveryResponded]:
    assert {message.topic for message in house.broker.messages} <= {registry.DELIVERIES}
    return [registry.data_of(event) for event in house.broker.events()]


async def kept(house: House) -> list[Any]:
    return [row["said"] for row in await house.rows("SELECT said FROM used_links ORDER BY at")]


def nonce_of(answer: httpx.Response) -> str:
    found = re.search(r'name="once" value="([^"]*)"', answer.text)
    assert found is not None
    return found.group(1)


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("move", "fields"),
    [
        ("take", set()),
        ("close", set()),
        ("acknowledge", set()),
        ("accept", set()),
        ("dismiss", set()),
        ("done", {"outcome", "note"}),
        ("snooze", {"time", "date", "note"}),
        ("reassign", {"to", "note"}),
        ("false_alarm", {"note"}),
    ],
)
async def test_the_page_shows_what_would_be_done_and_asks_for_what_it_takes(
    house: House, move: str, fields: set[str]
) -> None:
    answer = await page(house, a_link(move))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Northwind: &lt;b&gt;call&lt;/b&gt; their admin" in answer.text
    assert "You act as dana@example.com" in answer.text
    assert set(re.findall(r' name="(\w+)"', answer.text)) - {"once", "viewport", "robots", "referrer"} == fields
    assert answer.text.count("<button") == 1


async def test_looking_changes_nothing_however_often_and_by_whatever_method(house: House) -> None:
    """Mail scanners fetch every link, and some ask for its head first."""
    link = a_link("done")
    for method in ("HEAD", "GET", "GET", "HEAD"):
        answer = await house.http.request(method, link, headers={"authorization": ""})
        assert answer.status_code == 200
    assert house.broker.messages == []
    assert await kept(house) == []
    assert (await press(house, link, outcome="done")).status_code == 200


async def test_a_browser_may_do_nothing_with_the_page_but_show_it_and_send_its_form(house: House) -> None:
    for answer in (await page(house, a_link("done")), await page(house, "/a/broken")):
        assert re.fullmatch(
            r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; form-action 'self'; base-uri 'none'; "
            r"frame-ancestors 'none'",
            answer.headers["content-security-policy"],
        )
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert "<script" not in answer.text
        assert "style=" not in answer.text
        assert "http://" not in answer.text


async def test_every_field_has_a_label_and_the_page_a_language(house: House) -> None:
    for move in ("done", "snooze", "reassign", "false_alarm"):
        html = (await page(house, a_link(move))).text
        assert '<html lang="en">' in html
        assert '<meta name="color-scheme" content="light dark">' in html
        assert html.count("<h1>") == 1
        fields = set(re.findall(r'<(?:input type="(?:radio|date)"|textarea|select)[^>]* id="([\w-]+)"', html))
        assert fields
        assert fields == set(re.findall(r'<label[^>]* for="([\w-]+)"', html))


# --- a press ----------------------------------------------------------------------------------------------------------


async def test_a_press_is_passed_on_in_the_name_of_whom_the_letter_went_to(house: House) -> None:
    answer = await press(house, a_link("done"), outcome="no_result", note="first\r\nsecond")
    assert answer.status_code == 200
    assert "Keepwell has it: closed without a result." in answer.text
    [said] = answers(house)
    assert (said.response, said.item_id, said.note, said.at) == ("no_result", "tsk-41", "first\nsecond", NOON)
    assert (said.actor, said.delivery_id, said.response_url) == ("dana@example.com", "dlv-1", None)
    [event] = house.broker.events()
    assert (event.type, event.subject, house.broker.messages[0].key) == ("delivery.responded", "northwind", "northwind")


@pytest.mark.parametrize("move", ["take", "acknowledge", "close", "accept", "dismiss", "done", "false_alarm"])
async def test_what_cannot_be_repeated_is_done_once(house: House, move: str) -> None:
    link, form = a_link(move), {"outcome": "done", "note": "because"}
    assert (await press(house, link, **form)).status_code == 200
    house.clock.move(timedelta(minutes=5))
    again = await press(house, link, **form)
    assert again.status_code == 410
    assert f"It is already {(await kept(house))[0]}, by this link, since " in again.text
    assert len(answers(house)) == 1


async def test_a_letter_that_was_sent_twice_acts_once(house: House) -> None:
    assert (await press(house, a_link("take"))).status_code == 200
    later = a_link("take", expires=int((NOON + LASTING).timestamp()) + 30)
    assert (await press(house, later)).status_code == 410


async def test_what_was_not_confirmed_can_be_pressed_again_and_counts_once(house: House) -> None:
    link = a_link("false_alarm")
    house.broker.fails.append(BrokerUnavailable("gone"))
    refused = await press(house, link, note="a test of <ours>")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert "Press the button again" in refused.text
    assert "a test of &lt;ours&gt;</textarea>" in refused.text, "what was written is still there"
    assert await kept(house) == []
    assert (await press(house, link, note="a test")).status_code == 200
    assert (await press(house, link, note="a test")).status_code == 410
    assert len(answers(house)) == 1


async def test_two_presses_at_once_are_one_answer(house: House) -> None:
    """Both may be published, under one id, which playbooks take once."""
    house.broker.confirms.clear()
    presses = [asyncio.create_task(press(house, a_link("take"))) for _ in range(2)]
    await until(lambda: house.broker.asked == 2)
    house.broker.confirms.set()
    await asyncio.gather(*presses)
    # The first two may not have been confirmed in time.
    assert (await press(house, a_link("take"))).status_code in {200, 410}
    assert len(answers(house)) >= 2
    assert len({said.response_id for said in answers(house)}) == 1
    assert await kept(house) == ["taken"]


async def test_a_snooze_can_be_repeated_and_the_same_press_is_still_one(house: House) -> None:
    link = a_link("snooze")
    first = nonce_of(await page(house, link))
    for _ in range(2):
        answer = await press(house, link, once=first, time="tomorrow")
        assert answer.status_code == 200
    second = nonce_of(await page(house, link))
    await press(house, link, once=second, time="tomorrow")
    said = [one.response_id for one in answers(house)]
    assert said[0] == said[1] != said[2]
    assert await kept(house) == []


async def test_a_snooze_ends_at_nine_on_the_readers_clock(house: House) -> None:
    day = NOON.date() + timedelta(days=10)
    answer = await press(house, a_link("snooze", time_zone="Asia/Tokyo"), date=day.isoformat())
    [said] = answers(house)
    assert said.until == datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert "09:00 Tokyo time." in answer.text


async def test_work_goes_to_one_who_was_offered_and_to_nobody_else(house: House) -> None:
    link = a_link("reassign")
    refused = await press(house, link, to="the-boss")
    assert refused.status_code == 400
    assert "Choose to whom it goes." in refused.text
    answer = await press(house, link, to="csm-5", note="you know them")
    assert "Keepwell has it: given to Robin &amp; Co." in answer.text
    assert [(said.to, said.note) for said in answers(house)] == [("csm-5", "you know them")]


async def test_where_nobody_could_be_offered_the_page_says_what_to_do(house: House) -> None:
    answer = await page(house, a_link("reassign", to=[]))
    assert "<button" not in answer.text
    assert "keepwell tasks reassign tsk-41 NAME" in answer.text


@pytest.mark.parametrize(
    ("move", "form", "name"),
    [
        ("done", {}, "outcome"),
        ("snooze", {"time": "tomorrow", "date": "2020-01-01"}, "date"),
        ("false_alarm", {"note": "  "}, "note"),
    ],
)
async def test_what_is_missing_is_told_at_its_field(house: House, move: str, form: dict[str, str], name: str) -> None:
    answer = await press(house, a_link(move), **form)
    assert answer.status_code == 400
    assert f'id="{name}-wrong"' in answer.text
    assert f'aria-describedby="{name}-wrong"' in answer.text
    assert 'role="alert"' in answer.text
    assert house.broker.messages == []


async def test_a_link_acts_as_it_stands_in_a_letter(house: House) -> None:
    action = an_action(item_id="tsk-41")
    dispatch = Dispatch(message=compose(action, NOON), delivery_id="dlv_7", target="dana@example.com", at=NOON)
    letter = write(dispatch, "keepwell@example.com", Renderer(), Links([LINK_KEY], "http://ingest"))
    body = letter.get_body(("plain",))
    assert body is not None
    take = re.search(r"^Take it: http://ingest(\S+)$", str(body.get_content()), re.MULTILINE)
    assert take is not None
    assert "Northwind: Call their admin" in (await page(house, take.group(1))).text
    assert (await press(house, take.group(1))).status_code == 200
    [said] = answers(house)
    assert (said.response, said.item_id, said.actor, said.delivery_id) == (
        "take",
        "tsk-41",
        "dana@example.com",
        "dlv_7",
    )


# --- links that don't act ---------------------------------------------------------------------------------------------


async def test_an_expired_link_says_so_and_does_nothing(house: House) -> None:
    link = a_link("take")
    house.clock.move(LASTING)
    for answer in (await page(house, link), await press(house, link)):
        assert answer.status_code == 410
        assert "Links in letters act for 14 days." in answer.text
    assert house.broker.messages == []


async def test_a_link_that_was_changed_says_so_and_does_nothing(house: House) -> None:
    link = a_link("take")
    for path in (link[:-1], link[:20] + "x" + link[21:], "/a/x", "/a/%C3%A9", a_link("take", key="k" * 32)):
        for answer in (await page(house, path), await press(house, path)):
            assert answer.status_code == 404
            assert "This is no link of Keepwell" in answer.text
    assert house.broker.messages == []


async def test_a_move_of_another_version_does_nothing(house: House) -> None:
    assert (await press(house, a_link("explode"))).status_code == 404


async def test_without_a_key_it_says_which_setting_is_missing(database_url: str) -> None:
    async with a_house(database_url, link_key=None) as house:
        answer = await page(house, a_link("take"))
        assert (answer.status_code, answer.json()["code"]) == (503, "links_not_set_up")
        assert "KEEPWELL_LINK_KEYS" in answer.json()["message"]


async def test_a_form_beyond_all_bounds_is_refused(house: House) -> None:
    answer = await press(house, a_link("done"), note="x" * 40_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_used_links_are_forgotten_when_they_have_expired(house: House) -> None:
    await press(house, a_link("take"))
    async with house.parts.uow.begin() as c:
        assert not await used_links.forget(c, NOON + LASTING)
    assert await kept(house) == ["taken"]
    async with house.parts.uow.begin() as c:
        await used_links.forget(c, NOON + LASTING + timedelta(seconds=1))
    assert await kept(house) == []


async def test_no_token_reaches_a_log_or_a_figure(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.broker.fails.append(BrokerUnavailable("gone"))
    link = a_link("done")
    await page(house, link)
    await press(house, link, outcome="done")
    await press(house, link, outcome="done")
    told = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("keepwell"))
    figures = (await house.http.get("/metrics")).text
    token = link.rpartition("/")[2]
    assert "publish failed" in told
    assert 'route="/a/{token}"' in figures
    assert token not in told + figures
