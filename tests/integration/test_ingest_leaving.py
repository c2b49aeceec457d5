"""Links by which a customer's person gets no more messages: the page, its form, and the one click of mail programs."""

import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.ingest.core.leaving import WORDS
from services.notifier.channels.contact import write
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import LetterRenderer
from services.notifier.core.audience import why_not
from services.notifier.core.contacts import Book, Key
from services.notifier.core.message import Letter, Message
from shared.links import LEAVING, Act, Leave, Links
from shared.log.protocol import BrokerUnavailable
from shared.messages import envelope, registry
from shared.messages.accounts import ContactConsented
from shared.words import date_words
from tests.support.ingest import LINK_KEY, House, a_house
from tests.support.stream import NOON

ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


def a_link(key: str = LINK_KEY, **changes: Any) -> str:
    """The path of the link in a letter to Kim."""
    fields: dict[str, Any] = {
        "account_id": "northwind",
        "contact_id": "kim",
        "kind": "service",
        "expires": int((NOON + LEAVING).timestamp()),
        "language": "de",
        "letter": "dlv_c1",
    }
    return Links([key]).leave_url(Leave(**(fields | changes)))


async def page(house: House, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return await house.http.request(method, path, headers={"authorization": "", **headers})


async def press(house: House, path: str, **form: str) -> httpx.Response:
    return await house.http.post(path, data=form, headers={"authorization": ""})


def said(house: House) -> list[tuple[str, str, str]]:
    """Of whom what was published, and of which kind."""
    assert {message.topic for message in house.broker.messages} <= {registry.ACCOUNTS}
    events = house.broker.events()
    assert {(event.type, event.source) for event in events} <= {("contact.unsubscribed", "keepwell/ingest")}
    told = [(event.subject, registry.data_of(event)) for event in events]
    return [(account, data.contact_id, data.kind) for account, data in told]


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", WORDS)
async def test_the_page_is_in_the_language_of_the_letter_and_changes_nothing(house: House, language: str) -> None:
    for method in ("HEAD", "GET", "GET"):
        answer = await page(house, a_link(language=language), method)
        assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    assert f"<title>{WORDS[language].title}</title>" in answer.text
    assert answer.text.count("<button") == answer.text.count("<h1>") == 1
    fields = re.findall(r'<input type="radio" name="choice" id="([\w-]+)"', answer.text)
    assert fields == re.findall(r'<label for="([\w-]+)"', answer.text) == ["choice-kind", "choice-all"]
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert house.broker.messages == []


async def test_a_language_that_does_not_ship_reads_what_is_closest(house: House) -> None:
    assert '<html lang="zh">' in (await page(house, a_link(language="zh-TW"))).text
    assert '<html lang="en">' in (await page(house, a_link(language="fr"))).text
    answer = await page(house, "/u/broken", **{"accept-language": "sv-SE,sv;q=0.9,en;q=0.8"})
    assert (answer.status_code, '<html lang="sv">' in answer.text) == (404, True)


@pytest.mark.parametrize(("choice", "kind"), [("kind", "service"), ("all", "all")])
async def test_what_the_form_says_is_published_and_thanked_for(house: House, choice: str, kind: str) -> None:
    answer = await press(house, a_link(), choice=choice)
    assert answer.status_code == 200
    assert getattr(WORDS["de"], f"done_{choice}") in answer.text
    assert said(house) == [("northwind", "kim", kind)]


async def test_a_form_that_says_nothing_is_shown_again(house: House) -> None:
    for form in ({}, {"choice": "other"}, {"List-Unsubscribe": "yes"}):
        answer = await press(house, a_link(), **form)
        assert (answer.status_code, answer.text.count("<button")) == (400, 1)
    assert house.broker.messages == []


# --- one click, as mail programs do it (RFC 8058) ---------------------------------------------------------------------

MULTIPART = (
    "--b1\r\n"
    'Content-Disposition: form-data; name="List-Unsubscribe"\r\n'
    "\r\n"
    "One-Click\r\n"
    "--b1--\r\n"
)  # fmt: skip


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", ONE_CLICK),
        ("application/x-www-form-urlencoded; charset=UTF-8", ONE_CLICK),
        ("multipart/form-data; boundary=b1", MULTIPART),
        ('Multipart/Form-Data; Boundary="b1"', MULTIPART),
    ],
)
async def test_one_click_of_a_mail_program_is_enough(house: House, content_type: str, body: str) -> None:
    headers = {"authorization": "", "content-type": content_type}
    answer = await house.http.post(a_link(), content=body, headers=headers)
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert said(house) == [("northwind", "kim", "service")]


@pytest.mark.parametrize("body", ["", "--b1", "--b1\r\n\r\n", "\x00" * 100, MULTIPART.replace("One-Click", "no")])
async def test_what_is_no_form_changes_nothing(house: House, body: str) -> None:
    for content_type in ("multipart/form-data; boundary=b1", "multipart/form-data", "text/plain", ""):
        headers = {"authorization": "", "content-type": content_type}
        assert (await house.http.post(a_link(), content=body, headers=headers)).status_code == 400
    assert house.broker.messages == []


