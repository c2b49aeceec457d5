"""Letters to customers' people, on a real database and over SMTP: to whom they go, and what stops them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.channels.contact import ContactChannel
from services.notifier.channels.handing import SmtpServer
from services.notifier.channels.rendering import LetterRenderer
from services.notifier.core.retry import Later
from services.notifier.core.routing import Setup
from services.notifier.files import read_texts
from services.notifier.store.told import compose_rows
from services.notifier.writing.admission import Admission
from services.notifier.writing.composing import Composer
from shared.links import Links
from shared.messages import envelope, registry
from shared.messages.actions import ActionRequested, ContactCard, Recipient
from shared.messages.envelope import Event
from tests.support.everywhere import COLUMNS, searches
from tests.support.notifier import (
    NOW,
    Desk,
    MailSink,
    ScriptedChannel,
    a_mail_sink,
    an_account,
    an_alert,
    notifier_engine,
)
from tests.support.stream import until

KEY = "k" * 40
LINKS = Links([KEY], "https://keepwell.example.com")
OWNER = Recipient(id="csm-3", name="Ana Lima", email="ana@ours.example", time_zone="Europe/Berlin")
HELLO = b"""\
id: hello
languages:
  en:
    subject: "Hello from {{ sender.name }}"
    body: |
      Hello {{ contact.first_name | default("there") }},

      how is {{ account.name }}?
  de:
    subject: "Ein Gru\xc3\x9f von {{ sender.name }}"
    body: |
      Guten Tag {{ contact.name | default("zusammen") }},

      wie geht es {{ account.name }}?
  zh:
    subject: "\xe6\x82\xa8\xe5\xa5\xbd"
    body: "\xe6\x82\xa8\xe5\xa5\xbd {{ account.name }}"
default: en
"""
INVOICE = b"""\
id: invoice
on_event: invoice.payment_failed
languages:
  en: {subject: "{{ event.amount_minor | money(event.currency) }}", body: "Due on {{ event.due_at }}: {{ event.url }}"}
"""
TEMPLATES = read_texts({("templates", "hello"): HELLO, ("templates", "invoice"): INVOICE})


def a_message(id: str = "act-1", account: str = "northwind", **card: Any) -> ActionRequested:
    """What a playbook asks for: to write to their champions."""
    fields: dict[str, Any] = {
        "template": "hello",
        "roles": ["champion"],
        "consent": "service",
        "facts": {"account.name": account.title()},
        "sender": OWNER,
    }
    return ActionRequested(
        action_id=id,
        kind="message",
        playbook="hello@1",
        playbook_title="Hello",
        episode_id="ep-1",
        step=0,
        title="write to champion by the template hello",
        account=an_account(account),
        message=ContactCard(**(fields | card)),
        caused_at=NOW - timedelta(milliseconds=80),
    )


def told(type: str, contact: str = "kim", account: str = "northwind", minutes: int = -60, **data: Any) -> Event:
    struct = registry.CUSTOMER_EVENTS[type][1]
    known = {"contact_id": contact} if "contact_id" in struct.__struct_fields__ else {}
    return envelope.wrap(
        struct(**known, **data),
        id=f"{type}-{account}-{contact}-{minutes}",
        source="crm",
        type=type,
        subject=account,
        time=NOW + timedelta(minutes=minutes),
    )


def a_person(
    contact: str = "kim", account: str = "northwind", *, kind: str | None = "service", **changes: Any
) -> list[Event]:
    """Who is at a customer, with a role and an address, and agreed to be written to."""
    traits: dict[str, Any] = {"name": f"{contact.title()} Fox", "email": f"{contact}@{account}.example"}
    role = changes.pop("role", "champion")
    known = told("contact.updated", contact, account, traits=traits | changes, role=role)
    return [known, *([told("contact.consented", contact, account, kind=kind)] if kind is not None else [])]


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@dataclass
class Post:
    """The notifier's letters on one database, handed in at a mail server that the test sees."""

    desk: Desk
    mail: MailSink
    others: list[Desk] = field(default_factory=list)

    async def ask(self, *asked: Any) -> None:
        await self.desk.ask(*asked)

    async def settles(self, count: int = 1) -> None:
        async def done() -> bool:
            return len(await self.desk.settled()) >= count

        await until(done)

    async def ended(self) -> list[tuple[str, str, str]]:
        """Each delivery's target, state and reason."""
        return [(row.target, row.state, row.reason) for row in await self.desk.rows()]


