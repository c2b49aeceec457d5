"""What stands on a card of Teams, and in the text of another chat: all that is told, within their limits, and nothing
that pings somebody or leads anywhere."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels import card, plain
from services.notifier.channels.chat import most_of
from services.notifier.channels.teams import envelope
from services.notifier.core.message import Item, Line, Message, Offer, Reason, Section
from services.notifier.core.together import compose_group
from shared.messages.actions import ActionRequested
from shared.messages.digests import DayCard, DayLine
from tests.support.chat_sinks import ALIVE, MOST_OF_TEAMS, faults, misread, teams_size
from tests.support.notifier import NOW, a_flag, alerts_that_turned_red, an_account, an_action, an_alert

MOST = 4_000
A_DAY = an_action(
    kind="digest",
    task=None,
    title="Your day",
    day=DayCard(
        since=NOW - timedelta(days=1),
        lines=[
            DayLine(part="today", item_id=f"tsk-{n}", account_id=f"a{n}", account=f"Customer {n}", title="Call them")
            for n in range(5)
        ],
        numbers={"today": 9},
    ),
)
KINDS: Final[dict[str, list[ActionRequested]]] = {
    "a task": [an_action(item_id="tsk-41")],
    "an alert": [
        an_alert(item_id="alr-1", trouble=["invoice INV-7 is 12 days late"], open_work=["Send the deck (Ben)"])
    ],
    "a flag": [a_flag()],
    "a group": alerts_that_turned_red(12),
    "a list": [an_alert(kind="digest", found=[{"account_id": f"a{n}", "account_name": f"A {n}"} for n in range(25)])],
    "a day": [A_DAY],
    "a day with what waited for it": [A_DAY, *alerts_that_turned_red(3)],
}


def told(kind: str) -> Message:
    return compose_group(KINDS[kind], NOW, shared=True)


def words(shown: Mapping[str, Any]) -> list[str]:
    """The card as it is read, line by line."""
    return ["".join(one if isinstance(one, str) else one["text"] for one in line["inlines"]) for line in shown["body"]]


def texts(value: Any) -> Iterator[str]:
    """All that a message says, wherever it says it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for name, one in value.items() if name in _SAID for text in texts(one))
    elif isinstance(value, list):
        yield from (text for one in value for text in texts(one))


_SAID: Final = frozenset(
    "title status headline score reasons text points since contact also task todo due sections heading lines more "  # noqa: SIM905
    "items_heading items reason ref rest recipient detour footer label".split()
)


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_told_stands_on_the_card_and_in_the_text(kind: str) -> None:
    message = told(kind)
    shown = card.render(message, "dlv_1")
    assert list(faults(shown)) == []
    on_card, in_text = "\n".join(words(shown)), plain.render(message, 100_000)
    for text in filter(None, texts(msgspec.to_builtins(message))):
        assert text in on_card or text == message.due, text
        assert plain.escape(text) in in_text or text == message.due, text


def test_a_card_reads_as_a_message_does() -> None:
    assert words(card.render(told("a task"), "dlv_1")) == [
        "Call their admin",
        "Northwind · Pro · €4,200/month · renews in 41 days",
        "● 74 → 52 amber",
        '−13  their admin scored us 2: "third time support lost our ticket"',
        "−9  urgent ticket T-118 open for 5 days",
        "•  an answer of 2 is a detractor's",
        "What to do: Ask what went wrong with the lost tickets, and say who will fix it by when.",
        "for Owner of Northwind · Task · due tomorrow 15:00 (Berlin time) · just now",
        "Playbook “Detractor: call within a day” · assigned: they own the account · tsk-41",
        "To act on it: keepwell tasks take tsk-41 (or done, snooze, reassign, false-alarm)",
    ]


def test_a_text_reads_as_a_message_does() -> None:
    assert plain.render(told("a group"), MOST).split("\n")[:7] == [
        "12 accounts turned red",
        "€12,000.66 a month together",
        "",
        "(1) Customer-000 · Pro · €1,000/month · renews in 41 days · 74 → 10 red",
        '−13 their admin scored us 2: "third time support lost our ticket"',
        "",
        "(2) Customer-001 · Pro · €1,000.01/month · renews in 41 days · 74 → 11 red",
    ]


def test_the_score_has_the_colour_of_its_band_and_says_it_in_words() -> None:
    for band, colour in (("red", "Attention"), ("amber", "Warning"), ("green", "Good"), ("unknown", "Default")):
        message = compose_group([an_action(account=an_account(band=band))], NOW)
        scores = [line["inlines"][0] for line in card.render(message, "dlv_1")["body"] if "52" in str(line)]
        assert [(one["text"], one["color"]) for one in scores] == [(f"● 74 → 52 {band}", colour)]


def test_a_card_has_the_id_of_its_delivery_and_nothing_to_press() -> None:
    shown = card.render(told("a task"), "dlv_1")
    assert shown["body"][0]["id"] == "dlv_1"
    assert "action" not in json.dumps(shown).lower().replace("dlv_1", "")


