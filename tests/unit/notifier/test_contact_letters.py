"""Letters to customers' people as mail servers get them, and whom they may go to."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.contact import ContactChannel, write
from services.notifier.channels.handing import SmtpServer
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import LetterRenderer
from services.notifier.core.audience import MOST_PERSONS, audience, told_of_all, why_not
from services.notifier.core.contacts import Book, Cells, Key, has_left, roles_of
from services.notifier.core.letters import facts_of, is_safe, sender_of
from services.notifier.core.message import Letter, Message
from services.notifier.core.retry import Barred, Never, Sent, judge
from shared.links import LEAVING, Leave, Links
from shared.messages import registry
from shared.messages.actions import ActionRequested, ContactCard, Recipient
from shared.messages.envelope import Event
from shared.words import clean, closest
from tests.support.notifier import NOW, a_mail_sink, an_account, of_kim

LINKS = Links(["k" * 40], "https://keepwell.example.com")


def a_letter(**changes: Any) -> Dispatch:
    fields: dict[str, Any] = {
        "template": "hello",
        "language": "de",
        "paragraphs": ["Guten Tag,", "bitte: https://pay.example/1"],
        "to": "Kim Fox",
        "sender": "Ana Lima",
        "reply_to": "ana@ours.example",
        "account_id": "northwind",
        "contact_id": "kim",
        "kind": "service",
    }
    letter = Letter(**(fields | changes))
    message = Message(
        kind="message", label="", severity="info", band="unknown", subject="Hallo Größe", title="", letter=letter
    )
    return Dispatch(message=message, delivery_id="dlv_c1", target="kim@northwind.example", at=NOW)


DICE = Random(1)
TOO_LONG = a_letter(
    **{
        name: "".join(chr(0x20000 + DICE.randrange(0xA000)) for _ in range(128))
        for name in ("account_id", "contact_id", "kind")
    }
)
"""The longest ids that there may be, in letters of four bytes that can't be packed."""


def written(dispatch: Dispatch, sender: str = "Acme <hello@ours.example>") -> EmailMessage:
    return write(dispatch, sender, LetterRenderer(), LINKS)


def raw(dispatch: Dispatch) -> list[str]:
    """The lines of the head, as they go out."""
    return written(dispatch).as_bytes().partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


# --- the letter -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 40, 128])
def test_the_way_out_stands_on_one_line_however_long_it_is(length: int) -> None:
    dispatch = a_letter(account_id="a" * length, contact_id="é" * length, kind="k" * min(length, 60))
    lines = [one for one in raw(dispatch) if one.startswith("List-Unsubscribe:")]
    assert len(lines) == 1
    assert len(lines[0]) <= 998
    found = re.fullmatch(r"List-Unsubscribe: <https://keepwell\.example\.com/u/([\w.-]+)>", lines[0])
    assert found is not None
    leave = LINKS.read_leave(found.group(1))
    assert leave == Leave(
        dispatch.message.letter.account_id if dispatch.message.letter else "",
        "é" * length,
        "k" * min(length, 60),
        int((NOW + LEAVING).timestamp()),
        "de",
        "dlv_c1",
    )
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw(dispatch)


def test_a_way_out_that_no_line_can_hold_stops_the_letter() -> None:
    with pytest.raises(ValueError, match="longer than a line"):
        written(TOO_LONG)


async def test_what_can_not_be_written_never_reaches_a_mail_server() -> None:
    async with a_mail_sink() as sink:
        server = SmtpServer(host="127.0.0.1", port=sink.port, sender="hello@ours.example", starttls=False)
        channel = ContactChannel(server, LetterRenderer(), LINKS)
        wrong = replace(a_letter(), target="kim at northwind")
        assert isinstance(await channel.send(wrong), Never)
        assert isinstance(await channel.send(TOO_LONG), Never)
        nothing = Message(kind="message", label="", severity="info", band="unknown", subject="", title="")
        assert await channel.send(replace(wrong, message=nothing)) == Barred(reason="there is nothing to write")
        assert isinstance(await channel.send(a_letter()), Sent)
    assert sink.recipients[-1] == "kim@northwind.example"


def test_it_is_from_the_installation_in_the_owners_name_and_answers_go_to_the_owner() -> None:
    letter = written(a_letter())
    assert str(letter["From"]) == "Ana Lima <hello@ours.example>"
    assert str(letter["Reply-To"]) == "Ana Lima <ana@ours.example>"
    assert (str(letter["To"]), letter["Message-ID"]) == ("Kim Fox <kim@northwind.example>", "<dlv_c1@ours.example>")
    assert (letter["Auto-Submitted"], letter["X-Keepwell-Delivery"]) == ("auto-generated", "dlv_c1")
    nobodys = written(a_letter(sender="", reply_to="", to=""))
    assert (str(nobodys["From"]), nobodys["Reply-To"]) == ("Acme <hello@ours.example>", None)