def a_desk(engine: AsyncEngine, channel: Any, **how: Any) -> Desk:
    composer = Composer(lambda: TEMPLATES)
    setup = how.pop("setup", Setup(email=True))
    admission = Admission(how.pop("most", 3))
    return Desk(engine, channel=channel, setup=setup, composer=composer, admission=admission, **how)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@asynccontextmanager
async def a_post(engine: AsyncEngine, **how: Any) -> AsyncIterator[Post]:
    async with a_mail_sink() as mail:
        server = SmtpServer(host="127.0.0.1", port=mail.port, sender="Acme <hello@ours.example>", starttls=False)
        yield Post(a_desk(engine, ContactChannel(server, LetterRenderer(), LINKS), **how), mail)


@pytest.fixture
async def post(engine: AsyncEngine) -> AsyncIterator[Post]:
    async with a_post(engine) as made:
        yield made


async def test_a_letter_goes_to_whoever_has_the_role_and_agreed(post: Post) -> None:
    await post.ask(*a_person(language="de-AT"), *a_person("ben", role="user"))
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
    [letter] = post.mail.letters
    assert post.mail.recipients == ["kim@northwind.example"]
    assert (letter["Subject"], str(letter["From"])) == ("Ein Gruß von Ana Lima", "Ana Lima <hello@ours.example>")
    assert str(letter["Reply-To"]) == "Ana Lima <ana@ours.example>"
    assert str(letter["To"]) == "Kim Fox <kim@northwind.example>"
    assert text_of(letter).startswith("Guten Tag Kim Fox,\n\nwie geht es Northwind?\n")
    [row] = await post.desk.rows()
    assert (row.transport, row.target, row.state, row.contact_id) == ("contact", "kim", "delivered", "kim")
    [settled] = await post.desk.settled()
    assert (settled.action_ids, settled.channel, settled.state) == (["act-1"], "contact:kim", "delivered")


async def test_each_person_has_a_letter_of_their_own_and_playbooks_hear_once(post: Post) -> None:
    await post.ask(*a_person(), *a_person("ben", kind=None), *a_person("lee", language="zh-Hans-CN"))
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
        await post.desk.looked()
    assert sorted(post.mail.recipients) == ["kim@northwind.example", "lee@northwind.example"]
    assert sorted(str(one["Subject"]) for one in post.mail.letters) == ["Hello from Ana Lima", "您好"]
    [settled] = await post.desk.settled()
    assert (settled.state, settled.channel) == ("delivered", "contact")
    assert settled.reason == "2 of 3 written to; they have not agreed to messages of the kind service"


async def test_a_mailbox_that_several_share_gets_one_letter(post: Post) -> None:
    shared = "billing@northwind.example"
    await post.ask(*a_person(email=shared), *a_person("ben", email="Billing@Northwind.example"), *a_person("lee"))
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
    assert sorted(post.mail.recipients) in (
        [shared, "lee@northwind.example"],
        ["Billing@northwind.example", "lee@northwind.example"],
    )
    [double] = await post.desk.rows("SELECT * FROM deliveries WHERE state = 'cancelled'")
    assert double.reason == "somebody else with the same address gets it"


async def test_playbooks_hear_once_of_many_letters_that_two_senders_end(engine: AsyncEngine) -> None:
    async with a_post(engine) as post:
        other = a_desk(engine, post.desk.channel)
        for n in range(30):
            # Many call their contacts by the address: even then, only what was asked for may be written to.
            await post.ask(*a_person(f"id{n}@northwind.example", email=f"p{n}@northwind.example"))
        async with post.desk.open(), other.open():
            await post.ask(a_message())
            await post.settles()
            await post.desk.looked()
        assert sorted(post.mail.recipients) == sorted(f"p{n}@northwind.example" for n in range(30))
        assert [one.state for one in await post.desk.settled()] == ["delivered"]


async def test_an_action_comes_twice_and_is_written_once(post: Post) -> None:
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message(), a_message())
        await post.settles()
        await post.ask(a_message())
        await post.desk.looked()
    assert len(post.mail.letters) == len(await post.desk.settled()) == 1