async def test_the_same_press_is_the_same_event_and_one_of_later_another(house: House) -> None:
    """Who agreed again, and then uses the old letter's link, is heard."""
    for _ in range(2):
        await press(house, a_link(), choice="kind")
    house.clock.move(timedelta(minutes=1))
    await press(house, a_link(), choice="kind")
    await press(house, a_link(), choice="all")
    ids = [event.id for event in house.broker.events()]
    assert (ids[0] == ids[1], len(set(ids))) == (True, 3)


async def test_it_is_meant_of_the_account_that_theirs_goes_on_as(house: House) -> None:
    async with house.engine.begin() as c:
        await c.execute(text("INSERT INTO merged VALUES ('northwind', 'acme', now()) ON CONFLICT DO NOTHING"))
    house.clock.move(timedelta(seconds=10))
    house.broker.messages.clear()
    await press(house, a_link(), choice="all")
    assert said(house) == [("acme", "kim", "all")]


async def test_the_one_click_of_a_letter_stops_the_next(house: House) -> None:
    """From the letter as it goes out, by what a mail program reads in it, to the address book."""
    letter = Letter(
        template="t", language="es", paragraphs=["x"], account_id="northwind", contact_id="kim", kind="service"
    )
    message = Message(kind="message", label="", severity="info", band="unknown", subject="x", title="x", letter=letter)
    dispatch = Dispatch(message=message, delivery_id="dlv_c7", target="kim@northwind.example", at=NOON)
    links = Links([LINK_KEY], "http://ingest")
    head = write(dispatch, "hello@ours.example", LetterRenderer(), links).as_bytes().partition(b"\r\n\r\n")[0].decode()
    found = re.search(r"^List-Unsubscribe: <http://ingest(\S+)>\r$", head, re.MULTILINE)
    assert found is not None
    assert f"List-Unsubscribe-Post: {ONE_CLICK}" in head
    answer = await press(house, found.group(1), **dict([ONE_CLICK.split("=")]))
    assert (answer.status_code, WORDS["es"].done_kind in answer.text) == (200, True)
    book = Book()
    agreed = envelope.wrap(
        ContactConsented(contact_id="kim", kind="service"),
        id="c",
        source="crm",
        type="contact.consented",
        subject="northwind",
        time=NOON - timedelta(days=1),
    )
    for event in (agreed, *house.broker.events()):
        book.fold(event, registry.data_of(event))
    assert why_not(book.contacts[Key("northwind", "kim")], "service") == (
        f"they want no more messages of the kind service, since {date_words(NOON)}"
    )


# --- links that don't act ---------------------------------------------------------------------------------------------


async def test_what_the_broker_did_not_confirm_is_asked_for_again(house: House) -> None:
    house.broker.fails.append(BrokerUnavailable("gone"))
    refused = await press(house, a_link(), choice="all")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert WORDS["de"].again in refused.text
    assert 'value="all" checked' in refused.text
    assert (await press(house, a_link(), choice="all")).status_code == 200
    assert said(house) == [("northwind", "kim", "all")]


async def test_an_expired_link_says_so(house: House) -> None:
    link = a_link()
    house.clock.move(LEAVING)
    for answer in (await page(house, link), await press(house, link, choice="all")):
        assert (answer.status_code, WORDS["de"].expired_why in answer.text) == (410, True)
    assert house.broker.messages == []


async def test_a_link_that_was_changed_or_made_for_something_else_does_nothing(house: House) -> None:
    link = a_link()
    act = Act("dlv", "tsk", "northwind", "task", "take", "dana@example.com", "x", int(NOON.timestamp()) + 1000)
    other = Links([LINK_KEY]).act_url(act).replace("/a/", "/u/")
    for path in (link[:-1], link[:20] + "x" + link[21:], "/u/x", "/u/%C3%A9", a_link("k" * 32), other):
        for answer in (await page(house, path), await press(house, path, choice="all")):
            assert (answer.status_code, WORDS["en"].broken in unescape(answer.text)) == (404, True)
    assert (await page(house, link.replace("/u/", "/a/"))).status_code == 404
    assert house.broker.messages == []


async def test_the_link_of_a_test_does_nothing_and_says_so(house: House) -> None:
    answer = await press(house, a_link(letter="", contact_id=""), choice="all")
    assert (answer.status_code, WORDS["de"].test in answer.text) == (200, True)
    assert house.broker.messages == []


async def test_a_key_can_be_replaced_while_letters_of_the_old_are_about(house: House) -> None:
    old, new = "o" * 32, "n" * 32
    leave = Leave("northwind", "kim", "service", 1)
    token = Links([old]).leave_url(leave).removeprefix("/u/")
    assert Links([new, old]).read_leave(token) == leave


async def test_without_a_key_it_says_which_setting_is_missing(database_url: str) -> None:
    async with a_house(database_url, link_key=None) as house:
        answer = await page(house, a_link())
        assert (answer.status_code, answer.json()["code"]) == (503, "links_not_set_up")


async def test_no_token_reaches_a_log_or_a_figure(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    link = a_link()
    await page(house, link)
    await press(house, link, choice="kind")
    told = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("keepwell"))
    figures = (await house.http.get("/metrics")).text
    assert link.removeprefix("/u/") not in told + figures