def test_what_finds_no_room_on_a_card_is_counted_and_named() -> None:
    offer = Offer(item_id="i", account_id="a", kind="task", title="t", moves=["take"])
    items = [Item(headline=f"Customer {n} · Pro", todo="☃" * 280, also="☃" * 280, offer=offer) for n in range(20)]
    message = msgspec.structs.replace(told("a group"), items=items)
    shown = words(card.render(message, "dlv_1"))
    [left] = [line for line in shown if "no room" in line]
    number = int(left.split()[1])
    assert sum(line.startswith("Customer ") for line in shown) == 20 - number
    assert left == f"and {number} more, for which there is no room here: " + ", ".join(
        f"Customer {n}" for n in range(20 - number, 20)
    )


def test_what_finds_no_room_in_a_text_is_counted_and_what_is_asked_stays() -> None:
    message = compose_group(alerts_that_turned_red(300), NOW, shared=True)
    for most in (2_000, 1_200):
        text = plain.render(message, most)
        assert len(text) <= most
        assert "more lines, for which there is no room here." in text
        assert "→ Find out what changed on their side." in text
        assert "for Owner of Northwind" in text


@pytest.mark.parametrize(
    ("url", "most"),
    [
        ("https://discord.com/api/webhooks/1/x/slack", 2_000),
        ("https://discord.com.evil.example/x", MOST),
        ("https://chat.googleapis.com/v1/spaces/A/messages?key=x", MOST),
        ("", MOST),
    ],
)
def test_a_text_is_as_long_as_its_chat_takes(url: str, most: int) -> None:
    assert most_of(url) == most


HOSTILE: Final = (
    "@all @here @channel @everyone @kim <!channel> <@U1> <@&7> <users/all> @here.example",
    "[click](https://evil.example) <https://evil.example|click> https://evil.example www.evil.example [x]: y [x][y]",
    "# a heading",
    "```rm -rf /``` `x` ~~gone~~ **bold** ~town-square #general",
    "&lt;!channel&gt; &#64;all",
    "- a list",
    "1. a list",
    "<at>Kim</at>",
    "{{DATE(2017-02-14T06:08:39Z, SHORT)}}",
    "kim@everyone @all: a,@all",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_comes_from_outside_pings_nobody_and_leads_nowhere(text: str) -> None:
    message = compose_group(
        [an_action(account=an_account(name=text), title=text, why=[text], do=text)], NOW, shared=True
    )
    in_text = plain.render(message, MOST)
    assert not ALIVE.search(in_text), in_text
    assert not [line for line in in_text.split("\n") if line[:2] in ("- ", "1.", "# ")]
    shown = card.render(message, "dlv_1")
    assert list(faults(shown)) == []
    assert "{{" not in json.dumps(shown)


def test_an_address_and_a_command_can_be_copied_from_a_text() -> None:
    for text in ("Kim (admin) · kim.lee+x@all-hands.example.com · +49 30 1", "keepwell tasks take act_3f2a91c0"):
        assert plain.escape(text) == text


TEXT = st.text(max_size=60) | st.sampled_from(HOSTILE) | st.text('"\\\n😀é@<>[](:/)#', max_size=700)
REASON = st.builds(Reason, TEXT, TEXT)
PART = st.builds(
    Section, heading=TEXT, lines=st.lists(st.builds(Line, headline=TEXT, text=TEXT, ref=TEXT), max_size=30)
)
ITEM = st.builds(
    Item, headline=TEXT, score=TEXT, reason=REASON, todo=TEXT, due=TEXT, also=TEXT, contact=TEXT, recipient=TEXT
)
MESSAGE = st.builds(
    Message,
    kind=st.just("group"),
    label=TEXT,
    severity=st.just("high"),
    band=st.sampled_from(["red", "amber", "green", "unknown", "?"]),
    subject=TEXT,
    title=TEXT.filter(bool),
    status=TEXT,
    headline=TEXT,
    score=TEXT,
    reasons=st.lists(REASON, max_size=6),
    contact=TEXT,
    also=st.lists(TEXT, max_size=8),
    task=TEXT,
    todo=TEXT,
    sections=st.lists(PART, max_size=5),
    items=st.lists(ITEM, max_size=20),
    more=TEXT,
    rest=st.lists(PART, max_size=3),
    recipient=TEXT,
    footer=TEXT,
    detour=TEXT,
)


@given(MESSAGE, st.booleans())
def test_no_message_is_ever_too_much_wrong_or_alive(message: Message, repeat: bool) -> None:
    shown = card.render(message, "dlv_1", repeat=repeat)
    assert list(misread(shown)) == []
    body = envelope(shown)
    assert json.loads(msgspec.json.encode(body)) == body
    assert max(len(msgspec.json.encode(body)), teams_size(body), card.weight(shown)) <= MOST_OF_TEAMS
    for most in (2_000, MOST):
        text = plain.render(message, most, repeat=repeat)
        assert len(text) <= most
        assert not ALIVE.search(text), text


@given(TEXT, st.integers(10, 500))
def test_what_is_cut_weighs_no_more_and_begins_alike(text: str, most: int) -> None:
    short = card.cut(text, most)
    assert card.weight(short.removesuffix("…")) <= max(most, card.weight(text[:1]))
    assert text.startswith(short.removesuffix("…"))