@pytest.mark.parametrize(
    ("events", "card", "said"),
    [
        ([], {}, "nobody at Northwind is a champion"),
        ([], {"roles": ["admin", "decision_maker"]}, "nobody at Northwind is an admin or decision maker"),
        ([], {"roles": [], "contact_id": "kim"}, "nobody told of them, or they were erased"),
        (a_person(kind=None), {}, "they have not agreed to messages of the kind service"),
        (a_person(kind="survey"), {}, "they have not agreed to messages of the kind service"),
        (
            [*a_person(), told("contact.unsubscribed", minutes=-30, kind="service")],
            {},
            "they want no more messages of the kind service, since 18 Nov 2026",
        ),
        (
            [*a_person(), told("contact.unsubscribed", minutes=-30, kind="all")],
            {},
            "they want no more messages, since 18 Nov 2026",
        ),
        ([*a_person(), told("contact.updated", minutes=-30, role="left")], {"roles": ["champion"]}, "they have left"),
        (a_person(email=None), {}, "no e-mail address is known of them"),
        ([*a_person(), told("contact.erased", minutes=-30)], {}, "nobody at Northwind is a champion"),
        (a_person(), {"template": "gone"}, "there is no template 'gone'"),
    ],
)  # fmt: skip
async def test_whoever_may_not_be_written_to_is_not_and_the_reason_stands_there(
    post: Post, events: list[Event], card: dict[str, Any], said: str
) -> None:
    await post.ask(*events)
    async with post.desk.open():
        await post.ask(a_message(**card))
        await post.settles()
    [row] = await post.desk.rows()
    assert (row.state, row.reason, row.attempts) == ("cancelled", said, 0)
    [settled] = await post.desk.settled()
    assert (settled.state, settled.reason) == ("cancelled", said)
    assert post.mail.letters == []


async def test_nothing_is_written_before_what_was_told_while_nobody_read_it_is_read(engine: AsyncEngine) -> None:
    witness = ScriptedChannel()
    async with a_post(engine, beside=[witness], setup=Setup(slack="bot", email=True)) as post:
        desk = post.desk
        desk.sender.admission = Admission(3, desk.handler.knows_people)
        [beside] = desk.others
        beside.admission, beside.compose = None, compose_rows
        await post.ask(*a_person(), a_message())
        async with desk.uow.begin() as c:
            await desk.handler.taken(c, 0, NOW)
        async with desk.open():
            await post.ask(an_alert())
            desk.wake()
            await until(lambda: len(witness.got) == 1)
            await post.ask(told("contact.unsubscribed", minutes=1, kind="service"))
            assert not desk.handler.looks(0, NOW)
            desk.wake()
            await post.settles(2)
    assert post.mail.letters == []
    [row] = await desk.rows("SELECT * FROM deliveries WHERE transport = 'contact'")
    assert row.state == "cancelled"


async def test_a_consent_of_later_takes_a_refusal_of_all_back_for_its_kind(post: Post) -> None:
    refused = told("contact.unsubscribed", minutes=-30, kind="all")
    again = told("contact.consented", minutes=-20, kind="service")
    await post.ask(*a_person(), refused, again)
    async with post.desk.open():
        await post.ask(a_message(), a_message("act-2", consent="marketing"))
        await post.settles(2)
    assert [(row.action_id, row.state) for row in await post.desk.rows("SELECT * FROM deliveries ORDER BY 2")] == [
        ("act-1", "delivered"),
        ("act-2", "cancelled"),
    ]


async def test_whoever_wants_nothing_any_more_says_so_once_for_all_accounts(post: Post) -> None:
    here, there = {"email": "kim@x.example"}, {"email": "KIM@x.example"}
    await post.ask(*a_person(**here), *a_person("k", "contoso", **there), *a_person("lee", "contoso"))
    await post.ask(a_message("act-1", "contoso"))
    await post.ask(told("contact.unsubscribed", minutes=-30, kind="all"))
    async with post.desk.open():
        await post.settles()
        await post.desk.looked()
        assert post.mail.recipients == ["lee@contoso.example"]
        [barred] = await post.desk.rows("SELECT * FROM deliveries WHERE state = 'cancelled'")
        assert barred.reason == "at this address no more messages are wanted, since 18 Nov 2026"
        again = told("contact.consented", "k", "contoso", minutes=-20, kind="service")
        await post.ask(again, a_message("act-2", "contoso", roles=[], contact_id="k"))
        await post.settles(2)
    assert post.mail.recipients[1:] == ["KIM@x.example"]


async def test_a_refusal_of_one_kind_is_meant_of_that_account(post: Post) -> None:
    same = {"email": "kim@x.example"}
    await post.ask(*a_person(**same), *a_person("k", "contoso", **same))
    await post.ask(told("contact.unsubscribed", minutes=-30, kind="service"), a_message("act-1", "contoso"))
    async with post.desk.open():
        await post.settles()
    assert post.mail.recipients == ["kim@x.example"]