def test_an_answer_goes_to_no_address_that_is_not_one_as_it_is_written() -> None:
    owner = "änä@ours.example"
    assert written(a_letter(reply_to=owner))["Reply-To"] is None
    assert str(written(replace(a_letter(reply_to=owner), target="käm@x.example"))["Reply-To"]).endswith(f"<{owner}>")


@pytest.mark.parametrize("subject", ["您有一笔付款未成功" * 15, "Größe und Ähnliches, " * 9, "Plain " * 30])
def test_a_long_subject_is_in_words_that_every_mail_program_reads(subject: str) -> None:
    dispatch = a_letter()
    whole = written(replace(dispatch, message=msgspec.structs.replace(dispatch.message, subject=subject))).as_bytes()
    words = re.findall(rb"=\?[^?]+\?[bq]\?[^?]*\?=", whole.partition(b"\r\n\r\n")[0])
    assert all(len(word) <= 75 for word in words)
    assert message_from_bytes(whole, policy=policy.default)["Subject"] == clean(subject, 200)


def test_the_same_letter_is_the_same_in_every_attempt() -> None:
    assert raw(a_letter())[:-1] == raw(a_letter())[:-1]


def test_nothing_from_outside_adds_a_header() -> None:
    hostile = "Kim\r\nBcc: all@example.com\n\nHello"
    letter = written(a_letter(to=hostile, sender=hostile))
    again = message_from_bytes(letter.as_bytes(), policy=policy.default)
    assert again["Bcc"] is None
    assert not re.search(rb"^Bcc:", letter.as_bytes(), re.MULTILINE)


def test_text_and_html_say_the_same_and_survive_an_old_mail_server() -> None:
    whole = written(a_letter(paragraphs=["Größe " * 300, "您好"])).as_bytes()
    assert whole.isascii()
    assert max(map(len, whole.split(b"\r\n"))) <= 998
    again = message_from_bytes(whole, policy=policy.default)
    text, html = again.get_body(("plain",)), again.get_body(("html",))
    assert text is not None
    assert html is not None
    assert ("您好" in text.get_content(), "您好" in html.get_content()) == (True, True)
    assert ("/u/" in text.get_content(), "/u/" in html.get_content()) == (True, True)


# --- whom it may go to ------------------------------------------------------------------------------------------------


def book_of(*events: Event) -> Cells:
    book = Book()
    for one in events:
        book.fold(one, registry.data_of(one))
    return book.contacts.get(Key("northwind", "kim"), {})


REACHED = of_kim("contact.updated", 0, traits={"email": "kim@x.example"}, role="champion")
SAID = [
    of_kim(type, minutes, f"{type}-{minutes}-{kind}", kind=kind)
    for type in ("contact.consented", "contact.unsubscribed")
    for minutes in (0, 1, 2)
    for kind in ("service", "all", "survey")
]


def may(said: list[Event], kind: str) -> bool:
    """The rule, plainly: what was said last of this kind or of all; at one instant a refusal weighs more."""
    about = [
        (one.time, one.type == "contact.unsubscribed") for one in said if registry.data_of(one).kind in (kind, "all")
    ]
    return bool(about) and not max(about)[1]


@given(st.lists(st.sampled_from(SAID), max_size=8, unique_by=lambda one: one.id), st.randoms(use_true_random=False))
def test_whoever_agreed_last_may_be_written_to_in_whatever_order_it_is_told(said: list[Event], dice: Any) -> None:
    shuffled = [*said, REACHED]
    dice.shuffle(shuffled)
    cells = book_of(*shuffled)
    for kind in ("service", "survey"):
        assert (why_not(cells, kind) is None) == may(said, kind)


_ROLES = [
    of_kim("contact.updated", 0, "a", role="champion"),
    of_kim("contact.updated", 1, "b", roles=["admin", "user"]),
    of_kim("contact.updated", 2, "c", role="left"),
    of_kim("contact.updated", 3, "d", traits={"name": "Kim"}),
]


@given(st.permutations(_ROLES), st.integers(1, 4))
def test_roles_and_leaving_are_what_was_said_last(events: list[Event], most: int) -> None:
    told = events[:most]
    cells = book_of(*told)
    roles = [one for one in told if registry.data_of(one).role != "left" and one.id != "d"]
    last = max(roles, key=lambda one: one.time, default=None)
    assert list(roles_of(cells)) == ([] if last is None else {"a": ["champion"], "b": ["admin", "user"]}[last.id])
    assert has_left(cells) == any(one.id == "c" for one in told)
    if has_left(cells):
        again = of_kim("contact.updated", 9, "back", role="champion")
        assert not has_left(book_of(*told, again))