@pytest.mark.parametrize(
    ("withdrawn", "said"),
    [
        (told("contact.unsubscribed", minutes=1, kind="service"), "they want no more messages of the kind service"),
        (told("contact.updated", minutes=1, role="left"), "they have left"),
        (told("contact.updated", minutes=1, traits={"email": None}), "no e-mail address is known of them"),
        (told("contact.updated", minutes=1, traits={"email": "kim"}), "what is known as their e-mail address is"),
    ],
)
async def test_what_is_withdrawn_between_decision_and_send_stops_it(post: Post, withdrawn: Event, said: str) -> None:
    await post.ask(*a_person())
    await post.ask(a_message())
    assert await post.desk.states() == ["waiting"]
    await post.ask(withdrawn)
    async with post.desk.open():
        await post.settles()
    [(_, state, reason)] = await post.ended()
    assert (state, reason.startswith(said)) == ("cancelled", True)
    assert [row.outcome for row in await post.desk.rows("SELECT * FROM attempts")] == ["barred"]
    assert post.mail.letters == []


async def test_consent_that_is_withdrawn_while_the_mail_server_is_busy_stops_the_next_attempt(post: Post) -> None:
    post.mail.refuse_recipient = "451 greylisted, come back later"
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message())
        await attempted(post.desk, 1)
        post.mail.refuse_recipient = ""
        await post.ask(told("contact.unsubscribed", minutes=1, kind="all"))
        post.desk.later(seconds=2)
        await post.settles()
    assert [row.outcome for row in await post.desk.rows("SELECT * FROM attempts ORDER BY attempt")] == [
        "later",
        "barred",
    ]
    assert post.mail.letters == []
    assert await post.desk.rows("SELECT * FROM written_to") == []


async def test_a_busy_mail_server_is_tried_again_and_the_address_stays_good(post: Post) -> None:
    post.mail.refuse_recipient = "450 mailbox busy"
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message())
        await attempted(post.desk, 1)
        post.mail.refuse_recipient = ""
        post.desk.later(seconds=2)
        await post.settles()
    assert [state for _, state, _ in await post.ended()] == ["delivered"]
    assert await post.desk.rows("SELECT * FROM bounces") == []


@pytest.mark.parametrize(
    "answer",
    ["550 5.1.1 <Kim@northwind.example> no such user, tell the sender", "551 not here", "553 no such address"],
)
async def test_an_address_that_bounces_is_not_written_to_again_until_another_is_told(post: Post, answer: str) -> None:
    post.mail.refuse_recipient = answer
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
        post.mail.refuse_recipient = ""
        await post.ask(a_message("act-2"))
        await post.settles(2)
        await post.ask(told("contact.updated", minutes=1, traits={"email": "kim@new.example"}), a_message("act-3"))
        await post.settles(3)
    rows = await post.desk.rows("SELECT * FROM deliveries ORDER BY action_id")
    assert [row.state for row in rows] == ["failed", "cancelled", "delivered"]
    assert rows[1].reason.startswith(f"there is no such address any more: the mail server says {answer[:3]}")
    assert post.mail.recipients == ["kim@new.example"]
    assert await post.desk.rows("SELECT * FROM roads") == [], "that a customer has no such address is no broken road"


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.7.1 blocked by policy",
        "554 5.7.1 spam",
        "550 relay not permitted",
        "550 5.1.8 <hello@ours.example>: Sender address rejected: Domain not found",
        "553 sender address rejected",
        "550 5.2.2 mailbox full",
        "550 your server is on a blocklist",
    ],
)
async def test_what_a_server_minds_of_us_does_not_mark_the_address(post: Post, answer: str) -> None:
    post.mail.refuse_recipient = answer
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
    assert [state for _, state, _ in await post.ended()] == ["failed"]
    assert await post.desk.rows("SELECT * FROM bounces") == []
    assert await post.desk.rows("SELECT * FROM written_to") == [], "what never arrived is not counted"


async def test_no_address_stands_anywhere_but_in_the_address_book(post: Post) -> None:
    post.mail.refuse_recipient = "550 5.1.1 <KIM@northwind.example>: user unknown"
    await post.ask(*a_person(), *a_person("ben"))
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
        post.mail.refuse_recipient = ""
        post.mail.answers = ["250 queued for ben@northwind.example", "250 ok"]
        await post.ask(a_message("act-2", contact_id="lee", roles=[]), *a_person("lee"))
        await post.ask(a_message("act-3", contact_id="lee", roles=[]))
        await post.settles(3)
    assert await places(post.desk, "kim@northwind", "ben@northwind", "lee@northwind", but=["notifier.contacts"]) == []


# --- the limit --------------------------------------------------------------------------------------------------------


async def test_nobody_is_written_to_more_than_three_times_in_a_week_over_all_accounts(post: Post) -> None:
    await post.ask(*a_person(), *a_person("k", "contoso", email="KIM@Northwind.example"))
    async with post.desk.open():
        await post.ask(*(a_message(f"act-{n}", account) for n, account in enumerate(["northwind", "contoso"] * 2)))
        await post.settles(4)
        assert sorted(await post.desk.states()) == ["cancelled", *["delivered"] * 3]
        post.desk.later(days=7, seconds=1)
        await post.ask(a_message("act-9"))
        await post.settles(5)
    assert len(post.mail.letters) == 4
    [over] = await post.desk.rows("SELECT * FROM deliveries WHERE state = 'cancelled'")
    assert over.reason == "they were written to 3 times within a week, which is the most"


async def test_two_senders_at_once_do_not_exceed_the_limit(engine: AsyncEngine) -> None:
    async with a_post(engine, most=2) as post:
        other = a_desk(engine, post.desk.channel, most=2)
        await post.ask(*a_person(), *a_person("k", "contoso", email="kim@northwind.example"))
        for n in range(10):
            await post.ask(a_message(f"act-{n}", ("northwind", "contoso")[n % 2]))
        async with post.desk.open(), other.open():
            await post.settles(10)
        assert sorted(await post.desk.states()) == [*["cancelled"] * 8, *["delivered"] * 2]
        assert post.mail.recipients == ["kim@northwind.example"] * 2


async def test_what_a_clock_ahead_has_counted_keeps_nobody_from_being_written_to(engine: AsyncEngine) -> None:
    async with a_post(engine, most=1) as post:
        await post.ask(*a_person())
        post.desk.clock.move(timedelta(days=40))
        async with post.desk.open():
            await post.ask(a_message())
            await post.settles()
            post.desk.clock.move(-timedelta(days=40))
            await post.ask(a_message("act-2"), a_message("act-3"))
            await post.settles(3)
        assert sorted(await post.desk.states()) == ["cancelled", "delivered", "delivered"]


async def test_what_waits_for_room_is_counted_too(engine: AsyncEngine) -> None:
    async with a_post(engine, most=4) as post:
        for account in (f"account-{n}" for n in range(20)):
            await post.ask(*a_person("k", account, email="kim@northwind.example"))
            await post.ask(a_message(f"act-{account}", account))
        async with post.desk.open():
            await post.settles(20)
        assert post.mail.recipients == ["kim@northwind.example"] * 4


async def test_what_may_have_arrived_is_counted_and_what_did_not_is_not(engine: AsyncEngine) -> None:
    channel = ScriptedChannel("contact", outcomes=[Later(reason="cut off", uncertain=True), Later(reason="busy")])
    desk = a_desk(engine, channel, most=1)
    await desk.ask(*a_person())
    async with desk.open():
        await desk.ask(a_message())
        await attempted(desk, 1)
        assert len(await desk.rows("SELECT * FROM written_to")) == 1
        desk.later(seconds=2)
        await attempted(desk, 2)
        desk.later(seconds=10)
        await until(partial(_settled, desk, 1))
    assert await desk.states() == ["delivered"]
    assert [dispatch.target for dispatch in channel.got] == ["kim@northwind.example"] * 3
    assert len(await desk.rows("SELECT * FROM written_to")) == 1


# --- what ends otherwise ----------------------------------------------------------------------------------------------


async def test_without_a_way_to_unsubscribe_nothing_goes_out(engine: AsyncEngine) -> None:
    async with a_post(engine, setup=Setup(email=True, no_letters="they could not unsubscribe")) as post:
        await post.ask(*a_person(), a_message())
        assert [(row.state, row.reason) for row in await post.desk.rows()] == [
            ("cancelled", "they could not unsubscribe")
        ]