def asked(**card: Any) -> ActionRequested:
    fields: dict[str, Any] = {"template": "hello", "roles": ["champion"], "consent": "service"}
    return ActionRequested(
        action_id="act-1",
        kind="message",
        playbook="hello@1",
        playbook_title="Hello",
        episode_id="ep-1",
        step=0,
        title="write",
        account=an_account(),
        message=ContactCard(**(fields | card)),
    )


def test_a_message_is_for_all_who_have_one_of_its_roles_and_for_no_more_than_500() -> None:
    people = {f"user-{n:04}": book_of(REACHED) for n in range(MOST_PERSONS + 7)} | {"lee": book_of(_ROLES[1])}
    action = asked()
    assert action.message is not None
    meant = audience(action, action.message, people)
    assert (len(meant.persons), meant.left_out) == (500, "7 more persons fit: a message goes to 500 at most")
    assert "lee" not in meant.persons
    one = asked(contact_id="lee", roles=[])
    assert one.message is not None
    assert audience(one, one.message, people).persons == ["lee"]


def test_what_became_of_all_letters_of_an_action_is_told_in_one_sentence() -> None:
    assert told_of_all([("delivered", "")]) == ("delivered", "")
    assert told_of_all([("cancelled", "they have left")]) == ("cancelled", "they have left")
    assert told_of_all([("failed", "no"), ("cancelled", "they have left")]) == (
        "failed",
        "0 of 2 written to; no; they have left",
    )


def test_what_may_not_go_is_called_back_and_not_failed() -> None:
    verdict = judge(Barred(reason="they have left"), 1, NOW, 0.5)
    assert (verdict.event, verdict.state, verdict.reason) == ("gone", "cancelled", "they have left")


# --- what it may say --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://pay.example/1?a=b#c", True),
        ("http://pay.example/1", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https://user:pw@evil.example/", False),
        ("https://pay.example/ <b>", False),
        ("https://pay.example:99999/", False),
        ("https://pау.example/", False),
        (7, False),
        (None, False),
    ],
)
def test_only_a_plain_https_link_stands_in_a_letter(url: Any, good: bool) -> None:
    assert is_safe(url) == good
    card = ContactCard(template="t", roles=[], consent="service", facts={"event.url": url} if url is not None else {})
    assert ("event.url" in facts_of(card, None)) == good


@pytest.mark.parametrize(
    ("name", "shown", "first"),
    [
        ("Kim Fox", "Kim Fox", "Kim"),
        ("Dr. Kim Fox", "Dr. Kim Fox", "Kim"),
        ("王小明", "王小明", "王小明"),
        ("Win at https://evil.example now", None, None),
        ("www.evil.example", None, None),
        ("kim@x.example", None, None),
        ("Claim it at evil.example", None, None),
        ("J. P. Fox", "J. P. Fox", "Fox"),
        ("", None, None),
    ],
)
def test_a_name_that_is_none_is_not_written(name: str, shown: str | None, first: str | None) -> None:
    cells = book_of(of_kim("contact.updated", 0, traits={"name": name, "email": "k@x.example"}, role="decision_maker"))
    sender = Recipient(id="a", name="Ana", email="ana@ours.example")
    known = facts_of(ContactCard(template="t", roles=[], consent="service", sender=sender), cells)
    assert (known.get("contact.name"), known.get("contact.first_name")) == (shown, first)
    assert (known["contact.role"], known["sender.name"]) == ("decision maker", "Ana")


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("account.name", "Booking.com", True),
        ("account.name", "Fox / Hare GmbH", True),
        ("account.name", "Win at https://evil.example", False),
        ("account.name", "Win at evil.example/now", False),
        ("account.name", "write to x@evil.example", False),
        ("event.contact_name", "Kim Fox", True),
        ("event.contact_name", "evil.example", False),
    ],
)
def test_no_other_name_carries_a_link_either(name: str, value: str, good: bool) -> None:
    card = ContactCard(template="t", roles=[], consent="service", facts={name: value})
    assert (name in facts_of(card, None)) == good


def test_whoever_writes_and_is_known_by_an_address_alone_has_no_name() -> None:
    sender = Recipient(id="ana@ours.example", name="ana@ours.example", email="ana@ours.example")
    card = ContactCard(template="t", roles=[], consent="service", sender=sender)
    assert sender_of(card) == ""
    assert facts_of(card, None) == {"sender.email": "ana@ours.example"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_at.UTF-8", "de"),
        ("pt-BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("pt-PT", "en"),
        ("zh-Hans-CN", "zh"),
        ("", "en"),
        (None, "en"),
        ("\x00", "en"),
    ],
)
def test_the_language_is_theirs_else_what_is_wider_else_the_default(wanted: str | None, found: str) -> None:
    assert closest(wanted, ["zh", "de", "pt-BR", "en"], "en") == found
    assert closest("fr", ["zh", "de"]) == "zh"