async def test_a_text_with_a_hole_is_not_sent(post: Post) -> None:
    await post.ask(*a_person())
    known = {"event.amount_minor": 4200, "event.currency": "EUR", "event.due_at": "2026-12-01T00:00:00Z"}
    async with post.desk.open():
        await post.ask(a_message("act-1", template="invoice", facts=known | {"event.url": "http://pay.example/1"}))
        await post.ask(a_message("act-2", template="invoice", facts=known | {"event.url": "https://pay.example/1"}))
        await post.settles(2)
    rows = await post.desk.rows("SELECT * FROM deliveries ORDER BY action_id")
    assert [(row.state, row.reason) for row in rows] == [
        ("cancelled", "what it says of url is not known"),
        ("delivered", ""),
    ]
    [letter] = post.mail.letters
    assert letter["Subject"] == "€42.00"
    assert text_of(letter).startswith("Due on December 1, 2026: https://pay.example/1\n")


async def test_of_whoever_is_erased_no_letter_keeps_a_word_and_what_waits_is_called_back(post: Post) -> None:
    post.mail.refuse_recipient = ""
    await post.ask(*a_person(), *a_person("ben"))
    async with post.desk.open():
        await post.ask(a_message(contact_id="kim", roles=[]))
        await post.settles()
    await post.ask(a_message("act-2", facts={"account.name": "Kim Fox & Co"}))
    await post.ask(told("contact.erased", minutes=1))
    rows = {(row.action_id, row.target): row for row in await post.desk.rows()}
    kim = next(row for (action, _), row in rows.items() if action == "act-1")
    assert (kim.state, kim.contact_id, "kim" in kim.target) == ("delivered", None, False)
    waited = [row for (action, target), row in rows.items() if action == "act-2" and target != "ben"]
    assert [(row.state, row.reason) for row in waited] == [("cancelled", "they were erased")]
    assert rows["act-2", "ben"].state == "waiting"
    assert await post.desk.rows("SELECT * FROM written_to") == []
    assert await places(post.desk, "Kim Fox", "kim@northwind", "wie geht es", "how is", '"kim"') == []


async def test_of_a_letter_that_is_to_be_tried_again_no_words_are_kept_that_erasing_would_miss(post: Post) -> None:
    post.mail.refuse_recipient = "451 greylisted, come back later"
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message())
        await attempted(post.desk, 1)
    await post.ask(told("contact.erased", minutes=1))
    assert [row.state for row in await post.desk.rows()] == ["cancelled"]
    assert await places(post.desk, "Kim Fox", "kim@northwind", "how is", '"kim"') == []


async def test_a_letter_to_somebody_else_stays_as_it_was_sent(post: Post) -> None:
    known = an_account(contact_id="kim", contact="Kim Fox (champion)")
    await post.ask(*a_person(), *a_person("ben", role="admin"))
    async with post.desk.open():
        asked = msgspec.structs.replace(a_message(roles=["admin"]), account=known)
        await post.ask(asked)
        await post.settles()
    await post.ask(told("contact.erased", minutes=1))
    [row] = await post.desk.rows("SELECT message FROM messages")
    assert row.message["letter"]["paragraphs"] == ["Hello Ben,", "how is Northwind?"]
    assert await places(post.desk, "Kim Fox", '"kim"') == []


async def test_of_an_account_that_is_erased_no_letter_keeps_a_word(post: Post) -> None:
    post.mail.refuse_recipient = "550 no such user"
    await post.ask(*a_person())
    async with post.desk.open():
        await post.ask(a_message())
        await post.settles()
    await post.ask(*a_person("ben"), a_message("act-2"), told("account.erased", minutes=1))
    rows = {(row.action_id, row.state) for row in await post.desk.rows()}
    assert rows == {("act-1", "failed"), ("act-2", "cancelled")}
    assert await post.desk.rows("SELECT * FROM bounces") == []
    assert await post.desk.rows("SELECT * FROM contacts WHERE NOT erased") == []
    assert await places(post.desk, "Kim Fox", "Ben Fox", '"kim"', "@northwind.example", "how is") == []


async def places(desk: Desk, *words: str, but: Sequence[str] = ()) -> list[str]:
    """Where one of these stands in the notifier's tables."""
    columns = [tuple(row) for row in await desk.rows(COLUMNS) if row[0] == "notifier"]
    asked = searches(columns, words, but)
    return [place for place, count in asked if (await desk.rows(count))[0][0]]


async def _settled(desk: Desk, count: int) -> bool:
    return len(await desk.settled()) >= count


async def attempted(desk: Desk, count: int) -> None:
    async def done() -> bool:
        return len(await desk.rows("SELECT 1 FROM attempts")) >= count

    await until(done)
